"""A worker that dies at any step of making a group: it is never made twice, and in the end everybody is in it.

Close's words for a group say nothing of people, so the judge of the other tests can't tell; the rehearsal is asked.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memberships.domain.people import group_field
from memberships.models import Job, MirroredGroup
from memberships.services import audit, proposals
from tests.faults.rig import Rig
from tests.faults.test_crashes import Killed, Steps, again, finish

__all__ = ["again"]

NOTE = {"reason": "", "channel": "test"}
EVERY = [
    pytest.param(1, id="every step", marks=pytest.mark.faults),
    pytest.param(11, id="some steps", marks=pytest.mark.once),
]


def made(rig: Rig) -> Job:
    return rig.apply(proposals.new_group(rig.connection, "Night shift", rig.people(3), **NOTE))


def joined(rig: Rig) -> Job:
    group_id = rig.world.add_group(rig.organization_id, "Night shift", [])
    wanted = {group_field(group_id): True}
    return rig.apply(proposals.change(rig.connection, rig.people(3), wanted, **NOTE))


def made_anew(rig: Rig) -> Job:
    """After it was deleted."""
    rig.finish(made(rig))
    group_id = rig.world.group_id(rig.organization_id, "Night shift")
    job = rig.apply(proposals.deleted_group(rig.connection, group_id, **NOTE))
    return rig.undo(rig.finish(job))


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("scenario", [made, joined, made_anew], ids=lambda scenario: scenario.__name__)
def test_a_worker_may_die_anywhere_and_a_group_is_made_once(
    rig: Rig, again: Callable, scenario: Callable[[Rig], Job], every: int
):
    steps = Steps(at=0)
    with again(scenario) as job:
        with steps.counted():
            rig.finish(job)
        expected = set(rig.outcomes(job))
    assert expected == {"done"}
    for at in range(1, steps.number + 1, every):
        with again(scenario) as job:
            died = Steps(at)
            with died.counted(), pytest.raises(Killed):
                rig.finish(job)
            told = f"died at step {at} of {steps.number}, {died.log[-1]}"
            finish(rig, job)
            if rig.outcomes(job)[0] == "refused":
                # Died before the call that makes it: whether it was sent nobody knows, so it is not sent again
                # by itself. It was not, and nobody was put anywhere.
                assert set(rig.outcomes(job)[1:]) == {"not attempted"}, told
                job = rig.finish(rig.again(job))
            assert set(rig.outcomes(job)) == {"done"}, told
            names = [g.name for g in rig.world.organizations[rig.organization_id].groups.values()]
            assert names.count("Night shift") == 1, told
            inside = rig.world.groups(rig.organization_id)["Night shift"]
            assert sorted(inside) == sorted(rig.world.membership(pk)["user_id"] for pk in rig.people(3)), told
            mirrored = MirroredGroup.objects.filter(name="Night shift").values_list("remote_id", "user_ids")
            group_id = rig.world.group_id(rig.organization_id, "Night shift")
            assert list(mirrored) in ([(group_id, sorted(inside))], []), told
            assert audit.verify(rig.connection.organization) == [], told
