"""Plans, jobs, receipts and undo where there is no bulk call: each person is a request of their own."""

from __future__ import annotations

from typing import Any

import pytest

from memberships.models import Connection, Job, Plan
from memberships.services import jobs, plans, proposals, roster
from sandbox.commercelayer.rehearsal import BLUEFIN_DOMAIN, OWNER, STORE_TEAM
from tests.faults.rig import when
from tests.steps import just_signed_in


def note() -> dict[str, Any]:
    return {"reason": "", "channel": "test"}


@pytest.fixture
def apply(attached: Connection, work, monkeypatch):
    """Apply a plan and be the worker; the plan with its job."""
    monkeypatch.setattr("memberships.services.run._LOOK_AGAIN_S", (0.05, 0.1))

    def apply(plan: Plan) -> Plan:
        plans.apply(
            plan,
            attached,
            fingerprint=plan.fingerprint,
            typed=str(plan.brake_number or ""),
            proof=just_signed_in(),
        )
        work()
        return plan

    return apply


def some(commerce, organization_id: str, number: int, **wanted: Any) -> list[str]:
    wanted = {"role_kind": "read_only", "status": "active"} | wanted
    found = [
        m["id"]
        for m in commerce.members(organization_id)
        if all(m[name] == value for name, value in wanted.items())
    ]
    assert len(found) >= number
    return found[:number]


def outcomes(plan: Plan) -> list[str]:
    return list(plan.rows.filter(verdict="will").order_by("position").values_list("outcome", flat=True))


def test_a_role_for_many_is_one_request_each_several_at_a_time(
    attached, commerce, commercelayer, bluefin, apply
):
    chosen, role_id = some(commerce, bluefin, 12), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.latency_s = 0.05
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    assert outcomes(plan) == ["done"] * 12
    assert {commerce.membership(pk)["role_id"] for pk in chosen} == {role_id}
    assert commercelayer.calls.tally()["at_once"] > 4
    assert len(commercelayer.calls.matching("PATCH", "/api/memberships")) == 12


def test_one_refused_among_many_stands_alone_with_their_words(attached, commerce, bluefin, apply):
    chosen, role_id = some(commerce, bluefin, 5), commerce.role_id(bluefin, "Merchandiser")
    commerce.refuse(chosen[2], "Not this one.")
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    assert outcomes(plan) == ["done", "done", "refused", "done", "done"]
    assert "Not this one" in plan.rows.get(outcome="refused").error


@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answers_among_many_are_settled_by_reading(
    attached, commerce, commercelayer, bluefin, apply, when
):
    chosen, role_id = some(commerce, bluefin, 6), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.faults.drop(when, method="PATCH", times=2)
    plan = apply(proposals.change(attached, chosen, {"role": role_id}, **note()))
    for pk, outcome in zip(chosen, outcomes(plan), strict=True):
        assert (commerce.membership(pk)["role_id"] == role_id) is (outcome == "done")
    assert outcomes(plan).count("done") == (6 if when == "after" else 4)


def test_the_owner_is_never_touched(attached, commerce, bluefin, apply):
    owner = commerce.membership_id(bluefin, OWNER)
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [owner, *some(commerce, bluefin, 1)], {"role": role_id}, **note())
    assert [row.verdict for row in plan.rows.order_by("position")] == ["blocked", "will"]
    assert "Owns the organization" in plan.rows.get(member_id=owner).reason
    assert proposals.deactivation(attached, [owner], **note()).rows.get().verdict == "blocked"


def test_whoever_becomes_the_owner_meanwhile_is_left_alone(attached, commerce, bluefin, apply):
    (chosen,), role_id = some(commerce, bluefin, 1), commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [chosen], {"role": role_id}, **note())
    commerce.transfer(chosen)
    apply(plan)
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "guard")
    assert commerce.membership(chosen)["role_id"] != role_id


