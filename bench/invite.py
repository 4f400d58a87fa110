"""200 invitations of which every 10th call is answered with 429, against the same without, plus the waits asked for."""

from __future__ import annotations

from itertools import count

from bench.rig import between_s, finished, press_apply, rig
from bench.table import Line, medians

INVITATIONS, EVERY, RETRY_AFTER_S = 200, 10, 1
# A refused call is made again, so of ten calls nine succeed.
FAULTS = INVITATIONS // (EVERY - 1)
ROUNDS = 3


def measure() -> list[Line]:
    with rig(240, worker=True) as its_rig:
        from memberships.models import MirroredRole
        from memberships.services import proposals, roster

        roster.read(its_rig.connection)
        role_id = MirroredRole.objects.get(name="User").remote_id
        numbers = count()

        def invite(people: int) -> float:
            text = "\n".join(f"new{next(numbers)}@northwind-rehearsal.example" for _ in range(people))
            plan = proposals.invitations(
                its_rig.connection, text, role_id, reason="bench", channel="dashboard"
            )
            job = finished(press_apply(its_rig, plan))
            return between_s(job.claimed_at, job.finished_at)

        def invite_against_faults() -> float:
            for number in range(1, FAULTS + 1):
                its_rig.close.control(
                    "faults",
                    kind="fail",
                    status=429,
                    method="POST",
                    path="/membership/$",
                    skip=number * (EVERY - 1),
                    headers={"retry-after": str(RETRY_AFTER_S)},
                )
            before = len(its_rig.close.calls())
            taken_s = invite(INVITATIONS)
            hit = [call["fault"] for call in its_rig.close.calls()[before:]].count("fail")
            assert hit == FAULTS, f"{hit} of {FAULTS} faults came to pass"
            return taken_s

        invite(1)  # until the worker is up
        without_s, with_s = medians(ROUNDS, lambda: invite(INVITATIONS), invite_against_faults)
    waits_s = FAULTS * RETRY_AFTER_S
    return [
        Line("without faults", without_s, "s"),
        Line(f"waits asked for, {FAULTS} times", waits_s, "s"),
        Line("with faults", with_s, "s"),
        Line("with : without + waits", with_s / (without_s + waits_s), limit=1.2),
    ]
