"""Pinned views: shown on a person's page, put into another order, copied to many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from memberships.models import AuditEntry, Job, MirroredGroup, MirroredMember, Plan
from memberships.providers.close import CAPABILITIES
from memberships.services import groups, roster
from memberships.services.connections import provider_for
from memberships.views.pins import MOST_COPIES
from sandbox.rehearsal import ADMIN, HARBOR, ORDINARY, SECOND_ADMIN
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, changes, people, run, tick, verdicts

HTMX = {"HX-Request": "true"}
SHARED = ("Untouched leads", "Missed calls", "Champions", "Meetings this week")


@pytest.fixture
def views(world: World, northwind: str) -> dict[str, str]:
    """The ids of all views by name."""
    return {view.name: view.id for view in world.organizations[northwind].smart_views.values()}


@pytest.fixture
def sam(world: World, northwind: str, views: dict[str, str]) -> str:
    """A membership with three views pinned that everyone may open."""
    pk = world.membership_id(northwind, ORDINARY)
    world.set_settings(pk, pinned_views=[views[name] for name in SHARED[:3]])
    return pk


@pytest.fixture
def some(world: World, northwind: str, views: dict[str, str]) -> list[str]:
    """Three people: with another view, with the same views in another order, and with none."""
    found = people(world, northwind, "restricteduser", 3)
    lists: tuple[list[str], ...] = (
        ["Renewals this quarter"],
        ["Champions", "Missed calls", "Untouched leads"],
        [],
    )
    for pk, names in zip(found, lists, strict=True):
        world.set_settings(pk, pinned_views=[views[name] for name in names])
    return found


@pytest.fixture
def names(views: dict[str, str], world: World) -> Callable[[str], list[str]]:
    """How the views are called that somebody has pinned in Close now; of those that are gone, the ids."""
    by_id = {pk: name for name, pk in views.items()}
    return lambda member_id: [by_id.get(pk, pk) for pk in world.membership(member_id)["pinned_views"]]


def part(client: Client, member_id: str) -> Page:
    """What stands on the person's own page."""
    return Page(client, client.get(f"/members/{member_id}/pins/", headers=HTMX))


def editor(client: Client, member_id: str) -> Page:
    return Page.visit(client, f"/members/{member_id}/pins/")


def listed(page: Page) -> list[str]:
    """The pinned views on a page, each with all that is said of it."""
    return [div.text for div in page.all("div") if div.attributes.get("class") == "pin"]


def delta(review: Page, *, table: str = "Will change") -> dict[str, str]:
    """What a review says of each person, by name or address."""
    return {row[0].split()[-1]: row[1] for row in review.rows(table)}


# On the person's page


def test_the_persons_page_reads_nothing_for_them_and_has_a_link(admin, sam, close):
    page = Page.visit(admin, f"/members/{sam}/")
    assert "Pinned views" in [heading.text for heading in page.all("h2")]
    assert page.link("Show pinned views") == f"/members/{sam}/pins/"
    assert len(close.calls) == 0


def test_they_are_shown_by_name_and_in_order_after_the_page(admin, sam):
    page = part(admin, sam)
    assert listed(page) == ["Untouched leads Lead", "Missed calls Call", "Champions Contact"]
    assert "<html" not in page.html


def test_they_are_read_once_in_five_minutes(admin, sam, close):
    part(admin, sam)
    assert len(close.calls) == 2
    assert listed(part(admin, sam)) == listed(editor(admin, sam))
    assert len(close.calls) == 2


def test_a_view_that_is_gone_is_shown_with_its_id(admin, sam, world, northwind, views):
    world.delete_smart_view(northwind, views["Missed calls"])
    first, gone, _ = listed(part(admin, sam))
    assert first == "Untouched leads Lead"
    assert gone == f"{views['Missed calls']} This view isn't there any more, or you can't see it."


def test_somebody_without_any_is_said_to_have_none(admin, sam, world):
    world.set_settings(sam, pinned_views=[])
    assert part(admin, sam).text == "None. Change pinned views"


