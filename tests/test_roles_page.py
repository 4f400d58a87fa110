"""The roles page: who may do what, how two roles differ, and who has a permission."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memberships.domain.permissions import label
from memberships.models import Connection, MirroredMember, MirroredRole, Organization
from memberships.services import roster
from sandbox.records import MANAGE, PERMISSIONS
from sandbox.rehearsal import ADMIN, PEOPLE_OPS, SALES_MANAGER, SUPPORT_LEAD
from tests.pages import Page
from tests.steps import people, run, tick

PAGE = 50
SYSTEM = ("Admin", "Super User", "User", "Restricted User")


def roles(client, query: str = "") -> Page:
    return Page.visit(client, f"/roles/{query}")


def listed(page: Page) -> dict[str, list[str]]:
    """The rows of the list by the name of the role: kind, permissions, active, inactive."""
    return {row[0].removesuffix(" can manage"): row[1:] for row in page.rows("Roles")}


def matrix(page: Page) -> dict[str, dict[str, str]]:
    """For each permission's own name: what stands under each role."""
    (table,) = [t for t in page.all("table") if "Permissions by role" in [c.text for c in t.all("caption")]]
    _, *heads = [th.text for th in next(table.all("thead")).all("th")]
    rows = page.rows("Permissions by role")
    return {row[0].split()[-1]: dict(zip(heads, row[1:], strict=True)) for row in rows}


def compared(page: Page) -> dict[str, list[str]]:
    """The parts of a comparison by their title, each with the permissions' own names."""
    parts = [s for s in page.all("section") if s.attributes.get("aria-label", "").startswith(("Only", "In"))]
    return {s.attributes["aria-label"]: [li.text.split()[-1] for li in s.all("li")] for s in parts}


def links(page: Page) -> set[str]:
    return {a.attributes["href"] for a in page.all("a")}


def have(page: Page) -> list[str]:
    """The people listed under "Active people who have it"."""
    (section,) = [s for s in page.all("section") if s.attributes.get("id") == "people"]
    return [a.text for a in section.all("a") if a.attributes["href"].startswith("/members/")]


def crowd(organization: Organization, number: int, *, roles: int = 5) -> None:
    """People and roles nobody has to read from Close first. Every second role can export; one permission is new."""
    MirroredRole.objects.filter(organization=organization).delete()
    MirroredMember.objects.filter(organization=organization).delete()
    MirroredRole.objects.bulk_create(
        MirroredRole(
            organization=organization,
            remote_id=f"role_{n}",
            name=f"Role {n:02}",
            permissions=["calling", "invented_tomorrow", *(["export"] if n % 2 == 0 else [])],
        )
        for n in range(roles)
    )
    MirroredMember.objects.bulk_create(
        MirroredMember(
            organization=organization,
            remote_id=f"memb_{n}",
            email=f"extra{n}@example.com",
            first_name="Extra",
            last_name=f"Person {n:04}",
            role_id=f"role_{n % roles}",
            status="active",
            sort_name=f"extra person {n:04}",
        )
        for n in range(number)
    )


# The list


def test_each_role_says_how_many_people_have_it_and_where_it_comes_from(admin, world, northwind):
    found = listed(roles(admin))
    everyone = world.members(northwind, active=None)
    assert set(found) == {role.name for role in world.organizations[northwind].roles.values()}
    for name, (kind, _, active, inactive) in found.items():
        mine = [m["active"] for m in everyone if m["role_name"] == name]
        assert active.split()[0] == str(sum(mine))
        assert inactive.split()[0] == str(len(mine) - sum(mine))
        assert kind == ("System" if name in SYSTEM else "Custom")


def test_a_count_leads_to_exactly_those_people(admin, world, northwind):
    page = roles(admin)
    inactive = listed(page)["User"][3].split()[0]
    there = Page.visit(admin, "/members/?role=user&status=inactive")
    assert "/members/?role=user&status=inactive" in links(page)
    assert len(there.rows("Members")) == int(inactive)


def test_roles_that_can_manage_the_organization_are_marked(admin):
    marked = [row[0] for row in roles(admin).rows("Roles") if row[0].endswith("can manage")]
    assert marked == ["Admin can manage", "People Ops can manage"]


def test_the_header_leads_here_and_says_so(admin):
    page = Page.visit(admin, "/members/").follow("Roles")
    assert page.heading == "Roles"
    current = [a.text for a in page.all("a") if a.attributes.get("aria-current") == "page"]
    assert current == ["Roles"]


# Roles that are not there


