"""Pinned views when something goes wrong: one read and one write a person, and every list is what the receipt says."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from django.core.cache import cache

from memberships.models import Cause, Job
from memberships.services import proposals
from tests.faults.mishaps import HANG_S, MISHAPS, Effect
from tests.faults.rig import Rig, when

pytestmark = pytest.mark.django_db


@pytest.fixture
def views(rig: Rig) -> list[str]:
    return list(rig.world.organizations[rig.organization_id].smart_views)


@pytest.fixture
def pinned(rig: Rig) -> Callable[[list[str]], list[tuple[str, ...]]]:
    """What these people have pinned in Close."""
    return lambda people: [tuple(rig.world.membership(pk)["pinned_views"]) for pk in people]


@pytest.fixture
def wanted(rig: Rig, views: list[str]) -> tuple[str, ...]:
    """A list nobody has."""
    return (views[5], views[0], views[3], views[1])


def is_write(request) -> bool:
    return request.method == "PUT" and request.path.endswith("/pinned_views/")


def copied(rig: Rig, source: str, people: list[str]) -> Job:
    plan = proposals.copied_pins(rig.connection, source, people, reason="", channel="test")
    return rig.apply(plan)


# How many calls


@pytest.mark.parametrize("number", [1, 4, 12])
def test_copying_costs_one_call_a_person_to_review_and_two_to_apply(rig, views, number):
    source, *people = rig.people(number + 1)
    rig.world.set_settings(source, pinned_views=views[:4])
    for pk in people:
        rig.world.set_settings(pk, pinned_views=views[1:2])
    rig.close.calls.clear()
    job = copied(rig, source, people)
    assert rig.calls("GET", "pinned_views") == number + 1
    # Everyone, the roles, and the views by name.
    assert rig.calls() == number + 1 + 3
    rig.close.calls.clear()
    rig.finish(job)
    assert rig.outcomes(job) == ["done"] * number
    assert (rig.calls("GET", "pinned_views"), rig.calls("PUT", "pinned_views")) == (number, number)
    assert rig.calls() == 2 * number + 2, "the answer to the write is the whole list: nobody is read after it"
    assert rig.truth.lies(job.pk) == []


def test_nobody_who_is_inactive_is_asked_for(rig, views):
    source, gone, *people = rig.people(4)
    rig.world.set_settings(source, pinned_views=views[:2])
    rig.world.deactivate(gone)
    rig.close.calls.clear()
    copied(rig, source, [gone, *people])
    assert rig.calls("GET", f"{gone}/pinned_views") == 0
    assert rig.calls("GET", "pinned_views") == len(people) + 1


# What may happen to a write, and to the read before it

PLACES = range(3)
CASES = [
    pytest.param(*case, id="-".join(map(str, case)), marks=pytest.mark.faults(spread=number % 7 == 0))
    for number, case in enumerate(itertools.product(MISHAPS, ("PUT", "GET"), PLACES))
]


@pytest.mark.parametrize(("mishap", "method", "place"), CASES)
def test_the_receipt_is_true_whatever_happens_to_a_call(rig, wanted, pinned, mishap, method, place):
    people = rig.people(3)
    before = pinned(people)
    job = rig.change(people, {"pinned_views": wanted})
    fault = mishap.arm(
        rig.close.faults, HANG_S, method=method, path=f"/membership/{people[place]}/pinned_views/", times=1
    )
    rig.finish(job)
    assert fault.hits == 1
    assert rig.truth.lies(job.pk) == []
    # A 401 is answered with a new token, a question is asked again, and a rate limit is waited for.
    heals = mishap.refusal == 401 or "429" in mishap.name or (method == "GET" and not mishap.refusal)
    refused = not heals and mishap.effect is Effect.NOTHING
    assert rig.outcomes(job) == ["refused" if refused and n == place else "done" for n in PLACES]
    assert pinned(people) == [before[n] if refused and n == place else wanted for n in PLACES]


def test_a_lost_answer_after_the_change_is_done_without_sending_again(rig, wanted, pinned):
    people = rig.people(2)
    job = rig.change(people, {"pinned_views": wanted})
    rig.close.faults.drop("after", method="PUT")
    rig.finish(job)
    assert rig.outcomes(job) == ["done", "done"]
    assert pinned(people) == [wanted, wanted]
    assert rig.calls("PUT", "pinned_views") == 2
    assert rig.truth.lies(job.pk) == []


def test_a_lost_answer_before_the_change_is_not_called_done(rig, wanted, pinned):
    people = rig.people(2)
    before = pinned(people)
    job = rig.change(people, {"pinned_views": wanted})
    rig.close.faults.drop(method="PUT")
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "done"]
    assert job.plan.rows.get(member_id=people[0]).cause == Cause.LOST
    assert pinned(people) == [before[0], wanted]
    assert rig.truth.lies(job.pk) == []


def test_an_answer_that_shows_another_list_is_no_proof(rig, wanted):
    """Close may leave out what it does not like: then the list is read again, and told as it is."""
    (person,) = rig.people(1)
    job = rig.change([person], {"pinned_views": wanted})
    app = rig.close.app

    def forgetful(request):
        response = app(request)
        if is_write(request):
            rig.world.set_settings(person, pinned_views=list(wanted[:2]))
            response = app(type(request)(**{**vars_of(request), "method": "GET", "body": b""}))
        return response

    rig.close.app = forgetful
    rig.finish(job)
    assert rig.outcomes(job) == ["refused"]
    row = job.plan.rows.get()
    assert "Read again several times: the change is not there." in row.error


def vars_of(request):
    return {name: getattr(request, name) for name in type(request).__dataclass_fields__}


# What others do meanwhile


def test_a_list_that_moved_since_the_review_is_refused_with_both(rig, views, wanted, pinned):
    people = rig.people(3)
    job = rig.change(people, {"pinned_views": wanted})
    rig.world.set_settings(people[1], pinned_views=[views[2]])
    rig.finish(job)
    assert rig.outcomes(job) == ["done", "refused", "done"]
    row = job.plan.rows.get(member_id=people[1])
    name = rig.world.organizations[rig.organization_id].smart_views[views[2]].name
    assert row.cause == Cause.STALE
    assert f"and are now {name}. Nothing was sent." in row.error
    assert pinned(people)[1] == (views[2],)
    assert rig.truth.lies(job.pk, moved=people[1:2]) == []


def test_a_list_that_moves_just_before_its_own_read_is_left_alone(rig, views, wanted, pinned):
    """Each list is read right before it is written, not all at the start."""
    people = rig.people(3)
    job = rig.change(people, {"pinned_views": wanted})
    when(rig.close, is_write, lambda: rig.world.set_settings(people[2], pinned_views=[views[2]]))
    rig.finish(job)
    assert rig.outcomes(job) == ["done", "done", "refused"]
    assert pinned(people)[2] == (views[2],)


def test_somebody_deactivated_meanwhile_is_left_alone(rig, wanted, pinned):
    people = rig.people(2)
    before = pinned(people)
    job = rig.change(people, {"pinned_views": wanted})
    rig.world.deactivate(people[0])
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "done"]
    assert pinned(people)[0] == before[0]
    assert rig.calls("PUT", people[0]) == 0


def test_a_view_deleted_after_the_review_is_refused_for_all_and_says_why(rig, views, wanted, pinned):
    people = rig.people(2)
    before = pinned(people)
    job = rig.change(people, {"pinned_views": wanted})
    rig.world.delete_smart_view(rig.organization_id, wanted[1])
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "refused"]
    assert all("saved_view_ids" in row.error for row in job.plan.rows.all())
    assert pinned(people) == before
    assert rig.truth.lies(job.pk) == []


# Back


def test_undo_puts_every_list_back(rig, views, wanted, pinned):
    people = rig.people(3)
    for pk, its_views in zip(people, ([], views[:3], views[4:5]), strict=True):
        rig.world.set_settings(pk, pinned_views=its_views)
    before = pinned(people)
    job = rig.finish(rig.change(people, {"pinned_views": wanted}))
    rig.witness.begin()
    back = rig.finish(rig.undo(job))
    assert pinned(people) == before
    assert rig.outcomes(back) == ["done"] * 3
    assert rig.truth.lies(back.pk) == []


def test_undo_leaves_alone_what_was_changed_since_and_warns_of_what_is_gone(rig, views, wanted, pinned):
    people = rig.people(2)
    rig.world.set_settings(people[0], pinned_views=views[:2])
    rig.world.set_settings(people[1], pinned_views=[views[2]])
    name = rig.world.organizations[rig.organization_id].smart_views[views[2]].name
    job = rig.finish(rig.change(people, {"pinned_views": wanted}))
    rig.world.set_settings(people[0], pinned_views=[views[4]])
    rig.world.delete_smart_view(rig.organization_id, views[2])
    cache.clear()
    plan = proposals.undo(job, rig.connection, reason="", channel="test")
    moved, gone = plan.rows.order_by("position")
    assert (moved.verdict, moved.reason) == ("blocked", "Changed since by someone else: left as it is.")
    assert "isn't there any more, or you can't see it: the whole list may be refused." in gone.reason
    assert plan.names[views[2]] == name, "the name is kept, though nobody else knows it any more"


def test_what_was_not_done_is_tried_again_from_what_is_true_now(rig, views, wanted, pinned):
    people = rig.people(3)
    rig.close.faults.fail_next(400, method="PUT", path=f"/membership/{people[1]}/")
    job = rig.finish(rig.change(people, {"pinned_views": wanted}))
    assert rig.outcomes(job) == ["done", "refused", "done"]
    rig.witness.begin()
    again = rig.finish(rig.again(job))
    assert pinned(people) == [wanted] * 3
    assert rig.outcomes(again) == ["done"]
    assert rig.truth.lies(again.pk) == []