def test_a_view_that_is_not_shared_with_the_person_is_warned_about(admin, world, northwind, views):
    second = world.membership_id(northwind, SECOND_ADMIN)
    world.set_settings(second, pinned_views=[views["My own list"], views["Renewal risk"]])
    assert listed(part(admin, second)) == [
        "My own list Lead Priya may not be able to open it: it isn't shared with them.",
        "Renewal risk Opportunity",
    ]


def test_whether_a_view_of_a_group_can_be_opened_is_known_once_the_group_was_read(
    admin, connection, world, northwind, views, queue
):
    group = world.organizations[northwind].smart_views[views["Shared with sales"]].group_ids[0]
    inside = world.organizations[northwind].groups[group].user_ids
    active = [m for m in world.members(northwind) if m["email"] != ADMIN]  # it is the admin's own view
    sales = next(m["id"] for m in active if m["user_id"] in inside)
    other = next(m["id"] for m in active if m["user_id"] not in inside)
    for pk in (sales, other):
        world.set_settings(pk, pinned_views=[views["Shared with sales"]])
        assert "isn't known yet" in listed(part(admin, pk))[0]
    assert len(queue) == 1
    run(queue)
    assert MirroredGroup.objects.filter(remote_id=group).exists()
    assert listed(part(admin, sales)) == ["Shared with sales Lead"]
    assert "isn't shared with them" in listed(part(admin, other))[0]
    assert queue == []


@pytest.mark.usefixtures("impatient")
def test_close_being_down_is_said_where_they_would_stand(admin, sam, close):
    close.faults.drop(times=None)
    page = part(admin, sam)
    assert page.status == 200
    assert "They could not be read: Close can't be reached" in page.text
    assert page.link("Try again") == f"/members/{sam}/pins/"
    assert "They could not be read" in [heading.text for heading in editor(admin, sam).all("h2")]


# Another order


def test_every_step_works_without_javascript_and_nothing_is_sent_before_the_review(
    admin, sam, close, names, work
):
    page = editor(admin, sam)
    assert page.heading == "Pinned views of Sam Okafor"
    assert "Champions" not in page.options("Add a view")
    page = page.press("Move up Champions", {"Reason": "New quarter"})
    page = page.press("Move down Untouched leads")
    assert page.field("Reason").value == "New quarter"
    page = page.press("Remove Missed calls")
    page = page.press("Add", {"Add a view": "Meetings this week"})
    assert listed(page) == ["Champions Contact", "Untouched leads Lead", "Meetings this week Meeting"]
    assert "Missed calls" in page.options("Add a view")
    review = page.press("Review")
    assert review.heading == "Review"
    assert "Change the pinned views of 1 member." in review.text
    told = delta(review)[ORDINARY]
    assert "Added: Meetings this week" in told
    assert "Lost: Missed calls" in told
    assert "New order: Champions, Untouched leads, Meetings this week" in told
    assert changes(close) == []
    close.calls.clear()
    apply(review)
    work()
    assert names(sam) == ["Champions", "Untouched leads", "Meetings this week"]
    assert [call.method for call in close.calls.matching(path="pinned_views")] == ["GET", "PUT"]
    (entry,) = AuditEntry.objects.filter(event="member.pinned_views.set")
    assert (entry.before_text, entry.after_text, entry.reason) == (
        "Untouched leads, Missed calls, Champions",
        "Champions, Untouched leads, Meetings this week",
        "New quarter",
    )


def test_what_was_changed_here_is_shown_at_once_whoever_kept_it(admin, sam, work):
    """The worker has a memory of its own, so what the page remembers must not count any more."""
    assert len(listed(part(admin, sam))) == 3
    apply(editor(admin, sam).press("Remove Missed calls").press("Review"))
    work()
    assert listed(part(admin, sam)) == ["Untouched leads Lead", "Champions Contact"]


def test_while_an_answer_is_missing_the_kept_list_does_not_count(admin, sam, close, world, views):
    part(admin, sam)
    apply(editor(admin, sam).press("Remove Missed calls").press("Review"))
    Job.objects.get().plan.rows.update(outcome="unknown", sent_at=Plan.objects.get().created_at)
    world.set_settings(sam, pinned_views=[views["Champions"]])
    assert listed(part(admin, sam)) == ["Champions Contact"]