@pytest.fixture
def lost(connection: Connection, world, northwind) -> str:
    """The id of a role that people still carry although Close lists it no more."""
    role_id: str = world.role_id(northwind, SUPPORT_LEAD)
    world.unlist_role(northwind, role_id)
    roster.read(connection)
    return role_id


def test_a_role_that_no_longer_exists_is_listed_with_its_people(admin, lost, world, northwind):
    page = roles(admin)
    kind, permissions, active, _ = listed(page)[lost]
    assert (kind, permissions) == ("Not listed", "unknown")
    assert active.split()[0] == str(len([m for m in world.members(northwind) if m["role_id"] == lost]))
    assert "a role that Close does not list" in page.text
    assert SUPPORT_LEAD not in page.text


def test_the_people_of_a_role_that_no_longer_exists_can_be_found(admin, lost, world, northwind):
    expected = len([m for m in world.members(northwind) if m["role_id"] == lost])
    page = Page.visit(admin, f"/members/?role={lost}&status=active")
    assert len(page.rows("Members")) == expected
    assert f"Role: {lost}" in page.text
    exported = b"".join(admin.get(f"/members/export/?role={lost}&status=active").streaming_content).decode()
    assert len(exported.splitlines()) == expected + 1


def test_who_can_says_whom_it_can_not_judge(admin, lost, world, northwind):
    number = len([m for m in world.members(northwind) if m["role_id"] == lost])
    assert f"{number} more carr" in roles(admin, "?can=calling").text


def test_a_membership_without_a_role_is_counted(admin, connection):
    MirroredMember.objects.filter(email=ADMIN).update(role_id="")
    page = roles(admin)
    kind, permissions, active, _ = listed(page)["No role"]
    assert (kind, permissions, active) == ("None", "unknown", "1")


# Permissions by role


def test_the_matrix_says_yes_or_no_in_words_for_every_role_and_permission(admin, world, northwind):
    shown = matrix(roles(admin))
    its_roles = world.organizations[northwind].roles.values()
    assert set(shown) == set(PERMISSIONS)
    for permission, row in shown.items():
        assert row == {r.name: "Yes" if permission in r.permissions else "No" for r in its_roles}


def test_permissions_read_as_words_beside_their_own_names(admin):
    heads = [row[0] for row in roles(admin).rows("Permissions by role")]
    assert "Export data export" in heads
    assert heads == sorted(heads, key=str.casefold)


def test_a_permission_nobody_knows_is_shown_as_it_is(admin, connection, world, northwind):
    world.add_role(northwind, "Pioneers", ["teleport_leads"])
    roster.read(connection)
    page = roles(admin)
    assert matrix(page)["teleport_leads"]["Pioneers"] == "Yes"
    assert matrix(page)["teleport_leads"]["User"] == "No"
    assert "teleport_leads" in [row[0] for row in page.rows("Permissions by role")]
    assert "teleport_leads" in page.options("Who can")


def test_the_matrix_scrolls_in_a_region_that_has_a_name_and_can_be_focused(admin):
    (region,) = [e for e in roles(admin).all("div") if e.attributes.get("role") == "region"]
    assert region.attributes["tabindex"] == "0"
    assert region.attributes["aria-labelledby"] == "permissions-title"


# Compare


def test_two_roles_are_compared_and_the_address_says_which(admin, world, northwind):
    page = roles(admin).press("Compare", {"Role": "User", "With": SUPPORT_LEAD})
    lead = world.role_id(northwind, SUPPORT_LEAD)
    assert page.address == f"/roles/?role=user&with={lead}"
    found = compared(page)
    assert found["Only User"] == ["bulk_email"]
    assert found[f"Only {SUPPORT_LEAD}"] == ["call_coach_listen"]
    assert len(found["In both"]) == 12
    assert (page.field("Role").value, page.field("With").value) == ("User", SUPPORT_LEAD)


def test_a_comparison_says_how_many_people_each_role_has(admin, world, northwind):
    page = roles(admin, "?role=user&with=admin")
    ((_, user), (_, its_admin)) = zip(page.all("dt"), page.all("dd"), strict=True)
    for role_id, said in (("user", user), ("admin", its_admin)):
        mine = [m["active"] for m in world.members(northwind, active=None) if m["role_id"] == role_id]
        assert said.text == f"{sum(mine)} active · {len(mine) - sum(mine)} inactive"


def test_a_role_is_not_compared_with_itself_or_with_nothing(admin, subtests):
    for query, field, said in [
        ("?role=user&with=user", "With", "Choose two different roles."),
        ("?role=user&with=", "With", "Choose a role."),
        ("?with=user", "Role", "Choose a role."),
        ("?role=role_gone&with=user", "Role", "This role is not there any more: choose another."),
    ]:
        with subtests.test(query=query):
            page = roles(admin, query)
            assert page.status == 200
            assert page.error(field) == said
            assert compared(page) == {}


