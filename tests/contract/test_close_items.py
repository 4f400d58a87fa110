"""Roles, groups, views, work and events at Close: what is asked, what is sent, and what is made of the answers."""

from datetime import UTC, datetime, timedelta

import pytest
import responses

from memberships.domain.items import NAME, OPEN, OWNER, PERMISSIONS, Item, Kind
from memberships.domain.people import PINS, Value
from memberships.providers import Creation, Deletion, Grouping, ItemChange, Pinning
from memberships.providers.close import CloseProvider
from memberships.providers.errors import Refused, Unavailable
from sandbox.rehearsal import ADMIN, NORTHWIND_DOMAIN

from .conftest import Token


@pytest.fixture
def northwind_user(world):
    return world.user_id(ADMIN)


def asked(close, method):
    return [call for call in close.calls if call.method == method and not call.path.startswith("/oauth2/")]


# Groups


def test_a_group_is_made_renamed_filled_emptied_and_deleted(make, close, world, northwind, northwind_user):
    provider = make()
    group = provider.apply(Creation(Kind.GROUP, {NAME: "Night shift"}))
    assert group == Item(Kind.GROUP, group.id, "Night shift", {NAME: "Night shift"})
    assert group in provider.groups()
    renamed = provider.apply(ItemChange(Kind.GROUP, {NAME: "Late shift"}, (group.id,)))
    assert renamed.value(NAME) == "Late shift"
    assert provider.apply(Grouping(group.id, northwind_user, True)) is None
    assert provider.apply(Grouping(group.id, northwind_user, True)) is None
    assert provider.group_members(group.id) == {northwind_user}
    provider.apply(Grouping(group.id, northwind_user, False))
    assert provider.group_members(group.id) == frozenset()
    provider.apply(Deletion(Kind.GROUP, group.id))
    assert provider.group_members(group.id) is None
    assert group.id not in world.organizations[northwind].groups


def test_members_of_a_group_are_asked_for_by_name(make, close, world, northwind):
    """Without `_fields` Close leaves them out."""
    group_id = next(iter(world.organizations[northwind].groups))
    make().group_members(group_id)
    (call,) = asked(close, "GET")
    assert call.query == {"_fields": "id,name,organization_id,members"}


@responses.activate
def test_a_group_without_its_members_is_no_answer():
    provider = CloseProvider("https://close.example", Token("t"), "orga_1", deadline_s=2.0)
    responses.get("https://close.example/api/v1/group/group_1/", json={"id": "group_1", "members": None})
    with pytest.raises(Unavailable, match="without its members"):
        provider.group_members("group_1")


# Roles


def test_a_role_is_made_edited_and_deleted(make, world, northwind):
    provider = make()
    values: dict[str, Value] = {NAME: "Closer", PERMISSIONS: ("calling", "view_all_leads")}
    role = provider.apply(Creation(Kind.ROLE, values))
    assert {name: role.value(name) for name in values} == values
    edited = provider.apply(ItemChange(Kind.ROLE, {PERMISSIONS: ("calling", "export")}, (role.id,)))
    assert edited.value(PERMISSIONS) == ("calling", "export")
    assert next(r for r in provider.roles() if r.id == role.id).permissions == {"calling", "export"}
    provider.apply(Deletion(Kind.ROLE, role.id))
    assert role.id not in world.organizations[northwind].roles


def test_a_system_role_is_refused_with_closes_words(make):
    with pytest.raises(Refused, match="System roles"):
        make().apply(Deletion(Kind.ROLE, "admin"))


# Pinned views


def test_pinned_views_are_read_and_written_in_order(make, world, northwind):
    views = [world.add_smart_view(northwind, f"View {number}") for number in range(3)]
    member_id = world.membership_id(northwind, ADMIN)
    provider = make()
    order = (views[2], views[0])
    answer = provider.apply(Pinning(member_id, order))
    assert answer == Item(Kind.MEMBER, member_id, "", {PINS: order})
    assert provider.pinned_views([member_id]) == {member_id: order}


def test_many_peoples_pins_cost_one_call_each(make, close, world, northwind):
    ids = [m["id"] for m in world.members(northwind)][:12]
    found = make().pinned_views(ids)
    assert list(found) == ids
    assert len(asked(close, "GET")) == 12
    assert make().pinned_views([]) == {}


def test_one_refused_among_many_is_the_answer(make, close, world, northwind):
    ids = [m["id"] for m in world.members(northwind)][:5]
    with pytest.raises(Refused):
        make().pinned_views([*ids, "memb_nobody"])


def test_views_of_every_type_are_listed_with_whom_they_are_shared(make, world, northwind):
    mine = world.add_smart_view(northwind, "Mine", type="contact", owner=world.user_id(ADMIN), shared=False)
    group_id = next(iter(world.organizations[northwind].groups))
    theirs = world.add_smart_view(northwind, "Team", type="opportunity", groups=(group_id,))
    views = {view.id: view for view in make().views()}
    assert (views[mine].name, views[mine].type, views[mine].shared_with_all) == ("Mine", "contact", False)
    assert views[mine].owner_id == world.user_id(ADMIN)
    assert views[theirs].group_ids == {group_id}