def test_the_ends_stay_where_they_are(admin, sam):
    page = editor(admin, sam)
    before = listed(page)
    disabled = [
        b.attributes["aria-label"] for b in page.all("button") if b.attributes.get("aria-disabled") == "true"
    ]
    assert disabled == ["Move up Untouched leads", "Move down Champions"]
    assert listed(page.press("Move up Untouched leads")) == before
    assert listed(page.press("Move down Champions")) == before


def test_all_can_be_removed(admin, sam, names, work):
    page = editor(admin, sam)
    for name in SHARED[:3]:
        page = page.press(f"Remove {name}")
    assert "No view is pinned." in page.text
    review = page.press("Review")
    apply(review)
    work()
    assert names(sam) == []


def test_an_unchanged_list_is_reviewed_as_already_so(admin, sam):
    review = editor(admin, sam).press("Review")
    assert "Nothing would change." in review.text
    assert list(verdicts(review).values()) == ["Already so: nothing is sent."]


def test_a_list_that_moved_in_close_meanwhile_shows_in_the_review(admin, sam, world, views):
    page = editor(admin, sam).press("Move up Champions")
    world.set_settings(sam, pinned_views=[views["Renewals this quarter"]])
    told = delta(page.press("Review"))[ORDINARY]
    assert "Lost: Renewals this quarter" in told
    assert "Added: Champions" in told


def test_adding_nothing_or_what_is_not_offered_is_said_beside_the_field(admin, sam, views):
    answer = editor(admin, sam).press("Add")
    assert answer.status == 422
    assert answer.error("Add a view") == "Choose a view first."
    assert len(listed(answer)) == 3
    for view in ("save_made_up", views["Champions"], "<script>"):
        posted = {"pin": [views["Champions"]], "view": view, "do": "add"}
        answer = Page(admin, admin.post(f"/members/{sam}/pins/", posted))
        assert answer.error("Add a view") == "This view isn't there any more: choose another."
        assert listed(answer) == ["Champions Contact"]


def test_a_draft_can_hold_only_what_is_there(admin, sam, views, close):
    """A view that went away between two steps, and whatever somebody makes up."""
    posted = {"pin": [views["Champions"], "save_made_up", views["Champions"], "\0", ""], "do": "review"}
    answer = Page(admin, admin.post(f"/members/{sam}/pins/", posted))
    assert answer.status == 422
    assert "A view you added isn't there any more. It was left out." in answer.text
    assert listed(answer) == ["Champions Contact"]
    assert not Plan.objects.exists()
    assert answer.press("Review").heading == "Review"


@pytest.mark.parametrize(
    "pressed", ["", "fly", "up", "up:", "down:save_made_up", "remove:save_made_up", "remove:\0"]
)
def test_a_step_nobody_offered_changes_nothing(admin, sam, views, pressed):
    posted = {"pin": [views["Champions"], views["Missed calls"]], "do": pressed}
    answer = Page(admin, admin.post(f"/members/{sam}/pins/", posted))
    assert answer.status == 200
    assert listed(answer) == ["Champions Contact", "Missed calls Call"]
    assert not Plan.objects.exists()


def test_a_reason_that_is_too_long_keeps_the_draft(admin, sam):
    answer = editor(admin, sam).press("Remove Missed calls").press("Review", {"Reason": "x" * 201})
    assert answer.status == 422
    assert "201" in answer.error("Reason")
    assert listed(answer) == ["Untouched leads Lead", "Champions Contact"]


