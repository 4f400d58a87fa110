"""The members page: find people, tick them, keep the ticks, and never wait for Close."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from memberships.models import MirroredMember, Organization, Plan, Selection
from memberships.services import roster, selection
from sandbox.people import AWKWARD
from sandbox.rehearsal import ADMIN
from tests.pages import Page
from tests.steps import changes, emails, people, run, tick

PAGE = 50
EVERYONE = 60


def members(client, query: str = "") -> Page:
    return Page.visit(client, f"/members/{query}")


def shown(page: Page) -> list[str]:
    """The addresses of the people in the table, as their check boxes name them."""
    return [name.rpartition(" ")[2] for name in page.ticks() if name.startswith("Select ") and "@" in name]


def selected(page: Page) -> int:
    """The number the bulk bar shows."""
    words = page.text.split()
    return int(words[words.index("selected") - 1].replace(",", ""))


def add(organization: Organization, number: int) -> None:
    """People nobody has to read from Close first."""
    MirroredMember.objects.bulk_create(
        MirroredMember(
            organization=organization,
            remote_id=f"memb_{n}",
            email=f"extra{n}@example.com",
            first_name="Extra",
            last_name=f"Person {n:04}",
            role_id="user",
            status="active",
            search_text=f"extra person {n:04} extra{n}@example.com",
            sort_name=f"extra person {n:04}",
        )
        for n in range(number)
    )


# Finding


@pytest.fixture
def choir(connection, world, northwind) -> None:
    """A few people whose names are worth a search."""
    for email, first, last in [
        ("jose.a", "José", "Ibáñez"),
        ("soren.k", "Kierkegård", "Gøtterdal"),
        ("lukasz.n", "Łukasz", "Nowak"),
        ("zoe.x", "Zoe\u0308", "Xu"),
        ("ipek.i", "İpek", "Işıksal"),
        ("strasse", "Anna", "Weißstraße"),
        ("percent", "100%", "Under_score"),
    ]:
        world.add_person(northwind, f"{email}@choir.example", first, last)
    roster.read(connection)


SEARCHES = [
    ("jose", "jose.a"),
    ("JOSÉ ibanez", "jose.a"),
    ("ibáñez jo", "jose.a"),
    ("gotterdal", "soren.k"),
    ("gøtterdal kierkegard", "soren.k"),
    ("lukasz nowak", "lukasz.n"),
    ("zoë xu", "zoe.x"),
    ("isiksal", "ipek.i"),
    ("WEISSSTRASSE", "strasse"),
    ("100% under_", "percent"),
    ("  ISIKSAL   @choir ", "ipek.i"),
    ("lukasz.n@choir.example", "lukasz.n"),
]


@pytest.mark.usefixtures("choir")
def test_search_finds_people_however_their_name_is_typed(admin, subtests):
    for typed, found in SEARCHES:
        with subtests.test(typed=typed, found=found):
            page = members(admin).press("Filter", {"Search": typed})
            assert shown(page) == [f"{found}@choir.example"]
            assert page.field("Search").value.strip() == typed.strip()


@pytest.mark.usefixtures("choir")
def test_every_word_has_to_match(admin):
    page = members(admin, "?q=jose+gotterdal")
    assert shown(page) == []
    assert "Nobody matches" in page.text


SIGNS = ["%25%25", "a%25a", "a_e_", "'", "%5C"]


@pytest.mark.usefixtures("choir")
def test_signs_with_a_meaning_to_databases_mean_themselves(admin, subtests):
    for typed in SIGNS:
        with subtests.test(typed=typed):
            assert shown(members(admin, f"?q={typed}+@choir")) == []


def test_filters_narrow_the_list_and_show_in_their_boxes(admin, world, northwind):
    page = members(admin).press("Filter", {"Role": "Sales Manager", "Status": "Inactive"})
    wanted = {
        m["email"].lower()
        for m in world.members(northwind, active=None)
        if m["role_name"] == "Sales Manager" and not m["active"]
    }
    assert wanted
    assert set(shown(page)) == wanted
    assert (page.field("Role").value, page.field("Status").value) == ("Sales Manager", "Inactive")
    assert parse_qs(urlsplit(page.address).query)["status"] == ["inactive"]


def test_the_filters_carry_bare_names(admin, world, northwind):
    page = members(admin)
    assert page.options("Status") == ["All", "Active", "Inactive", "Pending"]
    assert set(page.options("Role")) == {
        "All",
        *(r.name for r in world.organizations[northwind].roles.values()),
    }


def test_a_filter_is_taken_off_by_its_link(admin):
    page = members(admin, "?status=inactive&role=user")
    assert parse_qs(urlsplit(page.follow("Remove filter Status: Inactive ×").address).query) == {
        "role": ["user"]
    }
    assert page.follow("Clear filters").address == "/members/"


@pytest.mark.parametrize("sort", ["name", "email", "role"])
def test_each_order_has_its_reverse(sort, admin):
    there = [shown(members(admin, f"?sort={sort}&page={n}")) for n in (1, 2)]
    back = [shown(members(admin, f"?sort=-{sort}&page={n}")) for n in (1, 2)]
    forwards, backwards = [*there[0], *there[1]], [*back[0], *back[1]]
    assert len(forwards) == EVERYONE
    assert sorted(forwards) == sorted(backwards)
    if sort == "email":
        # Whether a digit comes before @ is up to the database.
        first_letters = [address[:5] for address in forwards]
        assert first_letters == sorted(first_letters)
        assert backwards == forwards[::-1]
    else:
        column = 1 if sort == "name" else 2
        order = column_of(members(admin, f"?sort={sort}"), column)
        assert order != column_of(members(admin, f"?sort=-{sort}"), column)


def column_of(page: Page, column: int) -> list[str]:
    return [row[column] for row in page.rows("Members")]


def test_roles_are_in_the_order_of_their_names(admin):
    roles = [role.removesuffix(" can manage") for role in column_of(members(admin, "?sort=role"), 2)]
    assert roles == sorted(roles)
    assert column_of(members(admin, "?sort=-role"), 2)[0] == "User"


@pytest.mark.usefixtures("choir")
def test_names_with_accents_stand_with_their_letter(admin):
    found = shown(members(admin, "?q=@choir.example"))
    assert [email.partition("@")[0] for email in found] == [
        "percent", "strasse", "ipek.i", "jose.a", "soren.k", "lukasz.n", "zoe.x",
    ]  # fmt: skip


def test_a_sorted_column_says_so_and_turns_by_its_link(admin):
    page = members(admin, "?q=a&sort=role")
    (header,) = [th for th in page.all("th") if "aria-sort" in th.attributes]
    assert (header.text, header.attributes["aria-sort"]) == ("Role", "ascending")
    assert parse_qs(urlsplit(page.follow("Role").address).query) == {"q": ["a"], "sort": ["-role"]}


def test_fifty_are_on_a_page_and_the_address_keeps_its_state(admin):
    first = members(admin, "?sort=-email")
    assert len(shown(first)) == PAGE
    second = first.follow("Next")
    assert len(shown(second)) == EVERYONE - PAGE
    assert parse_qs(urlsplit(second.address).query) == {"sort": ["-email"], "page": ["2"]}
    assert not set(shown(first)) & set(shown(second))


GARBAGE = [
    "?page=x",
    "?page=-1",
    "?page=0",
    "?sort=password",
    "?q=%00",
    "?q=" + "x" * 5000,
    "?q=%FF%FE",
    "?page=99999999999999999999999",
    "?sort=&role=&status=&q=&page=",
    "?sort=-&page[]=1",
]


def test_garbage_in_the_address_is_left_out(admin, subtests):
    for query in GARBAGE:
        with subtests.test(query=query):
            page = members(admin, query)
            assert page.status == 200
            assert len(shown(page)) in (PAGE, EVERYONE - PAGE) or "q=%FF" in query


@pytest.mark.parametrize("query", ["?role=made-up", "?status=made-up", "?role=%00made-up"])
def test_a_role_or_status_there_is_not_is_nobodys_and_says_so(admin, query):
    """As in a bookmark: to show everybody would let somebody select everybody."""
    page = members(admin, query)
    assert (page.status, shown(page)) == (200, [])
    assert "Nobody matches" in page.text
    assert "made-up" in page.text.lower()
    exported = b"".join(admin.get(f"/members/export/{query}").streaming_content)
    assert len(exported.splitlines()) == 1


def test_everyone_is_counted_by_status(admin, world, northwind):
    active, everyone = len(world.members(northwind)), len(world.members(northwind, active=None))
    text = members(admin).text
    assert f"{everyone} people" in text
    assert f"{active} active" in text
    assert f"{everyone - active} inactive" in text


# Freshness


def test_a_fresh_list_asks_nobody(admin, close, queue):
    assert "Roster as of" in members(admin).text
    assert (len(close.calls), len(queue)) == (0, 0)


def test_a_stale_list_is_shown_at_once_and_refreshed_once_behind_the_page(admin, stale, close, queue):
    for _ in range(3):
        page = members(admin)
        assert len(shown(page)) == PAGE
        assert "reading it again now" in page.text
    assert (len(close.calls), len(queue)) == (0, 1)


def test_refresh_is_claimed_once_however_often_it_is_pressed(admin, second_admin, queue):
    page = members(admin, "?status=active&page=1")
    after = page.press("Refresh")
    assert parse_qs(urlsplit(after.address).query)["status"] == ["active"]
    second_admin.post("/members/refresh/")
    assert len(queue) == 1
    assert "Refresh" not in after.buttons()


def test_a_refresh_brings_what_changed_in_close(admin, world, northwind, queue):
    gone, renamed = world.members(northwind)[10], world.members(northwind)[11]
    world.deactivate(gone["id"])
    world.rename(renamed["user_id"], "Renamed", "Person")
    members(admin).press("Refresh")
    run(queue)
    assert [row[3] for row in members(admin, f"?q={gone['email']}").rows("Members")] == ["Inactive"]
    assert "Renamed Person" in members(admin, f"?q={renamed['email']}").text


def test_the_freshness_line_tells_the_list_when_it_is_over(admin, queue):
    admin.post("/members/refresh/")
    assert "HX-Trigger" not in admin.get("/members/freshness/").headers
    run(queue)
    assert admin.get("/members/freshness/")["HX-Trigger"] == "roster-refreshed"


def test_a_refresh_that_fails_says_why_and_keeps_the_list(admin, close, queue):
    members(admin).press("Refresh")
    close.faults.fail_next(400, path="role/", body={"error": "Close is being moved to another planet"})
    run(queue)
    page = members(admin)
    assert "The last refresh failed. Close is being moved to another planet" in page.text
    assert len(shown(page)) == PAGE
    assert "Refresh" in page.buttons()


def test_the_next_good_refresh_takes_the_failure_away(admin, connection, queue):
    Organization.objects.update(refresh_error="Close can't be reached.")
    members(admin).press("Refresh")
    run(queue)
    assert "failed" not in members(admin).text


def test_before_anything_was_read_the_page_says_so_and_starts_reading(admin, connection, queue):
    MirroredMember.objects.all().delete()
    Organization.objects.update(roster_read_at=None)
    assert "Reading the roster from Close" in members(admin).text
    run(queue)
    assert len(shown(members(admin))) == PAGE


def test_where_the_first_reading_fails_one_can_try_again(admin, close, queue):
    Organization.objects.update(roster_read_at=None)
    members(admin)
    close.faults.fail_next(400, path="role/", body={"error": "Not today"})
    run(queue)
    page = members(admin)
    assert page.text.count("The roster could not be read Not today") == 1
    page.press("Try again")
    run(queue)
    assert len(shown(members(admin))) == PAGE


def test_a_refresh_that_failed_is_not_tried_by_itself_again_for_a_minute(admin, stale, close, queue):
    members(admin)
    close.faults.fail_next(400, path="role/", body={"error": "Not today"})
    run(queue)
    assert "The last refresh failed. Not today" in members(admin).text
    assert queue == []
    Organization.objects.update(refresh_until=timezone.now() - timedelta(seconds=61))
    assert "reading it again now" in members(admin).text
    assert len(queue) == 1


# Ticking


def test_rows_are_ticked_one_by_one_and_stay_ticked(admin, world, northwind):
    ana, bo = people(world, northwind, "user", 2)
    page = tick(admin, [ana, bo])
    assert selected(page) == 2
    admin.post("/members/selection/", {"shown": [ana, bo], "member": [bo]})
    assert selected(members(admin)) == 1


def test_ticks_survive_paging_filters_and_other_pages(admin, world, northwind):
    tick(admin, people(world, northwind, "user", 3))
    for query in ("?page=2", "?q=nobody-at-all", "?role=superuser", "?sort=-email"):
        assert selected(members(admin, query)) == 3
    assert "3 not in this list" in members(admin, "?role=superuser").text
    Page.visit(admin, "/audit/")
    assert selected(members(admin)) == 3


def test_a_page_of_ticks_replaces_the_ticks_of_that_page_only(admin):
    first, second = members(admin), members(admin, "?page=2")
    first.press("Clear selection")
    boxes = [name for name in first.ticks() if "@" in name]
    first = members(admin).press("Keep the ticks and go to the next page", {boxes[0]: True, boxes[1]: True})
    assert first.address == "/members/?page=2"
    assert selected(first) == 2
    more = [name for name in second.ticks() if "@" in name]
    back = first.press("Select all 60 matching", {more[0]: True})
    assert selected(back) == EVERYONE


def test_a_whole_page_is_ticked_by_one_box(admin):
    page = members(admin, "?page=2").press("Change role", {"Select all on this page": True})
    assert page.heading == "Change role"
    assert selected(members(admin)) == EVERYONE - PAGE


def test_all_that_match_are_selected_by_filter_and_number(admin, world, northwind):
    add(Organization.objects.get(remote_id=northwind), 120)
    page = members(admin, "?q=extra")
    after = page.press("Select all 120 matching")
    assert selected(after) == 120
    assert parse_qs(urlsplit(after.address).query)["q"] == ["extra"]
    assert "All 120 matching are selected" in after.text


def test_when_the_number_has_moved_nobody_is_selected(admin, world, northwind):
    organization = Organization.objects.get(remote_id=northwind)
    add(organization, 120)
    page = members(admin, "?q=extra")
    organization.members.filter(email="extra7@example.com").delete()
    after = page.press("Select all 120 matching")
    assert "119 people match now, not 120. Nobody was added" in after.text
    assert selected(after) == 0


MADE_UP_NUMBERS = ["", "x", "-1", "0", "1e3", "9" * 30, "٣"]


def test_a_made_up_number_selects_nobody(admin, subtests):
    for number in MADE_UP_NUMBERS:
        with subtests.test(number=number):
            assert selected(Page(admin, admin.post("/members/selection/", {"all": number}, follow=True))) == 0


def test_the_selection_is_cleared_by_one_button(admin, world, northwind):
    page = tick(admin, people(world, northwind, "user", 3))
    assert selected(page.press("Clear selection")) == 0


def test_two_sessions_tick_for_themselves(admin, second_admin, world, northwind):
    tick(admin, people(world, northwind, "user", 3))
    assert selected(members(second_admin)) == 0


def test_ids_that_are_not_on_the_page_or_not_ours_are_ignored(admin, world, northwind):
    ana, bo = people(world, northwind, "user", 2)
    harbor = world.members(world.organization_id("Harbor Lights"))[0]["id"]
    admin.post(
        "/members/selection/", {"shown": [ana, harbor, "made-up"], "member": [ana, bo, harbor, "made-up"]}
    )
    assert selected(members(admin)) == 1


def test_who_has_left_the_organization_is_no_longer_selected(admin, connection, world, northwind):
    chosen = people(world, northwind, "user", 3)
    tick(admin, chosen)
    MirroredMember.objects.filter(remote_id=chosen[0]).delete()
    assert selected(members(admin)) == 2


def test_ticking_with_htmx_answers_with_the_count_alone(admin, world, northwind):
    ana = people(world, northwind, "user", 1)
    answer = Page(
        admin,
        admin.post("/members/selection/", {"shown": ana, "member": ana}, headers={"HX-Request": "true"}),
    )
    assert answer.status == 200
    assert selected(answer) == 1
    assert "<html" not in answer.html


def test_changing_without_ticks_leads_back_with_a_sentence(admin):
    page = members(admin).press("Change role")
    assert page.heading == "Members"
    assert "Nobody is selected" in page.text


def test_old_selections_are_forgotten(admin, world, northwind):
    tick(admin, people(world, northwind, "user", 1))
    Selection.objects.update(changed_at=timezone.now() - timedelta(days=2))
    selection.forget_old()
    assert selected(members(admin)) == 0


def test_the_whole_way_to_a_review_works_without_javascript(admin, close):
    page = members(admin, "?role=user&status=active")
    boxes = [name for name in page.ticks() if "@" in name][:2]
    choose = page.press("Change role", dict.fromkeys(boxes, True))
    review = choose.press("Review", {"New role": "Restricted User"})
    assert review.heading == "Review"
    assert len(review.rows("Will change")) == 2
    assert Plan.objects.count() == 1
    assert changes(close) == []


# Keeping


def exported(client, query: str = "") -> list[list[str]]:
    text = b"".join(client.get(f"/members/export/{query}").streaming_content).decode()
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_export_follows_the_filter_and_the_order(admin):
    query = "?role=user&status=active&sort=-email"
    page = members(admin, query)
    link = page.link("Export CSV")
    rows = exported(admin, f"?{urlsplit(link).query}")
    assert rows[0] == [
        *("id", "name", "email", "status", "Role", "Call recording", "Email open tracking"),
        *("Workflows may send as this person", "Default caller ID", "Voicemail drop URL", "can manage"),
    ]
    assert [row[2] for row in rows[1:]] == shown(page)


def test_the_export_holds_everyone_and_no_formula(admin, world, northwind):
    rows = exported(admin)[1:]
    assert sorted(row[2] for row in rows) == sorted(email.lower() for email in emails(world, northwind))
    names = {row[1] for row in rows}
    assert {
        '\'=HYPERLINK("http://formula.example","x") Sum',
        "'@SUM(1+1) At",
        "'+44 20 Plus",
        "'-2+3 Minus",
    } <= names
    assert "Line\nBreak Tab\tStop" in names


# Cost and safety


@pytest.mark.parametrize(("query", "queries"), [("", 7), ("?q=extra&role=user&sort=-role", 8)])
@pytest.mark.parametrize("number", [10, 500])
def test_the_number_of_queries_does_not_depend_on_the_number_of_people(
    number, query, queries, admin, connection, django_assert_num_queries
):
    MirroredMember.objects.all().delete()
    add(connection.organization, number)
    tick(admin, ["memb_1", "memb_2"])
    with django_assert_num_queries(queries):
        page = members(admin, query)
    assert len(shown(page)) == min(number, PAGE)
    assert selected(page) == 2


def test_nasty_names_are_text_and_nothing_else(admin):
    pages = [members(admin, f"?page={n}") for n in (1, 2)]
    everything = [element for page in pages for element in page.all("script", "b", "i", "img", "a", "input")]
    assert {e.attributes["src"] for e in everything if e.tag == "script"} == {
        "/static/app.js",
        "/static/session.js",
        "/static/vendor/htmx.min.js",
    }
    assert not [e for e in everything if any(name.startswith("on") for name in e.attributes)]
    names = [row[1] for page in pages for row in page.rows("Members")]
    for first, last in [(first, last) for _, first, last in AWKWARD if first and last]:
        assert any(" ".join(f"{first} {last}".split())[:40] in name for name in names), first


def test_the_admin_is_named_with_the_role_and_what_it_means(admin):
    (row,) = members(admin, f"?q={ADMIN}").rows("Members")
    assert row[1:4] == [f"Alex Morgan {ADMIN}", "Admin can manage", "Active"]