def test_nothing_is_wrong_before_anything_was_asked(admin):
    page = roles(admin)
    assert "Choose a role." not in page.text
    assert not [e for e in page.all("select") if "aria-invalid" in e.attributes]


def test_another_organizations_role_is_nobodys_to_compare(outsider, world, northwind):
    its_id = world.role_id(northwind, SALES_MANAGER)
    page = roles(outsider, f"?role={its_id}&with=user")
    assert page.error("Role").startswith("This role is not there")
    assert SALES_MANAGER not in page.text


# Who can …?


def test_who_can_names_the_roles_that_grant_it_and_the_active_people_who_have_it(admin, world, northwind):
    page = roles(admin).press("Show", {"Who can": "Export data"})
    assert page.address == "/roles/?can=export"
    granting = [r.id for r in world.organizations[northwind].roles.values() if "export" in r.permissions]
    wanted = [m for m in world.members(northwind) if m["role_id"] in granting]
    assert f"{len(wanted)} active people can export data, through 3 roles." in page.text
    assert len(have(page)) == len(wanted)
    assert {f"/members/?role={role_id}&status=active" for role_id in granting} <= links(page)


def test_who_can_manage_agrees_with_the_members_page(admin):
    page = roles(admin, f"?can={MANAGE}")
    there = Page.visit(admin, "/members/?status=active&power=manage")
    assert len(have(page)) == len(there.rows("Members"))
    assert {"Alex Morgan", "Noor Haddad"} <= set(have(page))


def test_a_permission_that_no_role_grants_is_answered_too(admin):
    page = roles(admin, "?can=fly")
    assert "No role here grants this permission: fly" in page.text
    assert page.field("Who can").value == "fly"


def test_an_unknown_permission_that_a_role_grants_is_asked_for_by_its_own_name(
    admin, connection, world, northwind
):
    pioneers = world.add_role(northwind, "Pioneers", ["teleport_leads"])
    world.set_role(people(world, northwind, "user", 1)[0], pioneers)
    roster.read(connection)
    assert "1 active person has teleport_leads" in roles(admin, "?can=teleport_leads").text


def test_a_question_that_makes_no_sense_is_no_question(admin, subtests):
    for query in ("?can=", "?can=" + "x" * 101, "?can=%00", "?people=7", "?can=%20"):
        with subtests.test(query=query):
            page = roles(admin, query)
            assert page.status == 200
            assert "active people who have it" not in page.text.lower()


def test_those_who_have_it_come_in_pages(admin, connection):
    crowd(connection.organization, 120, roles=2)
    first = roles(admin, "?can=calling")
    assert len(have(first)) == PAGE
    last = first.follow("Next").follow("Next")
    assert last.address == "/roles/?can=calling&people=3"
    assert len(have(last)) == 20
    assert "101–120 of 120" in last.text


def test_one_question_keeps_the_other(admin):
    page = roles(admin, "?role=user&with=admin").press("Show", {"Who can": "Export data"})
    assert compared(page)
    assert "can export data" in page.text
    page = page.press("Compare", {"Role": "User", "With": "Super User"})
    assert page.address == "/roles/?can=export&role=user&with=superuser"
    assert "can export data" in page.text


# Where a role is chosen


def test_choosing_a_role_shows_how_many_people_have_each_now(admin, world, northwind):
    users = people(world, northwind, "user", 2)
    page = tick(admin, users, action="role")
    number = len([m for m in world.members(northwind) if m["role_id"] == "user"])
    summaries = [e.text for e in page.all("summary")]
    assert f"User {number} people have it now" in summaries
    assert "People Ops can manage, 1 person has it now" in summaries


def test_the_review_says_how_many_people_win_and_lose_how_much(admin, world, northwind):
    users = people(world, northwind, "user", 2)
    page = tick(admin, users, action="role").press("Review", {"New role": SUPPORT_LEAD})
    assert "2 people from User: 1 permission gained and 1 permission lost" in [
        e.text for e in page.all("summary")
    ]


# Freshness, cost and safety


def test_a_fresh_page_asks_nobody(admin, close, queue):
    assert "Roster as of" in roles(admin, "?role=user&with=admin&can=export").text
    assert (len(close.calls), len(queue)) == (0, 0)


def test_a_stale_page_is_shown_at_once_and_refreshed_once_behind_it(admin, stale, close, queue):
    for page in (roles(admin), roles(admin), Page.visit(admin, "/members/")):
        assert "reading it again now" in page.text
    assert (len(close.calls), len(queue)) == (0, 1)