def test_with_htmx_only_the_editor_is_answered_and_says_what_happened(admin, sam, views):
    pinned = [views[name] for name in SHARED[:3]]

    def step(pressed: str, **more: str) -> Page:
        posted = {"pin": pinned, "do": pressed, **more}
        return Page(admin, admin.post(f"/members/{sam}/pins/", posted, headers=HTMX))

    def said(page: Page) -> str:
        (editor,) = [div for div in page.all("div") if div.attributes.get("id") == "editor"]
        return editor.attributes.get("data-announce", "")

    up = step(f"up:{pinned[2]}")
    assert "<html" not in up.html
    assert said(up) == "Champions is number 2 of 3."
    removed = step(f"remove:{pinned[0]}")
    assert said(removed) == "Removed Untouched leads. 2 left."
    (next_one,) = [b for b in removed.all("button") if "data-next" in b.attributes]
    assert next_one.attributes["aria-label"] == "Remove Missed calls"
    assert said(step("add", view=views["Meetings this week"])) == "Meetings this week is number 4 of 4."
    nothing = step("add")
    assert (nothing.status, nothing.error("Add a view")) == (200, "Choose a view first.")
    assert said(nothing) == "Choose a view first."
    assert said(step(f"up:{pinned[0]}")) == ""


def test_after_the_last_one_is_removed_one_goes_on_by_adding(admin, sam, views):
    posted = {"pin": [views["Champions"]], "do": f"remove:{views['Champions']}"}
    page = Page(admin, admin.post(f"/members/{sam}/pins/", posted, headers=HTMX))
    assert "data-next" in page.field("Add a view").attributes


@pytest.mark.usefixtures("impatient")
def test_close_being_down_never_takes_the_place_of_a_draft(admin, sam, close):
    page = editor(admin, sam).press("Remove Missed calls")
    close.faults.drop(times=None)
    answer = page.press("Review", {"Reason": "Because"})
    assert answer.status == 422
    assert "Nothing was sent; try again." in answer.text
    assert listed(answer) == ["Untouched leads Lead", "Champions Contact"]
    posted = {"pin": ["x"], "do": "review"}
    other = somebody_else(sam)
    assert admin.post(f"/members/{other}/pins/", posted, headers=HTMX).status_code == 503


def somebody_else(but: str) -> str:
    """Somebody else whose list nobody has read yet."""
    return MirroredMember.objects.exclude(remote_id=but).filter(status="active")[0].remote_id


def test_a_plan_with_a_view_that_is_gone_says_so(admin, sam, world, northwind, views):
    world.delete_smart_view(northwind, views["Missed calls"])
    told = delta(editor(admin, sam).press("Move up Champions").press("Review"))[ORDINARY]
    assert f"“{views['Missed calls']}” isn't there any more, or you can't see it" in told


def test_a_view_that_is_gone_can_be_removed(admin, sam, world, northwind, views, names, work):
    world.delete_smart_view(northwind, views["Missed calls"])
    apply(editor(admin, sam).press(f"Remove {views['Missed calls']}").press("Review"))
    work()
    assert names(sam) == ["Untouched leads", "Champions"]


def test_what_close_refuses_is_said_in_its_words(admin, sam, world, northwind, views, names, work):
    before = names(sam)
    review = editor(admin, sam).press("Move up Champions").press("Review")
    world.delete_smart_view(northwind, views["Missed calls"])
    receipt = apply(review)
    work()
    (row,) = Page.visit(admin, receipt.address).rows("Refused")
    assert "saved_view_ids" in row[2]
    assert names(sam) == before


def test_a_list_changed_since_the_review_is_left_alone_and_both_are_shown(
    admin, sam, world, views, names, work
):
    review = editor(admin, sam).press("Remove Missed calls").press("Review")
    world.set_settings(sam, pinned_views=[views["Meetings this week"], views["My own list"]])
    receipt = apply(review)
    work()
    (row,) = Page.visit(admin, receipt.address).rows("Refused")
    assert (
        "Pinned views were Untouched leads, Missed calls, Champions at the review and are now Meetings this week, "
        "My own list."
    ) in row[2]
    assert names(sam) == ["Meetings this week", "My own list"]


def test_an_inactive_persons_list_is_shown_and_the_plan_is_blocked(admin, connection, sam, world, close):
    world.deactivate(sam)
    roster.read(connection)
    review = editor(admin, sam).press("Remove Missed calls").press("Review")
    assert [row[1] for row in review.rows("Blocked")] == ["Inactive: reactivate them first."]


@pytest.mark.parametrize(
    "member_id", ["memb_made_up", "..", "%00", "a" * 300, "<script>", "copy-pins", "find"]
)
def test_nobody_with_that_id_is_a_page_that_says_so(admin, member_id):
    assert Page.visit(admin, f"/members/{member_id}/pins/").status == 404
    assert admin.post(f"/members/{member_id}/pins/", {"do": "review"}).status_code == 404


