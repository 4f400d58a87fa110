"""The pages of groups: counts, who is in which, one group, and all that can be planned from there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memberships.domain.people import group_field
from memberships.models import AuditEntry, Connection, MirroredGroup, MirroredMember, Organization, Plan
from memberships.services import groups, roster
from memberships.services.connections import provider_for
from sandbox.rehearsal import GROUPS, HARBOR
from tests.conftest import signed_in
from tests.pages import Page
from tests.steps import changes as sent
from tests.steps import people, run, tick, verdicts

PAGE = 50
EVERY_PAGE = ["", "{id}/", "{id}/rename/", "{id}/delete/", "new/", "freshness/"]
ONE_GROUP = ["{id}/", "{id}/rename/", "{id}/delete/"]
NASTY = "<script>alert(1)</script>'\"&{{ 7 }}"


@pytest.fixture
def users(world, northwind) -> list[str]:
    return people(world, northwind, "user", 6)


@pytest.fixture
def user_id(world):
    return lambda member_id: world.membership(member_id)["user_id"]


@pytest.fixture
def bakers(world, northwind, connection, users, user_id) -> str:
    """The first two users are in it, and somebody who left; all groups were read."""
    gone = next(m["user_id"] for m in world.members(northwind, active=False))
    pk = world.add_group(northwind, "Bakers", [user_id(users[0]), user_id(users[1]), gone])
    read(connection)
    return pk


def read(connection) -> None:
    connection = Connection.objects.get(pk=connection.pk)
    groups.read(provider_for(connection), connection.organization)


def visit(client, path: str = "") -> Page:
    return Page.visit(client, f"/groups/{path}")


def counts(page: Page) -> dict[str, tuple[int, int]]:
    """Active and inactive people by the name of the group."""
    return {row[0]: (int(row[1].split()[0]), int(row[2].split()[0])) for row in page.rows("Groups")}


def matrix(page: Page) -> dict[str, dict[str, str]]:
    """For each person: what stands under each group."""
    (table,) = [t for t in page.all("table") if "Members by group" in [c.text for c in t.all("caption")]]
    _, *heads = [th.text for th in next(table.all("thead")).all("th")]
    return {row[0]: dict(zip(heads, row[1:], strict=True)) for row in page.rows("Members by group")}


def apply(review: Page) -> Page:
    (button,) = [name for name in review.buttons() if name.startswith("Apply")]
    label = next((e.text for e in review.all("label") if e.text.startswith("Type ")), "")
    return review.press(button, {label: label.split()[1]} if label else {})


def crowd(organization: Organization, number: int, *, its_groups: int) -> None:
    """People and groups nobody has to read from Close first. Everyone is in every second group."""
    MirroredMember.objects.filter(organization=organization).delete()
    MirroredGroup.objects.filter(organization=organization).delete()
    MirroredMember.objects.bulk_create(
        MirroredMember(
            organization=organization,
            remote_id=f"memb_{n}",
            user_id=f"user_{n}",
            email=f"extra{n}@example.com",
            first_name="Extra",
            last_name=f"Person {n:04}",
            role_id="user",
            status="active",
            search_text=f"extra person {n:04}",
            sort_name=f"extra person {n:04}",
        )
        for n in range(number)
    )
    MirroredGroup.objects.bulk_create(
        MirroredGroup(
            organization=organization,
            remote_id=f"group_{n}",
            name=f"Group {n:02}",
            user_ids=[f"user_{m}" for m in range(number)] if n % 2 == 0 else [],
            members_read_at=timezone.now(),
        )
        for n in range(its_groups)
    )
    Organization.objects.filter(pk=organization.pk).update(groups_read_at=timezone.now())


# The list


def test_each_group_says_how_many_active_and_inactive_people_are_in_it(admin, bakers, world, northwind):
    shown = counts(visit(admin))
    status = {m["user_id"]: m["active"] for m in world.members(northwind, active=None)}
    expected = {
        name: (sum(status[pk] for pk in inside), sum(not status[pk] for pk in inside))
        for name, inside in world.groups(northwind).items()
    }
    assert shown == expected
    assert shown["Bakers"] == (2, 1)
    assert set(GROUPS) < set(shown)
    assert [row[0] for row in visit(admin).rows("Groups")] == sorted(shown, key=str.casefold)


def test_a_count_leads_to_exactly_those_people(admin, bakers, users, world):
    page = visit(admin)
    hrefs = {a.attributes["href"] for a in page.all("a")}
    assert {f"/groups/{bakers}/?status=active", f"/groups/{bakers}/?status=inactive"} <= hrefs
    active = visit(admin, f"{bakers}/?status=active").rows("Bakers")
    assert {row[2] for row in active} == {"Active"}
    assert len(active) == 2
    assert len(visit(admin, f"{bakers}/?status=inactive").rows("Bakers")) == 1
    assert len(visit(admin, f"{bakers}/").rows("Bakers")) == 3


def test_the_header_leads_here_and_says_so(admin, bakers):
    page = Page.visit(admin, "/members/").follow("Groups")
    assert page.heading == "Groups"
    assert [a.text for a in page.all("a") if a.attributes.get("aria-current") == "page"] == ["Groups"]


def test_people_in_a_group_whom_the_roster_does_not_know_are_said(
    admin, connection, bakers, world, northwind
):
    world.set_group(northwind, bakers, ["user_of_nowhere"])
    read(connection)
    assert "Bakers and 1 whom the roster does not know" in [row[0] for row in visit(admin).rows("Groups")]
    page = visit(admin, f"{bakers}/")
    assert "1 more is in it whom the roster does not know" in page.text


def test_an_organization_without_groups_is_told_what_they_are(admin, connection, world, northwind):
    for name in world.groups(northwind):
        world.drop_group(northwind, world.group_id(northwind, name))
    read(connection)
    page = visit(admin)
    assert "No groups yet" in page.text
    assert page.link("Make the first one") == "/groups/new/"


# Inactive people inside


def test_inactive_people_are_pointed_out_and_taken_out_of_all_groups_by_one_button(
    admin, connection, bakers, world, northwind, work
):
    left = {m["user_id"] for m in world.members(northwind, active=False)}
    inside = {pk for found in world.groups(northwind).values() for pk in found} & left
    calls = sum(len(left.intersection(found)) for found in world.groups(northwind).values())
    page = visit(admin)
    assert f"{len(inside)} people who left are still in groups." in page.text
    review = page.press(f"Take the {len(inside)} inactive out")
    assert f"Take {len(inside)} inactive people out of their groups." in review.text
    assert len(review.rows("Will change")) == calls
    # They count for no share of the active people.
    assert not [e for e in review.all("label") if e.text.startswith("Type ")]
    assert f"Apply to {len(inside)} members" in review.buttons()
    (crumb,) = [e for e in review.all("p") if e.attributes.get("class") == "crumb"]
    assert (crumb.text, review.link("Cancel")) == ("Groups", "/groups/")
    apply(review)
    work()
    assert not any(left.intersection(found) for found in world.groups(northwind).values())
    page = visit(admin)
    assert "still in groups" not in page.text
    again = Page(admin, admin.post("/groups/clean-up/", follow=True))
    assert (again.heading, "Nobody inactive is in a group any more." in again.text) == ("Groups", True)


# Who is in which


def test_the_matrix_says_in_words_who_is_in_which_group(admin, bakers, world, northwind):
    shown = matrix(visit(admin))
    inside = world.groups(northwind)
    everyone = sorted(world.members(northwind), key=lambda m: m["full_name"])
    assert len(shown) == min(PAGE, len(everyone))
    for person in everyone:
        if (name := " ".join(person["full_name"].split())) in shown:
            assert shown[name] == {g: "In" if person["user_id"] in inside[g] else "Not in" for g in inside}


def test_the_matrix_is_of_active_people_unless_asked_otherwise(admin, bakers, world, northwind):
    left = len(world.members(northwind, active=False))
    inactive = visit(admin, "?status=inactive")
    assert len(matrix(inactive)) == left
    assert all(name.endswith("Inactive") for name in matrix(inactive))
    assert inactive.field("Status").value == "Inactive"
    assert visit(admin).field("Status").value == "Active"
    total = len(world.members(northwind, active=None))
    assert f"{total} people match" in visit(admin, "?status=all").text


def test_somebody_is_found_by_name_and_the_address_says_whom(admin, bakers):
    page = visit(admin).press("Filter", {"Search": "okafor", "Status": "All"})
    assert page.address == "/groups/?q=okafor&status=all"
    assert list(matrix(page)) == ["Sam Okafor"]
    assert page.field("Search").value == "okafor"


def test_nobody_matches_is_said(admin, bakers):
    page = visit(admin, "?q=nobody+is+called+that")
    assert "Nobody matches" in page.text
    assert page.link("Clear filters") == "/groups/#matrix"


def test_the_matrix_comes_in_pages(admin, connection):
    crowd(connection.organization, 120, its_groups=2)
    first = visit(admin, "?q=extra")
    assert len(matrix(first)) == PAGE
    last = first.follow("Next").follow("Next")
    assert last.address == "/groups/?q=extra&people=3"
    assert len(matrix(last)) == 20


def test_names_in_the_matrix_lead_to_their_pages(admin, bakers, users, world):
    name = world.membership(users[0])["full_name"]
    page = visit(admin, f"?q={name}")
    assert page.link(name) == f"/members/{users[0]}/"
    (region,) = [e for e in page.all("div") if e.attributes.get("role") == "region"]
    assert {a.attributes["href"] for a in region.all("a")} >= {f"/groups/{bakers}/"}
    assert (region.attributes["tabindex"], region.attributes["aria-labelledby"]) == ("0", "matrix-title")


def test_a_question_that_makes_no_sense_is_no_question(admin, bakers, subtests):
    for query in ("?status=gone", "?people=7", "?people=x", "?q=%00", "?q=" + "x" * 201, "?people=-1"):
        with subtests.test(query=query):
            page = visit(admin, query)
            assert page.status == 200
            assert counts(page)["Bakers"] == (2, 1)


# Speed


@pytest.mark.parametrize("number", [50, 500])
@pytest.mark.parametrize("its_groups", [6, 60])
def test_the_number_of_queries_depends_on_neither_people_nor_groups(
    number, its_groups, admin, connection, django_assert_num_queries
):
    crowd(connection.organization, number, its_groups=its_groups)
    with django_assert_num_queries(6):
        page = visit(admin)
    shown = matrix(page)
    assert len(shown) == PAGE
    assert {len(row) for row in shown.values()} == {its_groups}
    assert counts(page)["Group 00"] == (number, 0)


def test_fresh_pages_ask_nobody(admin, bakers, close, queue, users, subtests):
    its_group = f"/groups/{bakers}/"
    for path in ["/groups/", its_group, f"{its_group}delete/", "/groups/new/", f"/members/{users[0]}/"]:
        with subtests.test(path=path):
            close.calls.clear()
            assert Page.visit(admin, path).status == 200
            assert (len(close.calls), len(queue)) == (0, 0)


def test_a_stale_page_is_shown_at_once_and_refreshed_once_behind_it(admin, bakers, close, queue):
    Organization.objects.update(groups_read_at=timezone.now() - timedelta(minutes=16))
    close.calls.clear()
    for page in (visit(admin), visit(admin)):
        assert "Groups as of" in page.text
        assert "reading it again now" in page.text
        assert "Bakers" in counts(page)
    assert len(close.calls) == 0
    assert [result.task.name for result in queue] == ["refresh_groups"]


def test_refresh_reads_groups_and_people_and_comes_back_with_what_was_asked(
    admin, bakers, queue, world, northwind
):
    world.add_group(northwind, "Cooks", [])
    page = visit(admin, "?q=okafor").press("Refresh")
    assert page.address == "/groups/?q=okafor"
    assert sorted(result.task.name for result in queue) == ["refresh_groups", "refresh_roster"]
    assert "HX-Trigger" not in admin.get("/groups/freshness/")
    run(queue)
    assert admin.get("/groups/freshness/")["HX-Trigger"] == "roster-refreshed"
    part = Page(admin, admin.get("/groups/?q=okafor", headers={"HX-Request": "true"}))
    assert "Cooks" in counts(part)
    assert "<html" not in part.html


def test_before_anything_was_read_the_page_says_so_and_starts_reading(admin, queue):
    page = visit(admin)
    assert "Reading the groups from Close" in page.text
    assert [result.task.name for result in queue] == ["refresh_groups"]
    run(queue)
    assert set(counts(visit(admin))) == set(GROUPS)


def test_where_the_first_reading_failed_one_can_try_again_from_here(admin, connection, queue):
    Organization.objects.update(
        groups_error="Not today.", groups_refresh_until=timezone.now() - timedelta(seconds=1)
    )
    page = visit(admin)
    assert "The groups could not be read Not today." in page.text
    assert page.press("Try again").address == "/groups/"
    assert "refresh_groups" in [result.task.name for result in queue]


# One group


def test_those_ticked_are_taken_out_through_the_review(
    admin, bakers, users, user_id, world, northwind, work, close
):
    page = visit(admin, f"{bakers}/")
    name = world.membership(users[0])
    label = f"Select {name['full_name']}, {name['email']}"
    review = page.press("Take out of the group", {label: True, "Reason": "Moved on"})
    assert "Take 1 member out of the group Bakers." in review.text
    ((_, change),) = review.rows("Will change")
    assert change == "Group Bakers: from In → to Not in"
    assert sent(close) == []
    apply(review)
    work()
    assert user_id(users[0]) not in world.groups(northwind)["Bakers"]
    assert user_id(users[1]) in world.groups(northwind)["Bakers"]
    assert AuditEntry.objects.get(event="member.group.set").reason == "Moved on"
    assert counts(visit(admin))["Bakers"] == (1, 1)


def test_ticking_nobody_is_said_and_keeps_the_reason(admin, bakers):
    page = visit(admin, f"{bakers}/").press("Take out of the group", {"Reason": "Moved on"})
    assert page.status == 422
    assert "Tick the people you want to take out of the group first." in page.text
    assert page.field("Reason").value == "Moved on"


def test_ids_of_people_who_are_not_in_the_group_are_nobody(admin, bakers, users, world):
    harbor = world.members(world.organization_id(HARBOR))[0]["id"]
    for ids in (["memb_made_up"], [users[5]], [harbor], ["<script>"]):
        page = Page(admin, admin.post(f"/groups/{bakers}/", {"member": ids}))
        assert page.status == 422
    assert not Plan.objects.exists()


def test_a_group_is_made_renamed_and_deleted_through_the_pages(admin, bakers, world, northwind, work):
    apply(visit(admin, "new/").press("Review", {"Name": "  Night \t shift "}))
    work()
    assert world.groups(northwind)["Night shift"] == []
    made = world.group_id(northwind, "Night shift")
    page = visit(admin, f"{made}/").follow("Rename")
    assert page.field("Name").value == "Night shift"
    review = page.press("Review", {"Name": "Day shift"})
    assert "Rename the group Night shift to Day shift." in review.text
    apply(review)
    work()
    page = visit(admin, f"{made}/").follow("Delete")
    assert "Nobody is in it." in page.text
    assert "Close refuses to delete a group while saved reports or smart views refer to it." in page.text
    review = page.press("Review", {"Reason": "Not needed"})
    assert "Close refuses to delete" in review.text
    receipt = apply(review)
    work()
    assert "Day shift" not in world.groups(northwind)
    back = Page.visit(admin, receipt.address).press("Undo")
    assert "Is made anew: the group gets a new id." in back.text
    receipt = apply(back)
    work()
    assert "Is made anew: the group gets a new id." in Page.visit(admin, receipt.address).text
    assert world.group_id(northwind, "Day shift") != made


def test_deleting_says_who_loses_the_group(admin, bakers, users, world):
    page = visit(admin, f"{bakers}/delete/")
    assert "3 people are in it." in page.text
    review = page.press("Review")
    (crumb,) = [e for e in review.all("p") if e.attributes.get("class") == "crumb"]
    assert crumb.text == "Groups"
    ((what, change),) = review.rows("Will change")
    assert (what, change.startswith("Delete 3 people are in it and lose it: ")) == ("Bakers Group", True)
    assert world.membership(users[0])["full_name"] in change


def test_a_new_group_takes_the_people_selected_unless_that_is_not_wanted(
    admin, bakers, users, user_id, world, northwind, work
):
    tick(admin, users[2:5])
    page = visit(admin, "new/")
    box = "Put the 3 people selected now into it"
    assert page.field(box).checked
    review = page.press("Review", {"Name": "Cooks"})
    assert "Apply 4 changes" in review.buttons()
    apply(review)
    work()
    assert set(world.groups(northwind)["Cooks"]) == {user_id(pk) for pk in users[2:5]}
    tick(admin, users[2:5])
    visit(admin, "new/").press("Review", {"Name": "Chefs", box: False})
    assert Plan.objects.latest("created_at").rows.count() == 1


def test_a_name_that_is_taken_is_blocked_on_the_review(admin, bakers):
    review = visit(admin, "new/").press("Review", {"Name": "Bakers"})
    assert verdicts(review) == {"Bakers Group": "There is a group named Bakers already."}
    assert not [name for name in review.buttons() if name.startswith("Apply")]
    assert "Nothing would change." in review.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Give the group a name."),
        ("   ", "Give the group a name."),
        ("x" * 101, "A name can be 100 characters"),
    ],
)
def test_a_name_that_can_not_be_is_said_beside_its_field(name, said, admin, bakers, subtests):
    for path in ("new/", f"{bakers}/rename/"):
        with subtests.test(path=path):
            page = visit(admin, path).press("Review", {"Name": name, "Reason": "Because"})
            assert page.status == 422
            assert page.error("Name").startswith(said)
            assert page.field("Reason").value == "Because"
    assert not Plan.objects.exists()


def test_a_group_deleted_meanwhile_is_said(admin, bakers, world, northwind, subtests):
    world.drop_group(northwind, bakers)
    for path, typed in ((f"{bakers}/rename/", {"Name": "Chefs"}), (f"{bakers}/delete/", {})):
        with subtests.test(path=path):
            page = visit(admin, path).press("Review", typed)
            assert page.heading == "Groups"
            assert "This group is not there any more: somebody has deleted it. Nothing was sent." in page.text


def test_no_such_group_is_a_page_that_says_so(admin, bakers, subtests):
    for group_id in ("group_made_up", "..", "%00", "a" * 300, "<script>"):
        for path in ONE_GROUP:
            with subtests.test(group_id=group_id, path=path):
                page = visit(admin, path.format(id=group_id))
                assert (page.status, page.heading) == (404, "Nothing is here")


def test_a_provider_without_groups_has_no_pages_of_them(attached, bakers, subtests):
    client = signed_in(attached)
    assert "Groups" not in [a.text for a in Page.visit(client, "/members/").all("a")]
    for path in EVERY_PAGE:
        with subtests.test(path=path):
            assert visit(client, path.format(id=bakers)).status == 404
    for path in ("refresh/", "clean-up/"):
        assert client.post(f"/groups/{path}").status_code == 404
    assert Page.visit(client, "/members/selection/join-group/").status == 404


def test_another_organizations_group_is_nobodys_business(outsider, bakers, subtests):
    for path in ONE_GROUP:
        with subtests.test(path=path):
            assert visit(outsider, path.format(id=bakers)).status == 404
    assert outsider.post(f"/groups/{bakers}/delete/", {}).status_code == 404


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_only_people_who_may_manage_see_groups(path, bakers, member, nobody):
    address = f"/groups/{path.format(id=bakers)}"
    Connection.objects.filter(name="Sam").update(can_manage=False, checked_at=timezone.now())
    assert member.get(address).status_code == 403
    assert nobody.get(address)["Location"] == "/login/"


def test_what_changes_something_is_only_posted(admin, bakers):
    for path in ("refresh/", "clean-up/"):
        assert admin.get(f"/groups/{path}").status_code == 405


@pytest.mark.usefixtures("impatient")
def test_close_being_down_loses_nothing(admin, bakers, users, close, subtests):
    close.faults.drop(times=None)
    for path, typed in (("new/", {"Name": "Cooks"}), (f"{bakers}/delete/", {"Reason": "Because"})):
        with subtests.test(path=path):
            page = visit(admin, path).press("Review", typed)
            assert page.status == 422
            assert "Nothing was sent; try again." in page.text
            ((label, value),) = typed.items()
            assert page.field(label).value == value
    page = visit(admin)
    page = page.press(next(name for name in page.buttons() if name.startswith("Take the")))
    assert (page.heading, "Nothing was sent; try again." in page.text) == ("Groups", True)


def test_nasty_names_are_text_and_nothing_else(admin, connection, bakers, world, northwind, users, user_id):
    world.set_group(northwind, bakers, [user_id(users[0])], NASTY)
    read(connection)
    pages = [visit(admin), *(visit(admin, path.format(id=bakers)) for path in ONE_GROUP)]
    pages += [Page.visit(admin, f"/members/{users[0]}/"), visit(admin, f"{bakers}/delete/").press("Review")]
    tick(admin, users[:1])
    pages += [Page.visit(admin, "/members/selection/join-group/")]
    for page in pages:
        assert NASTY in page.text
        assert {e.attributes.get("src") for e in page.all("script")} == {
            "/static/app.js",
            "/static/session.js",
            "/static/vendor/htmx.min.js",
        }


# The selected people


@pytest.mark.parametrize(
    ("action", "title", "goal", "already"),
    [
        ("join-group", "Put into a group", "Put 2 members into the group Bakers.", 1),
        ("leave-group", "Take out of a group", "Take 1 member out of the group Bakers.", 2),
    ],
)
def test_the_selected_people_go_in_or_out_together(
    action, title, goal, already, admin, bakers, users, user_id, world, northwind, work
):
    before = set(world.groups(northwind)["Bakers"])
    page = tick(admin, users[1:4], action=action)
    assert page.heading == title
    assert page.options("Group") == ["Choose", *(row[0] for row in visit(admin).rows("Groups"))]
    review = page.press("Review", {"Group": "Bakers", "Reason": "New team"})
    assert goal in review.text
    assert len(review.rows("Already so")) == already
    apply(review)
    work()
    moved = {user_id(pk) for pk in users[1:4]}
    now = set(world.groups(northwind)["Bakers"])
    assert now == (before | moved if action == "join-group" else before - moved)


def test_inactive_people_are_said_before_anything_is_chosen(admin, bakers, users, connection, world):
    world.deactivate(users[2])
    roster.read(connection)
    page = tick(admin, users[1:4], action="join-group")
    assert "1 of them is inactive: only active people can be put into a group." in page.text
    review = page.press("Review", {"Group": "Bakers"})
    assert [row[1] for row in review.rows("Blocked")] == ["Inactive: reactivate them first."]


@pytest.mark.parametrize(
    ("sent_group", "said"),
    [("", "Choose a group."), ("group_made_up", "This group is not there any more: choose another.")],
)
def test_a_group_that_can_not_be_chosen_is_said(sent_group, said, admin, bakers, users):
    tick(admin, users[:2])
    answer = admin.post("/members/selection/join-group/", {"value": sent_group, "reason": "Because"})
    page = Page(admin, answer)
    assert (page.status, page.error("Group"), page.field("Reason").value) == (422, said, "Because")


def test_nobody_selected_leads_back_to_the_members(admin, bakers):
    page = Page.visit(admin, "/members/selection/join-group/")
    assert page.heading == "Members"
    assert "Nobody is selected" in page.text


def test_without_groups_there_is_nothing_to_choose(admin, connection, users):
    page = tick(admin, users[:2], action="leave-group")
    assert page.heading == "Groups"
    assert "No groups are known here yet" in page.text


def test_the_same_form_posted_twice_is_two_plans_and_changes_nothing(admin, bakers, users, close):
    tick(admin, users[:3])
    for _ in range(2):
        admin.post("/members/selection/join-group/", {"value": bakers})
    assert Plan.objects.count() == 2
    assert sent(close) == []


def test_five_hundred_people_are_one_call_each(admin, connection, world, northwind, work, close):
    for n in range(120):
        world.add_person(northwind, f"crowd{n}@crowd.example", "Crowd", f"Person {n:03}")
    roster.read(connection)
    big = world.add_group(northwind, "Big", [])
    read(connection)
    ids = [m["id"] for m in world.members(northwind) if m["first_name"] == "Crowd"]
    review = tick(admin, ids, action="join-group").press("Review", {"Group": "Big"})
    close.calls.clear()
    apply(review)
    work()
    assert len(world.groups(northwind)["Big"]) == 120
    assert len(sent(close)) == 120
    assert len(close.calls.matching("GET", f"/api/v1/group/{big}/")) == 2


# The person's own page


def boxes(page: Page) -> dict[str, bool]:
    """The check boxes under "Groups"."""
    (found,) = [f for f in page.all("fieldset") if next(f.all("legend")).text == "Groups"]
    return {label.text: next(label.all("input")).checked for label in found.all("label")}


def post(client, member_id: str, **data) -> Page:
    return Page(client, client.post(f"/members/{member_id}/", data, follow=True))


def test_a_person_s_groups_are_ticked_on_their_page(admin, bakers, users, user_id, world, northwind):
    shown = boxes(Page.visit(admin, f"/members/{users[0]}/"))
    assert shown == {g: user_id(users[0]) in inside for g, inside in world.groups(northwind).items()}
    assert shown["Bakers"]


def test_only_boxes_that_were_turned_are_a_wish(admin, bakers, users, user_id, world, northwind, work):
    cooks = world.add_group(northwind, "Cooks", [])
    organization = Organization.objects.get(remote_id=northwind)
    MirroredGroup.objects.create(organization=organization, remote_id=cooks, name="Cooks")
    review = post(admin, users[0], was=[bakers], groups=[cooks])
    assert sorted(row[1] for row in review.rows("Will change")) == [
        "Group Bakers: from In → to Not in",
        "Group Cooks: from Not in → to In",
    ]
    assert review.text.count("Change ") >= 1
    assert "Apply to 1 member" in review.buttons()
    apply(review)
    work()
    assert user_id(users[0]) in world.groups(northwind)["Cooks"]
    assert user_id(users[0]) not in world.groups(northwind)["Bakers"]


def test_groups_and_settings_change_in_one_plan(admin, bakers, users, user_id, world, northwind, work, close):
    page = Page.visit(admin, f"/members/{users[2]}/")
    review = post(admin, users[2], groups=[bakers], role="superuser")
    assert len(review.rows("Will change")) == 2
    assert page.heading in review.text
    apply(review)
    work()
    assert world.membership(users[2])["role_id"] == "superuser"
    assert user_id(users[2]) in world.groups(northwind)["Bakers"]
    assert len(sent(close)) == 2


def test_what_changed_since_the_page_was_shown_is_nobodys_wish(
    admin, bakers, users, connection, world, northwind, user_id
):
    """Shown without a tick; somebody else puts them in; nothing was turned."""
    page = Page.visit(admin, f"/members/{users[2]}/")
    world.set_group(northwind, bakers, [user_id(users[2])])
    read(connection)
    answer = page.press("Review", {})
    assert answer.status == 422
    assert "Nothing is changed yet" in answer.text


@pytest.mark.parametrize("made_up", [["group_made_up"], ["<script>"], [""]])
def test_boxes_nobody_showed_are_refused(made_up, admin, bakers, users):
    page = post(admin, users[0], groups=made_up)
    assert page.status == 422
    assert "This group is not there any more" in page.text
    assert not Plan.objects.exists()


def test_who_is_inactive_sees_only_the_groups_to_leave(admin, bakers, users, connection, world):
    world.deactivate(users[0])
    roster.read(connection)
    page = Page.visit(admin, f"/members/{users[0]}/")
    assert boxes(page)
    assert all(boxes(page).values())
    assert "can be taken out of groups, but not put in" in page.text
    review = post(admin, users[0], was=[bakers])
    assert [row[1] for row in review.rows("Will change")] == ["Group Bakers: from In → to Not in"]


def test_before_the_groups_were_read_a_person_s_page_does_without(admin, users):
    page = Page.visit(admin, f"/members/{users[0]}/")
    assert "Groups" not in [legend.text for legend in page.all("legend")]


def test_the_history_names_the_group(admin, bakers, users, world, work, connection, northwind):
    review = post(admin, users[2], groups=[bakers])
    apply(review)
    work()
    told = Page.visit(admin, f"/members/{users[2]}/").text.partition("History")[2]
    assert "Group Bakers from Not in → to In" in told
    log = Page.visit(admin, "/audit/?event=member.group.set").rows("Audit log")
    assert world.membership(users[2])["email"] in log[0][2]
    assert "Group Bakers" in log[0][3]
    assert group_field(bakers) not in log[0][3]


def test_the_receipt_of_an_undone_deletion_names_the_new_group_and_leads_to_it(
    admin, bakers, users, work, world, northwind
):
    """It gets an id of its own, which nobody should have to read."""

    def done(review: Page) -> Page:
        started = apply(review)
        work()
        return Page.visit(admin, started.address)

    review = done(visit(admin, f"{bakers}/delete/").press("Review")).press("Undo")
    assert "Undo of “Delete the group Bakers”. 3 changes in 2 steps." in review.text
    assert "Is made anew: the group gets a new id." in review.text
    receipt = done(review)
    made = world.group_id(northwind, "Bakers")
    assert "Is made anew: the group gets a new id." in receipt.text
    assert "2 Put 2 members into the group Bakers" in [h.text for h in receipt.all("h2")]
    assert made not in receipt.text
    assert receipt.link("Bakers") == f"/groups/{made}/"
    assert Page.visit(admin, receipt.link("Bakers")).heading == "Bakers"


def test_a_group_that_is_gone_is_named_on_its_receipt_without_a_link(admin, bakers, work):
    started = apply(visit(admin, f"{bakers}/delete/").press("Review"))
    work()
    receipt = Page.visit(admin, started.address)
    assert [row[0] for row in receipt.rows("Done")] == ["Bakers Group"]
    assert not [a for a in receipt.all("a") if a.text == "Bakers"]


@pytest.mark.parametrize("what", ["rename", "delete"])
def test_what_is_done_to_a_group_leads_back_to_it(what, admin, bakers):
    assert visit(admin, f"{bakers}/{what}/").link("Bakers") == f"/groups/{bakers}/"


def test_what_was_done_to_a_group_is_one_click_away(admin, bakers, work):
    """Also from when it was called otherwise; filters keep to it, and so does the export."""
    for name in ("Chefs", "Cooks"):
        apply(visit(admin, f"{bakers}/rename/").press("Review", {"Name": name}))
        work()
    log = Page.visit(admin, visit(admin, f"{bakers}/").link("What was done to this group"))
    assert log.heading == "Audit log"
    assert [row[2] for row in log.rows("Audit log")] == ["Chefs Group", "Bakers Group"]
    assert "Only what was done to Cooks, whatever it was called at the time." in log.text
    assert log.press("Filter", {"Person, role or group": "Bakers"}).rows("Audit log")[0][2] == "Bakers Group"
    export = b"".join(admin.get(log.link("Export")).streaming_content).decode()
    assert ("Chefs" in export, "plan.applied" in export) == (True, False)
    assert len(log.follow("Show everything").rows("Audit log")) > 2


@pytest.mark.parametrize("about", ["group_made_up", "%00", "<script>", "x" * 300])
def test_what_was_done_to_nothing_is_nothing(about, admin, connection):
    page = Page.visit(admin, f"/audit/?about={about}")
    assert page.status == 200
    assert page.rows("Audit log") == []
    assert "Nothing matches" in page.text
