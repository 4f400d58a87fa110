"""The main job through the views, against the rehearsal Close."""

import re

from memberships.models import AuditEntry, Job, Plan


def test_a_role_change_is_reviewed_applied_and_read_back(admin, world, northwind, work):
    users = [m for m in world.members(northwind) if m["role_id"] == "user"]
    chosen = [m["id"] for m in users[:3]]
    admin.post("/members/selection/", {"shown": chosen, "member": chosen, "action": "role"})
    answer = admin.post("/members/selection/role/", {"value": "restricteduser", "reason": "Quarterly review"})
    page = admin.get(answer.url)
    assert "Apply to 3 members" in page.content.decode()
    plan = Plan.objects.get()
    applied = admin.post(f"/plans/{plan.pk}/apply/", {"fingerprint": plan.fingerprint})
    work()
    receipt = re.sub(r"<[^>]+>|\s+", " ", admin.get(applied.url).content.decode())
    assert re.search(r"3\s+done", receipt)
    assert all(world.membership(pk)["role_id"] == "restricteduser" for pk in chosen)
    entries = AuditEntry.objects.filter(event="member.role.set")
    assert [(e.outcome, e.before_text, e.after_text, e.reason) for e in entries] == [
        ("done", "User", "Restricted User", "Quarterly review")
    ] * 3
    assert Job.objects.get().finished