def test_demoting_an_admin_warns_of_no_apps_unless_a_profile_is_given(attached, commerce, bluefin):
    (admin,) = some(commerce, bluefin, 1, role_kind="admin", owner=False, profile_id=None)
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, [admin], {"role": role_id}, **note())
    assert "may be left with none" in plan.rows.get().reason
    profile = next(m["profile_id"] for m in commerce.members(bluefin) if m["profile_id"])
    plan = proposals.change(attached, [admin], {"role": role_id, "membership_profile": profile}, **note())
    assert plan.rows.get().reason == ""


def test_invitations_say_pending_or_active_and_room_is_checked_before(attached, commerce, bluefin, apply):
    role_id = commerce.role_id(bluefin, "Order desk")
    new = f"neu@{BLUEFIN_DOMAIN}"
    plan = apply(proposals.invitations(attached, new, role_id, {"access_scope": "test_access"}, **note()))
    assert outcomes(plan) == ["done"]
    made = commerce.membership(commerce.membership_id(bluefin, new))
    assert (made["status"], made["access_scope"]) == ("pending", "test_access")
    commerce.set_plan(bluefin, "growth", most_members=len(commerce.members(bluefin)) + 1)
    plan = proposals.invitations(attached, "a@x.example\nb@x.example", role_id, **note())
    assert [row.verdict for row in plan.rows.order_by("position")] == ["will", "blocked"]
    assert "no room" in plan.rows.get(verdict="blocked").reason


def test_invitations_are_sent_again_to_those_who_wait(attached, commerce, bluefin, apply):
    waiting = some(commerce, bluefin, 2, status="pending")
    sent = len(commerce.outbox)
    plan = apply(proposals.resending(attached, [*waiting, *some(commerce, bluefin, 1)], **note()))
    assert outcomes(plan) == ["done", "done"]
    assert plan.rows.get(verdict="already").reason.startswith("Has accepted already")
    assert len(commerce.outbox) == sent + 2
    undo = proposals.undo(Job.objects.get(plan=plan), attached, **note())
    assert {row.verdict for row in undo.rows.all()} == {"blocked"}


def test_a_lost_resend_is_not_sent_a_second_time_and_says_what_is_unknown(
    attached, commerce, commercelayer, bluefin, apply
):
    (waiting,) = some(commerce, bluefin, 1, status="pending")
    commercelayer.faults.drop("after", method="POST", path="/resend")
    sent = len(commerce.outbox)
    plan = apply(proposals.resending(attached, [waiting], **note()))
    row = plan.rows.get()
    assert (row.outcome, row.cause) == ("refused", "lost")
    assert "can't be read back" in row.error
    assert len(commerce.outbox) == sent + 1


def test_removing_deletes_and_its_undo_is_an_invitation_with_all_they_had(attached, commerce, bluefin, apply):
    (chosen,) = some(commerce, bluefin, 1)
    profile = next(m["profile_id"] for m in commerce.members(bluefin) if m["profile_id"])
    commerce.set_profile(chosen, profile)
    commerce.set_attributes(chosen, access_scope="all_access", reference="HR-9")
    before = commerce.membership(chosen)
    plan = apply(proposals.deactivation(attached, [chosen], **note()))
    assert outcomes(plan) == ["done"]
    assert not commerce.is_member(chosen)
    undo = proposals.undo(Job.objects.get(plan=plan), attached, **note())
    row = undo.rows.get()
    assert (row.verdict, row.action, row.reason) == ("will", "invite", "Is invited again: an e-mail is sent.")
    apply(undo)
    after = commerce.membership(commerce.membership_id(bluefin, before["email"]))
    kept = ("role_id", "access_scope", "reference", "profile_id")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_the_last_admin_keeps_the_role(attached, commerce, bluefin):
    admins = [m["id"] for m in commerce.members(bluefin) if m["role_kind"] == "admin"]
    role_id = commerce.role_id(bluefin, "Merchandiser")
    plan = proposals.change(attached, admins, {"role": role_id}, **note())
    assert plan.rows.filter(verdict="will").count() + 1 <= len(admins)