def test_refresh_comes_back_here_with_what_was_asked(admin, queue, world, northwind):
    world.add_role(northwind, "Pioneers", ["teleport_leads"])
    page = roles(admin, "?role=user&with=admin").press("Refresh")
    assert page.address == "/roles/?role=user&with=admin"
    run(queue)
    assert admin.get("/roles/freshness/")["HX-Trigger"] == "roster-refreshed"
    part = Page(admin, admin.get("/roles/?role=user&with=admin", headers={"HX-Request": "true"}))
    assert "Pioneers" in listed(part)
    assert "<html" not in part.html


def test_before_anything_was_read_the_page_says_so_and_starts_reading(admin, queue):
    Organization.objects.update(roster_read_at=None)
    assert "Reading the roster from Close" in roles(admin).text
    run(queue)
    assert "Admin" in listed(roles(admin))


def test_where_the_first_reading_failed_one_can_try_again_from_here(admin, close, queue):
    Organization.objects.update(
        roster_read_at=None, refresh_error="Not today.", refresh_until=timezone.now() - timedelta(seconds=1)
    )
    page = roles(admin)
    assert "The roster could not be read Not today." in page.text
    assert page.press("Try again").address == "/roles/"
    assert len(queue) == 1


@pytest.mark.parametrize(("query", "queries"), [("", 4), ("?role=role_0&with=role_1&can=export", 5)])
@pytest.mark.parametrize(("number", "its_roles"), [(10, 2), (500, 50)])
def test_the_number_of_queries_depends_on_neither_people_nor_roles(
    query, queries, number, its_roles, admin, connection, django_assert_num_queries
):
    crowd(connection.organization, number, roles=its_roles)
    with django_assert_num_queries(queries):
        page = roles(admin, query)
    assert len(listed(page)) == its_roles


def test_fifty_roles_by_forty_permissions_are_all_there(admin, connection):
    crowd(connection.organization, 10, roles=50)
    MirroredRole.objects.update(permissions=[f"permission_{n}" for n in range(40)])
    shown = matrix(roles(admin))
    assert len(shown) == 40
    assert {len(row) for row in shown.values()} == {50}


NASTY = "<script>alert(1)</script>"


def test_nasty_names_are_text_and_nothing_else(admin, connection, world, northwind):
    role_id = world.add_role(northwind, f"{NASTY}'\"&{{{{ 7 }}}}", [f"{NASTY}_can", "export&import"])
    MirroredMember.objects.filter(email=PEOPLE_OPS).update(role_id=f'"{NASTY}&status=x')
    roster.keep_roles(
        connection.organization,
        [
            *roster.roles(connection.organization).values(),
            MirroredRole(remote_id=role_id, name=NASTY, permissions=[NASTY]).role(),
        ],
    )
    page = roles(admin, f"?role={role_id}&with=user&can={NASTY}")
    assert {e.attributes.get("src") for e in page.all("script")} == {
        "/static/app.js",
        "/static/session.js",
        "/static/vendor/htmx.min.js",
    }
    assert compared(page)[f"Only {NASTY}"] == [NASTY.split()[-1]]
    assert matrix(page)[NASTY][NASTY] == "Yes"
    (href,) = [h for h in links(page) if "status%3Dx" in h]
    assert len(Page.visit(admin, href).rows("Members")) == 1
    assert NASTY in roles(admin, f"?can={NASTY}2").text


def test_every_known_permission_can_be_asked_for(admin):
    assert {label(name).casefold() for name in PERMISSIONS} == {
        option.casefold() for option in roles(admin).options("Who can")[1:]
    }


@pytest.mark.parametrize(
    ("address", "section", "how"),
    [
        ("/roles/", "Roles", "page"),
        ("/roles/user/", "Roles", "true"),
        ("/groups/new/", "Groups", "true"),
        ("/members/invite/", "Members", "true"),
        ("/audit/", "Audit log", "page"),
    ],
)
def test_the_header_says_in_which_part_one_is(address, section, how, admin):
    nav = next(e for e in Page.visit(admin, address).all("nav") if e.attributes.get("aria-label") == "Main")
    here = {a.text: a.attributes["aria-current"] for a in nav.all("a") if "aria-current" in a.attributes}
    assert here == {section: how}


def test_each_role_is_a_click_away_wherever_it_is_named(admin):
    page = Page.visit(admin, "/roles/?role=admin&with=user&can=calling")
    named = [a for a in page.all("a") if a.attributes.get("href") == "/roles/user/"]
    assert len(named) == 4  # the list, the comparison, who can, the matrix
