"""Views and who has them pinned, as the client reads and writes them."""

import pytest
import responses

from memberships.domain.items import Item, Kind
from memberships.domain.people import PINS
from memberships.domain.views import View
from memberships.providers import Pinning
from memberships.providers.close import CloseProvider
from memberships.providers.errors import Refused, Unavailable
from sandbox.rehearsal import ADMIN, ORDINARY, SECOND_ADMIN

from .conftest import Token

VIEWS = "https://close.example/api/v1/saved_search/"
PINNED = "https://close.example/api/v1/membership/memb_1/pinned_views/"


@pytest.fixture
def answered() -> CloseProvider:
    """A client whose calls are answered by `responses`."""
    return CloseProvider("https://close.example", Token("t"), "orga_1", deadline_s=2.0)


@pytest.fixture
def sam(world, northwind) -> str:
    return world.membership_id(northwind, ORDINARY)


@pytest.fixture
def ids(world, northwind) -> list[str]:
    return list(world.organizations[northwind].smart_views)


def test_each_members_views_are_read_in_their_order(provider, world, northwind, ids, close):
    people = [m["id"] for m in world.members(northwind)][:5]
    for number, pk in enumerate(people):
        world.set_settings(pk, pinned_views=ids[number::-1])
    assert provider.pinned_views(people) == {pk: tuple(ids[n::-1]) for n, pk in enumerate(people)}
    assert len(close.calls) == 5


def test_nobody_costs_nothing(provider, close):
    assert provider.pinned_views([]) == {}
    assert len(close.calls) == 0


def test_the_answer_to_a_write_is_the_whole_list(provider, world, sam, ids, close):
    wanted = (ids[3], ids[0])
    shown = provider.apply(Pinning(sam, wanted))
    assert shown == Item(Kind.MEMBER, sam, "", {PINS: wanted})
    assert tuple(world.membership(sam)["pinned_views"]) == wanted
    (call,) = close.calls
    assert (call.method, call.path, call.body) == (
        "PUT",
        f"/api/v1/membership/{sam}/pinned_views/",
        {"saved_view_ids": list(wanted)},
    )


def test_a_list_can_be_emptied(provider, world, sam):
    assert provider.apply(Pinning(sam, ())).values == {PINS: ()}
    assert world.membership(sam)["pinned_views"] == []


def test_an_unknown_view_is_refused_and_nothing_is_changed(provider, world, sam, ids):
    before = world.membership(sam)["pinned_views"]
    with pytest.raises(Refused, match="saved_view_ids") as caught:
        provider.apply(Pinning(sam, (ids[0], "save_unknown")))
    assert caught.value.status == 400
    assert world.membership(sam)["pinned_views"] == before


def test_where_unknown_views_are_taken_the_answer_shows_them(provider, world, sam, ids):
    world.switches.unknown_pinned_views_refused = False
    assert provider.apply(Pinning(sam, ("save_unknown",))).values == {PINS: ("save_unknown",)}


def test_views_of_every_kind_are_read_with_whom_they_are_shared(provider, world, northwind):
    views = {view.name: view for view in provider.views()}
    assert {view.type for view in views.values()} == {"lead", "opportunity", "call", "contact", "meeting"}
    assert views["Untouched leads"].shared_with_all
    sales = views["Shared with sales"]
    assert (sales.shared_with_all, len(sales.group_ids)) == (False, 1)
    assert sales.owner_id == world.user_id(ADMIN)
    assert views["Renewal risk"].user_ids == {
        world.user_id(email) for email in (ADMIN, SECOND_ADMIN, ORDINARY)
    }


def test_many_views_are_read_page_by_page(provider, world, northwind, close):
    for number in range(230):
        world.add_smart_view(northwind, f"View {number}")
    names = [view.name for view in provider.views()]
    assert [name for name in names if name.startswith("View ")] == [f"View {n}" for n in range(230)]
    assert len(close.calls) > 1


@responses.activate
def test_sharing_is_told_in_three_ways_and_may_be_missing(answered):
    told = [
        {"id": "save_1", "name": "Old", "type": "lead", "is_shared": True},
        {"id": "save_2", "name": None, "is_shared": True, "sharing_settings": {"whole_org": False}},
        {"id": "save_3", "name": "Few\0", "shared_with": ["memb_1"], "sharing_settings": None},
        {"id": "save_4", "name": "New", "sharing_settings": {"whole_org": True, "user_ids": None}, "x": 1},
    ]
    responses.get(VIEWS, json={"data": told, "has_more": False})
    assert answered.views() == [
        View("save_1", "Old", "lead", shared_with_all=True),
        View("save_2", "save_2", ""),
        View("save_3", "Few", "", member_ids=frozenset({"memb_1"})),
        View("save_4", "New", "", shared_with_all=True),
    ]


@responses.activate
@pytest.mark.parametrize(
    "body",
    [{}, {"saved_view_ids": None}, {"saved_view_ids": "save_1"}, {"saved_view_ids": [1]}, [], None, "save_1"],
)
def test_a_list_of_the_wrong_shape_is_no_answer(answered, body, monkeypatch):
    monkeypatch.setattr("memberships.providers.http._GET_RETRIES_S", ())
    responses.get(PINNED, json=body)
    responses.put(PINNED, json=body)
    with pytest.raises(Unavailable, match="Close"):
        answered.pinned_views(["memb_1"])
    with pytest.raises(Unavailable, match="Close"):
        answered.apply(Pinning("memb_1", ("save_1",)))