def test_what_others_did_is_noticed_and_a_role_of_another_organization_is_refused(
    attached, commerce, bluefin, apply
):
    (chosen,) = some(commerce, bluefin, 1)
    commerce.set_attributes(chosen, reference="elsewhere")
    roster.read(attached)
    entry = attached.organization.audit.get(channel="outside")
    assert (entry.event, entry.after) == ("member.reference.set", "elsewhere")


def test_a_rate_limit_puts_the_job_off_and_nothing_is_lost(
    attached, commerce, commercelayer, bluefin, apply, work
):
    chosen, role_id = some(commerce, bluefin, 6), commerce.role_id(bluefin, "Merchandiser")
    commercelayer.limits.set({"writes_burst": 4})
    plan = proposals.change(attached, chosen, {"role": role_id}, **note())
    job = plans.apply(
        plan,
        attached,
        fingerprint=plan.fingerprint,
        typed=str(plan.brake_number or ""),
        proof=just_signed_in(),
    )
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "waiting"
    assert outcomes(plan).count("done") == 4
    commercelayer.limits.set({"writes_burst": 1000})
    type(job).objects.filter(pk=job.pk).update(not_before=None)
    work()
    assert outcomes(plan) == ["done"] * 6


def test_names_of_profiles_are_known_from_the_list(attached):
    attached.organization.refresh_from_db()
    assert STORE_TEAM in attached.organization.names.values()


# Metadata


def metadata_of(commerce, member_id: str) -> dict[str, Any]:
    return commerce.membership(member_id)["metadata"]


def test_a_key_for_many_keeps_all_else_and_undo_takes_it_back(attached, commerce, bluefin, apply):
    chosen = some(commerce, bluefin, 3)
    commerce.set_attributes(chosen[0], metadata={"team": "North", "shift": {"from": 6}})
    commerce.set_attributes(chosen[1], metadata={"team": "South"})
    before = [metadata_of(commerce, pk) for pk in chosen]
    plan = apply(proposals.change(attached, chosen, {"metadata:team": "South"}, **note()))
    assert sorted(plan.rows.values_list("verdict", flat=True)) == ["already", "will", "will"]
    assert outcomes(plan) == ["done", "done"]
    assert metadata_of(commerce, chosen[0]) == {"team": "South", "shift": {"from": 6}}
    assert metadata_of(commerce, chosen[2]) == {"team": "South"}
    entry = attached.organization.audit.get(plan_id=plan.pk, member_id=chosen[0], event="member.metadata.set")
    assert (entry.label, entry.before_text, entry.after_text) == ("Metadata team", "North", "South")
    apply(proposals.undo(Job.objects.get(plan=plan), attached, **note()))
    assert [metadata_of(commerce, pk) for pk in chosen] == before


def test_the_mirror_shows_a_new_key_and_no_longer_a_removed_one(attached, commerce, bluefin, apply):
    (chosen,) = some(commerce, bluefin, 1)
    mirrored = attached.organization.members.get(remote_id=chosen)
    apply(proposals.change(attached, [chosen], {"metadata:team": "South"}, **note()))
    mirrored.refresh_from_db()
    assert mirrored.settings["metadata:team"] == "South"
    apply(proposals.change(attached, [chosen], {"metadata:team": None}, **note()))
    mirrored.refresh_from_db()
    assert "metadata:team" not in mirrored.settings
    assert not attached.organization.audit.filter(channel="outside").exists()


def test_metadata_that_others_changed_since_the_review_is_not_overwritten(attached, commerce, bluefin, apply):
    one, two, three = some(commerce, bluefin, 3)
    plan = proposals.change(attached, [one, two, three], {"metadata:team": "South"}, **note())
    commerce.set_attributes(one, metadata={"team": "West"})
    commerce.set_attributes(two, metadata={"team": {"is": "West"}})
    commerce.set_attributes(three, metadata={"desk": "4"})
    apply(plan)
    assert [(row.outcome, row.cause) for row in plan.rows.order_by("position")] == [
        ("refused", "stale"),
        ("refused", "stale"),
        ("done", ""),
    ]
    assert [metadata_of(commerce, pk) for pk in (one, two, three)] == [
        {"team": "West"},
        {"team": {"is": "West"}},
        {"desk": "4", "team": "South"},
    ]
    assert "Metadata team was – at the review and is now West" in plan.rows.get(member_id=one).error
    assert "more than text" in plan.rows.get(member_id=two).error