def test_the_people_of_another_organization_are_not_there(outsider, sam, close):
    close.calls.clear()
    for answer in (
        outsider.get(f"/members/{sam}/pins/"),
        outsider.get(f"/members/{sam}/pins/", headers=HTMX),
        outsider.post(f"/members/{sam}/pins/", {"do": "review"}),
    ):
        assert answer.status_code == 404
    assert close.calls.matching(path="pinned_views") == []


def test_who_may_not_manage_sees_nothing(member, nobody, sam):
    for address in (f"/members/{sam}/pins/", "/members/copy-pins/"):
        assert Page.visit(member, address).heading == "You need the Manage Organization permission"
        assert Page.visit(nobody, address).address == "/login/"
        assert nobody.post(address, {"do": "review"}).status_code == 302


@pytest.mark.parametrize("number", [3, 8])
def test_the_number_of_queries_does_not_depend_on_the_number_of_views(
    admin, sam, world, views, number, django_assert_num_queries
):
    world.set_settings(sam, pinned_views=list(views.values())[:number])
    part(admin, sam)
    with django_assert_num_queries(8):
        assert len(listed(part(admin, sam))) == number


NASTY = "<script>alert(1)</script>'\"&{{ 7 }}"


def test_nasty_names_are_text_and_nothing_else(admin, sam, world, northwind):
    pk = world.add_smart_view(northwind, NASTY)
    world.add_smart_view(northwind, NASTY * 2)
    world.set_settings(sam, pinned_views=[pk])
    page = editor(admin, sam)
    assert listed(page)[0].startswith(NASTY)
    page = page.press("Add", {"Add a view": NASTY * 2}).press(f"Move up {NASTY * 2}")
    assert f"Added: {NASTY * 2} ↕ New order: {NASTY * 2}, {NASTY}" in delta(page.press("Review"))[ORDINARY]
    assert {e.attributes.get("src") for e in page.all("script")} == {
        "/static/app.js",
        "/static/session.js",
        "/static/vendor/htmx.min.js",
    }


# To many


def copying(client: Client, ids: list[str]) -> Page:
    """From the ticks to the page that asks whose views to copy."""
    client.post("/members/selection/", {"action": "clear"})
    return tick(client, ids, action="copy-pins")


def test_the_members_page_offers_it_under_more(admin):
    assert "Copy pinned views" in Page.visit(admin, "/members/").buttons()


def test_one_persons_views_are_copied_to_many_and_taken_back(admin, sam, some, names, work, close, world):
    before = {pk: names(pk) for pk in some}
    page = copying(admin, some)
    assert page.heading == "Copy pinned views"
    assert "At most 200 people at a time." in page.text
    close.calls.clear()
    review = page.press("Review", {"Copy from": ORDINARY, "Reason": "New team"})
    # Theirs and the one copied from, one call each; everyone, their roles, and the views with their names.
    assert len(close.calls.matching("GET", "pinned_views")) == len(some) + 1
    assert len(close.calls) == len(some) + 1 + 3
    assert changes(close) == []
    assert "Copy the pinned views of Sam Okafor to 3 members." in review.text
    added = "Pinned views: + Added: Untouched leads + Added: Missed calls + Added: Champions"
    told = delta(review)
    assert [told[world.membership(pk)["email"]] for pk in some] == [
        f"{added} − Lost: Renewals this quarter",
        "Pinned views: ↕ New order: Untouched leads, Missed calls, Champions",
        added,
    ]

    close.calls.clear()
    receipt = apply(review)
    work()
    assert {tuple(names(pk)) for pk in [*some, sam]} == {SHARED[:3]}
    calls = [call.method for call in close.calls.matching(path="pinned_views")]
    assert sorted(calls) == ["GET"] * 3 + ["PUT"] * 3
    assert len(close.calls) == 2 * 3 + 2, "a look at everyone and their roles before the first"

    undo = Page.visit(admin, receipt.address).press("Undo")
    assert "Undo: put 3 members back as they were." in undo.text
    apply(undo)
    work()
    assert {pk: names(pk) for pk in some} == before


