"""Views and who has them pinned, as the client reads and writes them."""

import pytest
import responses

from memberships.domain.people import PINS
from memberships.domain.views import View
from memberships.providers import Pinning
from memberships.providers.close import CloseProvider
from memberships.providers.errors import Refused, Unavailable
from sandbox.rehearsal import ORDINARY

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