def test_keys_others_add_while_the_job_runs_stay(attached, commerce, commercelayer, bluefin, apply):
    (chosen,) = some(commerce, bluefin, 1)
    plan = proposals.change(attached, [chosen], {"metadata:team": "South"}, **note())

    def added() -> None:
        commerce.set_attributes(chosen, metadata={"late": "yes", "n": 1})

    when(commercelayer, lambda request: "filter[q][id_in]" in request.query, added)
    apply(plan)
    assert outcomes(plan) == ["done"]
    assert metadata_of(commerce, chosen) == {"late": "yes", "n": 1, "team": "South"}


@pytest.mark.parametrize("when_lost", ["before", "after"])
@pytest.mark.parametrize("value", ["South", None])
def test_a_lost_answer_about_metadata_is_settled_by_reading(
    attached, commerce, commercelayer, bluefin, apply, when_lost, value
):
    (chosen,) = some(commerce, bluefin, 1)
    commerce.set_attributes(chosen, metadata={"team": "North", "n": 1})
    plan = proposals.change(attached, [chosen], {"metadata:team": value}, **note())
    commercelayer.faults.drop(when_lost, method="PATCH")
    apply(plan)
    made = metadata_of(commerce, chosen) != {"team": "North", "n": 1}
    assert made is (when_lost == "after")
    assert outcomes(plan) == ["done" if made else "refused"]


def test_what_others_did_to_metadata_is_noticed_by_key(attached, commerce, bluefin):
    (chosen,) = some(commerce, bluefin, 1)
    commerce.set_attributes(chosen, metadata={"team": "North", "shift": {"from": 6}})
    roster.read(attached)
    commerce.set_attributes(chosen, metadata={"shift": {"from": 7}})
    roster.read(attached)
    told = attached.organization.audit.filter(channel="outside").order_by("number")
    assert [(e.label, e.before_text, e.after_text) for e in told] == [
        ("Other metadata", "–", '{"shift": {"from": 6}}'),
        ("Metadata team", "–", "North"),
        ("Other metadata", '{"shift": {"from": 6}}', '{"shift": {"from": 7}}'),
        ("Metadata team", "North", "–"),
    ]


# Apps


@pytest.fixture
def leavers(commerce, bluefin) -> list[str]:
    """Two with apps of their own, one without."""
    chosen = some(commerce, bluefin, 3, application_membership_ids=[])
    commerce.give_app(chosen[0], "orders", filters={"market_id_in": [202]})
    commerce.give_app(chosen[0], "skus")
    commerce.give_app(chosen[1], "exports", role="admin")
    commerce.set_attributes(chosen[0], metadata={"team": "North", "shift": {"from": 6}})
    return chosen


@pytest.fixture
def removed(attached, commerce, leavers, apply):
    """The three are gone; who they were, what they had, and the plan that takes it back."""
    truth = [(commerce.membership(pk), commerce.apps(pk)) for pk in leavers]
    plan = apply(proposals.deactivation(attached, leavers, **note()))
    assert outcomes(plan) == ["done"] * 3
    return truth, proposals.undo(Job.objects.get(plan=plan), attached, **note())


def back(commerce, organization_id: str, person: dict[str, Any]) -> str:
    return commerce.membership_id(organization_id, person["email"])


def test_a_removal_tells_which_apps_are_lost_and_keeps_them(attached, commerce, commercelayer, leavers):
    commercelayer.calls.clear()
    plan = proposals.deactivation(attached, leavers, **note())
    reasons = [row.reason for row in plan.rows.order_by("position")]
    assert reasons[0] == "Loses 2 apps: Orders (live) as Read-only, filtered; Skus (live) as Read-only."
    assert reasons[1:] == ["Loses 1 app: Exports (live) as Admin.", ""]
    assert len(plan.rows.order_by("position")[0].kept["apps"]) == 2
    assert len([c for c in commercelayer.calls if "api_credential" in str(c.query)]) == 1
    assert "secret" not in str([row.kept for row in plan.rows.all()])


