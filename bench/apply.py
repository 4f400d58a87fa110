"""1,000 role changes of 1,240 people, 100 ms away, by a real worker, against the same calls made bare."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.rig import Close, between_s, finished, press_apply, rig
from bench.table import Line, took_s

PEOPLE, CHANGES, ONE_BY_ONE = 1_240, 1_000, 50
LATENCY_S = 0.1
ROUNDS = 5


def measure() -> list[Line]:
    with rig(PEOPLE, worker=True) as its_rig:
        from django.utils import timezone

        from memberships.models import MirroredMember, MirroredRole
        from memberships.services import proposals, roster

        close = its_rig.close
        roster.read(its_rig.connection)
        roles = dict(MirroredRole.objects.values_list("name", "remote_id"))
        ordinary = MirroredMember.objects.filter(status="active", can_manage=False).order_by("pk")
        ids = list(ordinary.values_list("remote_id", flat=True)[:CHANGES])
        assert len(ids) == CHANGES

        def plan(ids: list[str]) -> Any:
            wanted = {"role": roles["Support Lead"]}
            return proposals.change(its_rig.connection, ids, wanted, reason="bench", channel="dashboard")

        # Each side gives the same people a role of its own, so that every call has something to change.
        _one_by_one(close, ids, roles["User"])
        finished(press_apply(its_rig, plan(ids[:1])))  # now the worker is up
        _one_by_one(close, ids[:1], roles["User"])
        close.control("settings", latency_s=LATENCY_S)
        numbers, claims_s, jobs_s, loops_s, bare_s = [], [], [], [], []
        for _ in range(ROUNDS):
            its_plan = plan(ids)
            before, pressed_at = len(close.calls()), timezone.now()
            job = finished(press_apply(its_rig, its_plan))
            assert its_rig.browser.get(f"/jobs/{job.pk}/").status_code == 200
            calls = close.calls()[before:]
            numbers.append(len(calls))
            claims_s.append(between_s(pressed_at, job.claimed_at))
            jobs_s.append(between_s(job.claimed_at, job.finished_at))
            loops_s.append(took_s(lambda: _one_by_one(close, ids[:ONE_BY_ONE], roles["User"])))
            bare_s.append(took_s(lambda: _replay(close, calls, roles["Sales Manager"])))  # noqa: B023 - called now
    job_s, loop_s = median(jobs_s), median(loops_s) / ONE_BY_ONE * CHANGES
    return [
        Line("API calls from Apply to receipt", max(numbers), limit=5),
        Line("Apply to claim", median(claims_s), "s", limit=0.5),
        Line("claim to last outcome", job_s, "s"),
        Line("the same calls bare", median(bare_s), "s"),
        Line("claim to last outcome : bare", job_s / median(bare_s), limit=2.0),
        Line(f"one PUT each, {ONE_BY_ONE} scaled to {CHANGES:,}", loop_s, "s"),
        Line("one PUT each : claim to last outcome", loop_s / job_s),
    ]


def _replay(close: Close, calls: list[dict[str, Any]], role_id: str) -> None:
    for call in calls:
        body = call["body"] | {"role_id": role_id} if call["body"] else None
        close.api(call["method"], call["path"].removeprefix("/api/v1/"), call["query"], body)


def _one_by_one(close: Close, ids: list[str], role_id: str) -> None:
    for member_id in ids:
        close.api("PUT", f"membership/{member_id}/", body={"role_id": role_id})