def test_the_one_copied_from_is_left_alone(admin, sam, some, names, work):
    before = names(sam)
    review = copying(admin, [sam, *some]).press("Review", {"Copy from": "sam okafor"})
    assert len(review.rows("Will change")) == 3
    assert verdicts(review).keys() == {row[0] for row in review.rows("Will change")}
    apply(review)
    work()
    assert names(sam) == before


def test_only_the_one_copied_from_selected_is_said(admin, sam):
    answer = copying(admin, [sam]).press("Review", {"Copy from": ORDINARY})
    assert answer.status == 422
    assert answer.error("Copy from") == "Nobody else is selected: these views are theirs already."
    assert not Plan.objects.exists()


def test_who_has_them_already_is_already_so(admin, sam, some, world, views):
    world.set_settings(some[0], pinned_views=[views[name] for name in SHARED[:3]])
    review = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    assert len(review.rows("Already so")) == 1
    assert "to 2 members" in review.text


def test_from_a_persons_page_their_name_is_filled_in(admin, sam, some):
    assert "Copy these" not in editor(admin, sam).text
    copying(admin, [*some, sam])
    page = editor(admin, sam).follow("Copy these to the 3 people selected")
    assert page.field("Copy from").value == f"Sam Okafor <{ORDINARY}>"
    assert len(page.press("Review").rows("Will change")) == 3


def test_where_nothing_is_pinned_nothing_is_offered_to_be_copied(admin, sam, some, world):
    copying(admin, [*some, sam])
    world.set_settings(sam, pinned_views=[])
    assert "Copy these" not in editor(admin, sam).text


@pytest.mark.parametrize("source", ["memb_made_up", "", "%00", "<script>"])
def test_a_made_up_source_in_the_address_is_nobody(admin, some, source):
    copying(admin, some)
    page = Page.visit(admin, f"/members/copy-pins/?from={source}")
    assert (page.status, page.field("Copy from").value) == (200, "")


def test_nobody_and_several_are_answered_with_who_may_be_meant(admin, some):
    answer = copying(admin, some).press("Review", {"Copy from": "okaf", "Reason": "New team"})
    assert answer.status == 422
    assert answer.error("Copy from") == f"Nobody here is called okaf. Did you mean Sam Okafor <{ORDINARY}>?"
    assert answer.field("Reason").value == "New team"
    assert copying(admin, some).press("Review").error("Copy from") == "Give a name or an e-mail address."


def test_an_empty_list_is_not_copied(admin, sam, some, world):
    world.set_settings(sam, pinned_views=[])
    answer = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    assert answer.error("Copy from") == "Sam Okafor has no pinned views that could be copied."
    assert not Plan.objects.exists()


def test_what_is_gone_is_not_copied_but_told(admin, sam, some, world, northwind, views, names, work):
    world.delete_smart_view(northwind, views["Missed calls"])
    review = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    assert verdicts(review)[views["Missed calls"]] == (
        "Not copied: Sam Okafor has this view pinned, but it isn't there any more, or you can't see it."
    )
    apply(review)
    work()
    assert {tuple(names(pk)) for pk in some} == {("Untouched leads", "Champions")}


def test_where_all_are_gone_nothing_is_copied(admin, sam, some, world, northwind, views):
    for name in SHARED[:3]:
        world.delete_smart_view(northwind, views[name])
    answer = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    assert "aren't there any more, or you can't see them" in answer.error("Copy from")


def test_who_can_not_open_a_view_is_told_for_each_of_them(
    admin, connection, sam, some, world, northwind, views
):
    groups.read(provider_for(connection), connection.organization)
    private, risk = views["My own list"], views["Renewal risk"]
    world.set_settings(sam, pinned_views=[private, risk, views["Champions"]])
    second = world.membership_id(northwind, SECOND_ADMIN)
    review = copying(admin, [*some, second]).press("Review", {"Copy from": ORDINARY})
    told = delta(review)
    assert told[SECOND_ADMIN].endswith("May not be able to open “My own list”: it isn't shared with them.")
    both = "May not be able to open “My own list” and “Renewal risk”: they aren't shared with them."
    for pk in some:
        assert told[world.membership(pk)["email"].lower()].endswith(both)
    notes = [li.text for li in review.all("li") if "may not" in li.text]
    assert notes == [f"3 members: m{both[1:]}"]