def test_undo_of_a_removal_gives_everything_again(attached, commerce, commercelayer, bluefin, apply, removed):
    truth, undo = removed
    sent = len(commerce.outbox)
    commercelayer.calls.clear()
    apply(undo)
    assert outcomes(undo) == ["done"] * 3
    assert len(commerce.outbox) == sent + 3
    for person, apps in truth:
        now = commerce.membership(back(commerce, bluefin, person))
        assert (now["role_id"], now["metadata"]) == (person["role_id"], person["metadata"])
        assert sorted(map(str, commerce.apps(now["id"]))) == sorted(map(str, apps))
    assert not [row.advice for row in undo.rows.all() if "Otherwise" in row.advice]
    assert len(commercelayer.calls.matching("POST", "/application_memberships")) == 3
    told = attached.organization.audit.filter(plan_id=undo.pk, event="member.apps.set", outcome="done")
    assert sorted(told.values_list("after_text", flat=True)) == [
        "Exports (live) as Admin",
        "Orders (live) as Read-only, filtered; Skus (live) as Read-only",
    ]


def test_an_app_that_is_refused_is_never_called_done_and_can_be_tried_again(
    attached, commerce, commercelayer, bluefin, apply, removed
):
    truth, undo = removed
    words = {"errors": [{"title": "Not this app", "detail": "This app is gone.", "status": "422"}]}
    commercelayer.faults.fail_next(422, method="POST", path="/application_memberships", body=words)
    apply(undo)
    assert sorted(outcomes(undo)) == ["done", "done", "refused"]
    row = undo.rows.get(outcome="refused")
    assert row.error.startswith("Is back, as Read-only. Not given again: ")
    assert "This app is gone." in row.error
    again = apply(proposals.again(Job.objects.get(plan=undo), attached, **note()))
    assert outcomes(again) == ["done"]
    for person, apps in truth:
        assert sorted(map(str, commerce.apps(back(commerce, bluefin, person)))) == sorted(map(str, apps))
    taken_back = proposals.undo(Job.objects.get(plan=again), attached, **note())
    assert taken_back.rows.get().verdict == "blocked"


@pytest.mark.parametrize("when_lost", ["before", "after"])
@pytest.mark.parametrize("path", ["/memberships$", "/application_memberships"])
def test_a_lost_answer_while_they_come_back_is_honest(
    attached, commerce, commercelayer, bluefin, apply, removed, when_lost, path
):
    truth, undo = removed
    commercelayer.faults.drop(when_lost, method="POST", path=path)
    apply(undo)
    for row, (person, apps) in zip(undo.rows.order_by("position"), truth, strict=True):
        there = any(m["email"] == person["email"] for m in commerce.members(bluefin))
        held = commerce.apps(back(commerce, bluefin, person)) if there else None
        whole = held is not None and sorted(map(str, held)) == sorted(map(str, apps))
        assert (row.outcome == "done") is whole, row.error
    assert outcomes(undo).count("done") == (3 if when_lost == "after" else 2)
    if when_lost == "before" and path != "/memberships$":
        assert "not there are" in undo.rows.get(outcome="refused").error
    sent = len(commerce.outbox)
    job = Job.objects.get(plan=undo)
    if when_lost == "before":
        apply(proposals.again(job, attached, **note()))
    assert len(commerce.outbox) == sent + (when_lost == "before" and path == "/memberships$")
    for person, apps in truth:
        now = commerce.membership(back(commerce, bluefin, person))
        assert sorted(map(str, commerce.apps(now["id"]))) == sorted(map(str, apps))
        assert now["metadata"] == person["metadata"]