# Work


@pytest.fixture
def leaver(world, northwind):
    email = f"leaver@{NORTHWIND_DOMAIN}"
    world.add_person(northwind, email, "Lee", "Ver")
    return world.user_id(email)


def test_open_work_of_one_person(make, world, northwind, leaver):
    task = world.add_task(northwind, leaver, "Call back")
    world.add_task(northwind, leaver, "Done long ago", complete=True)
    sale = world.add_opportunity(northwind, leaver, "Big one")
    world.add_opportunity(northwind, leaver, "Won already", status="won")
    provider = make()
    assert [item.id for item in provider.work(Kind.TASK, leaver)] == [task]
    assert [item.id for item in provider.work(Kind.OPPORTUNITY, leaver)] == [sale]


def test_work_is_found_wherever_it_is_now(make, world, northwind, leaver, northwind_user):
    task = world.add_task(northwind, leaver, "Call back")
    done = world.add_task(northwind, leaver, "Written", complete=True)
    sale, moved = (world.add_opportunity(northwind, who, "Sale") for who in (leaver, northwind_user))
    provider = make()
    tasks = provider.find_work(Kind.TASK, [task, done, "task_gone"], {leaver})
    assert {pk: (i.value(OWNER), i.value(OPEN)) for (_, pk), i in tasks.items()} == {
        task: (leaver, True),
        done: (leaver, False),
    }
    sales = provider.find_work(Kind.OPPORTUNITY, [sale, moved, "oppo_gone"], {leaver})
    assert {pk: i.value(OWNER) for (_, pk), i in sales.items()} == {sale: leaver, moved: northwind_user}


def test_work_is_handed_over_by_id_only(make, close, world, northwind, leaver, northwind_user):
    tasks = tuple(world.add_task(northwind, leaver, f"Task {number}") for number in range(3))
    others = world.add_task(northwind, leaver, "Not chosen")
    sale = world.add_opportunity(northwind, leaver, "Big one")
    provider = make()
    assert provider.apply(ItemChange(Kind.TASK, {OWNER: northwind_user}, tasks)) is None
    answer = provider.apply(ItemChange(Kind.OPPORTUNITY, {OWNER: northwind_user}, (sale,)))
    assert answer.value(OWNER) == northwind_user
    (put, _) = asked(close, "PUT")
    assert put.query["id__in"] == ",".join(tasks)
    held = {pk: task.assigned_to for pk, task in world.organizations[northwind].tasks.items()}
    assert [held[pk] for pk in tasks] == [northwind_user] * 3
    assert held[others] == leaver


@pytest.mark.parametrize("ids", [(), ("",), ("task_1", "")])
def test_work_of_nobody_in_particular_can_not_be_handed_over(ids):
    with pytest.raises(ValueError, match="ids"):
        ItemChange(Kind.TASK, {OWNER: "user_1"}, ids)


# The event log


def test_who_came_and_went_since_a_moment(make, close, world, northwind):
    before = datetime.now(UTC) - timedelta(seconds=1)
    somebody = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    by = world.user_id(ADMIN)
    world.deactivate(somebody, by_user_id=by)
    (happening,) = make().happenings(Kind.MEMBER, before)
    assert (happening.item_id, happening.action, happening.user_id) == (somebody, "deactivated", by)
    assert before < happening.at
    assert [call.query["action"] for call in asked(close, "GET")] == ["activated", "deactivated"]


def test_a_long_log_is_read_page_by_page(make, close, world, northwind):
    before = datetime.now(UTC) - timedelta(seconds=1)
    somebody = next(m["id"] for m in world.members(northwind) if m["role_id"] == "user")
    for _ in range(30):
        world.deactivate(somebody)
        world.reactivate(somebody)
        world.deactivate(somebody)
        world.reactivate(somebody)
    found = make().happenings(Kind.MEMBER, before)
    assert len([h for h in found if h.action == "deactivated"]) == 60
    assert len(asked(close, "GET")) == 4


@responses.activate
@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00", "2026-05-01T10:00:00+02:00", "2026-05-01T10:00:00.123456"]
)
def test_dates_with_and_without_a_zone_and_of_year_one_are_read(date):
    provider = CloseProvider("https://close.example", Token("t"), "orga_1", deadline_s=2.0)
    event = {"object_id": "memb_1", "action": "activated", "date_updated": date}
    responses.get("https://close.example/api/v1/event/", json={"data": [event], "cursor_next": None})
    found = provider.happenings(Kind.MEMBER, datetime(2026, 1, 1, tzinfo=UTC))
    assert all(happening.at.tzinfo is not None for happening in found)