def test_at_most_two_hundred_at_a_time(admin, connection, sam, close):
    organization = connection.organization
    MirroredMember.objects.bulk_create(
        MirroredMember(
            organization=organization, remote_id=f"memb_{n}", email=f"extra{n}@example.com", status="active"
        )
        for n in range(MOST_COPIES + 1)
    )
    page = copying(admin, [f"memb_{n}" for n in range(MOST_COPIES + 1)])
    assert page.heading == "Members"
    assert "201 people are selected, and pinned views are copied to 200 at a time." in page.text
    assert (
        Page(admin, admin.post("/members/copy-pins/", {"person": ORDINARY}, follow=True)).heading == "Members"
    )
    assert not Plan.objects.exists()
    admin.post("/members/selection/", {"shown": ["memb_0"], "member": []})
    assert Page.visit(admin, "/members/copy-pins/").heading == "Copy pinned views"


def test_without_anybody_selected_it_says_so(admin, close):
    page = Page.visit(admin, "/members/copy-pins/")
    assert page.heading == "Members"
    assert "Nobody is selected" in page.text


def test_two_changed_by_others_are_left_alone_and_the_rest_is_done(
    admin, sam, some, world, views, names, work
):
    review = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    world.set_settings(some[0], pinned_views=[views["Meetings this week"]])
    receipt = apply(review)
    work()
    page = Page.visit(admin, receipt.address)
    assert (len(page.rows("Done")), len(page.rows("Refused"))) == (2, 1)
    assert names(some[0]) == ["Meetings this week"]
    again = page.press("Retry the rest")
    assert "Copy the pinned views of Sam Okafor to 1 member." in again.text
    apply(again)
    work()
    assert names(some[0]) == list(SHARED[:3])


@pytest.mark.usefixtures("impatient")
def test_close_being_down_keeps_all_that_was_typed(admin, sam, some, close):
    page = copying(admin, some)
    close.faults.drop(times=None)
    answer = page.press("Review", {"Copy from": ORDINARY, "Reason": "New team"})
    assert answer.status == 422
    assert "Nothing was sent; try again." in answer.text
    assert (answer.field("Copy from").value, answer.field("Reason").value) == (ORDINARY, "New team")


def test_pressed_twice_it_is_done_once(admin, sam, some, close, work):
    review = copying(admin, some).press("Review", {"Copy from": ORDINARY})
    first, second = apply(review), apply(review)
    assert first.address == second.address
    work()
    assert len(close.calls.matching("PUT", "pinned_views")) == 3


def test_an_admin_elsewhere_copies_nobody_from_here(outsider, world, sam, close):
    here = world.members(world.organization_id(HARBOR))[3]["id"]
    answer = copying(outsider, [here]).press("Review", {"Copy from": ORDINARY})
    assert answer.status == 422
    assert "Nobody here has the address" in answer.error("Copy from")


def test_somebody_selected_who_has_gone_meanwhile_is_told(admin, sam, some, world, connection):
    page = copying(admin, some)
    world.deactivate(some[0])
    review = page.press("Review", {"Copy from": ORDINARY})
    assert [row[1] for row in review.rows("Blocked")] == ["Inactive: reactivate them first."]
    assert len(review.rows("Will change")) == 2


def test_a_provider_without_pinned_views_has_none_of_this(admin, sam, some, monkeypatch):
    without = replace(CAPABILITIES, pinned_views=False)
    for module in ("pins", "changes", "members"):
        monkeypatch.setattr(f"memberships.views.{module}.capabilities", lambda organization: without)
    assert "Pinned views" not in Page.visit(admin, f"/members/{sam}/").text
    assert "Copy pinned views" not in Page.visit(admin, "/members/").buttons()
    assert editor(admin, sam).status == 404
    assert copying(admin, some).status == 404