def test_a_rate_limit_between_invitation_and_apps_puts_the_job_off(
    attached, commerce, commercelayer, bluefin, removed, work
):
    truth, undo = removed
    commercelayer.limits.set({"writes": 4})
    job = plans.apply(
        undo,
        attached,
        fingerprint=undo.fingerprint,
        typed=str(undo.brake_number or ""),
        proof=just_signed_in(),
    )
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.state == "waiting"
    assert sum(len(commerce.apps(back(commerce, bluefin, person))) for person, _ in truth) == 1
    commercelayer.limits.set({"writes": 1000})
    Job.objects.filter(pk=job.pk).update(not_before=None)
    work()
    assert outcomes(undo) == ["done"] * 3
    for person, apps in truth:
        held = commerce.apps(back(commerce, bluefin, person))
        assert sorted(map(str, held)) == sorted(map(str, apps))


def test_a_job_stopped_between_invitation_and_apps_says_who_is_back(
    attached, commerce, commercelayer, bluefin, removed
):
    _, undo = removed
    commercelayer.limits.set({"writes": 3})
    job = plans.apply(
        undo,
        attached,
        fingerprint=undo.fingerprint,
        typed=str(undo.brake_number or ""),
        proof=just_signed_in(),
    )
    jobs.run(job.pk)
    jobs.stop(job)
    Job.objects.filter(pk=job.pk).update(not_before=None)
    jobs.run(job.pk)
    assert sorted(outcomes(undo)) == ["done", "not attempted", "not attempted"]
    told = set(undo.rows.filter(outcome="not attempted").values_list("error", flat=True))
    assert told == {"Is back, as Read-only. Their apps are still to be given."}


def test_whoever_is_gone_again_before_their_apps_come_is_said(
    attached, commerce, commercelayer, bluefin, apply, leavers
):
    plan = apply(proposals.deactivation(attached, leavers[:1], **note()))
    undo = proposals.undo(Job.objects.get(plan=plan), attached, **note())
    email = undo.rows.get().email
    when(
        commercelayer,
        lambda request: "filter[q][id_in]" in request.query,
        lambda: commerce.remove(commerce.membership_id(bluefin, email)),
    )
    apply(undo)
    row = undo.rows.get()
    assert row.outcome == "refused"
    assert "no longer in the organization" in row.error


def test_undo_of_that_undo_keeps_the_apps_once_more(attached, commerce, bluefin, apply, removed):
    truth, undo = removed
    apply(undo)
    once_more = apply(proposals.undo(Job.objects.get(plan=undo), attached, **note()))
    assert {row.action for row in once_more.rows.all()} == {"deactivate"}
    last = apply(proposals.undo(Job.objects.get(plan=once_more), attached, **note()))
    assert outcomes(last) == ["done"] * 3
    for person, apps in truth:
        held = commerce.apps(back(commerce, bluefin, person))
        assert sorted(map(str, held)) == sorted(map(str, apps))


def test_a_profile_that_was_given_is_taken_away_again_by_undo(attached, commerce, bluefin, apply):
    (chosen,) = some(commerce, bluefin, 1, profile_id=None)
    profile = next(m["profile_id"] for m in commerce.members(bluefin) if m["profile_id"])
    plan = apply(proposals.change(attached, [chosen], {"membership_profile": profile}, **note()))
    apply(proposals.undo(Job.objects.get(plan=plan), attached, **note()))
    assert commerce.membership(chosen)["profile_id"] is None


def test_what_is_left_of_an_invitation_keeps_its_other_fields(
    attached, commerce, commercelayer, bluefin, apply
):
    role_id, email = commerce.role_id(bluefin, "Admin"), f"neu@{BLUEFIN_DOMAIN}"
    commercelayer.faults.fail_next(422, method="POST", path="/memberships$")
    plan = proposals.invitations(attached, email, role_id, {"access_scope": "test_access"}, **note())
    apply(plan)
    assert outcomes(plan) == ["refused"]
    again = apply(proposals.again(Job.objects.get(plan=plan), attached, **note()))
    assert outcomes(again) == ["done"]
    made = commerce.membership(commerce.membership_id(bluefin, email))
    assert (made["role_id"], made["access_scope"]) == (role_id, "test_access")
