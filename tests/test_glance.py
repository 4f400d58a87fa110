"""The top of the members page: numbers that lead to exactly those people, and power given outside."""

from __future__ import annotations

import pytest

from memberships.models import AuditEntry, Connection, MirroredMember, Organization
from memberships.services import roster
from sandbox.rehearsal import HARBOR
from tests.conftest import signed_in
from tests.pages import Page
from tests.steps import people


@pytest.fixture
def read_again(connection):
    def read_again():
        roster.read(Connection.objects.get(pk=connection.pk))

    return read_again


def glance(page):
    """The numbers by what they count: each with its link, if it has one."""
    (shown,) = [e for e in page.all("ul") if e.attributes.get("aria-label") == "At a glance"]
    found = {}
    for item in shown.all("li"):
        number, _, what = item.text.partition(" ")
        link = next((a.attributes["href"] for a in item.all("a")), "")
        found[what] = (int(number.replace(",", "")), link)
    return found


def test_every_number_leads_to_a_list_with_exactly_that_many_people(admin, world, northwind, subtests):
    shown = glance(Page.visit(admin, "/members/"))
    everyone = world.members(northwind, active=None)
    active = [m for m in everyone if m["active"]]
    assert shown["active"][0] == len(active)
    assert shown["inactive"][0] == len(everyone) - len(active)
    assert shown["can manage"][0] == sum(m["manages"] for m in active)
    roles = {what: number for what, (number, _) in shown.items()}
    for name in {m["role_name"] for m in active}:
        assert roles[name] == sum(m["role_name"] == name for m in active), name
    for what, (number, link) in shown.items():
        with subtests.test(what=what):
            page = Page.visit(admin, link)
            assert f"{number} {'person matches' if number == 1 else 'people match'}" in page.text
            assert glance(page) == shown, "a filter does not change what there is at a glance"


def test_a_role_nobody_knows_is_counted_and_its_people_can_be_listed(admin, connection):
    somebody = MirroredMember.objects.filter(status="active", can_manage=False)[:1].get()
    MirroredMember.objects.filter(pk=somebody.pk).update(role_id="role_from_tomorrow")
    number, link = glance(Page.visit(admin, "/members/"))["role_from_tomorrow"]
    assert (number, "1 person matches" in Page.visit(admin, link).text) == (1, True)


def test_changes_outside_count_until_somebody_looks_at_them(
    admin, second_admin, world, northwind, read_again
):
    what = "changed outside since you looked"
    assert what not in glance(Page.visit(admin, "/members/"))
    for pk in people(world, northwind, "user", 3):
        world.set_role(pk, "superuser")
    read_again()
    number, link = glance(Page.visit(admin, "/members/"))[what]
    assert number == 3
    log = Page.visit(admin, link)
    assert len(log.rows("Audit log")) == 3
    assert what not in glance(Page.visit(admin, "/members/"))
    assert glance(Page.visit(second_admin, "/members/"))[what][0] == 3, "each has looked for themselves"


# Power given outside

NOTICE = "by a change made outside this dashboard:"


@pytest.fixture
def grant(world, northwind, connection, read_again):
    """Somebody was made an admin in Close. Their name."""
    (pk,) = people(world, northwind, "user", 1)
    world.set_role(pk, "admin")
    read_again()
    return AuditEntry.objects.get(gained_power=True).member_name


def test_power_given_outside_is_shown_to_every_admin_until_one_acknowledges_it(admin, second_admin, grant):
    for client in (admin, second_admin):
        page = Page.visit(client, "/members/")
        assert NOTICE in page.text
        assert grant in page.text
    assert NOTICE not in Page.visit(second_admin, "/members/").press("Acknowledge").text
    assert NOTICE not in Page.visit(admin, "/members/").text
    entry = AuditEntry.objects.get(event="outside.acknowledged")
    assert entry.actor_name == "Priya Natarajan"


def test_a_grant_after_that_is_shown_again(admin, grant, world, northwind, read_again):
    Page.visit(admin, "/members/").press("Acknowledge")
    (pk,) = people(world, northwind, "user", 1)
    world.set_role(pk, "admin")
    read_again()
    page = Page.visit(admin, "/members/")
    assert page.text.count(NOTICE) == 1
    assert world.membership(pk)["full_name"] in page.text


def test_only_what_was_shown_is_acknowledged(admin, grant, world, northwind, read_again):
    page = Page.visit(admin, "/members/")
    (pk,) = people(world, northwind, "user", 1)
    world.set_role(pk, "admin")
    read_again()
    assert world.membership(pk)["full_name"] in page.press("Acknowledge").text


NUMBERS = ["", "-1", "0", "1.5", "abc", "９", "1e3", "9" * 30, "99999999", "\0"]


def test_a_number_that_is_none_acknowledges_nothing(admin, grant, subtests):
    for number in NUMBERS:
        with subtests.test(number=number):
            assert admin.post("/audit/acknowledge/", {"number": number}).status_code == 302
            assert Organization.objects.filter(acknowledged_number__gt=0).count() == 0
    assert admin.post("/audit/acknowledge/").status_code == 302
    assert NOTICE in Page.visit(admin, "/members/").text
    assert not AuditEntry.objects.filter(event="outside.acknowledged").exists()


def test_another_organizations_admin_acknowledges_nothing_here(admin, grant, connect):
    robin = signed_in(connect(f"robin.castellano@{connect().email.split('@')[1]}", HARBOR))
    number = AuditEntry.objects.get(gained_power=True).number
    robin.post("/audit/acknowledge/", {"number": number})
    assert NOTICE in Page.visit(admin, "/members/").text
    assert NOTICE not in Page.visit(robin, "/members/").text


# The audit log, by where


def test_the_log_shows_what_was_done_here_or_outside(admin, grant):
    page = Page.visit(admin, "/audit/")
    assert page.options("Where") == [
        "All",
        "Here",
        "API",
        "Command line",
        "Schedule",
        "Outside this dashboard",
    ]
    outside = page.press("Filter", {"Where": "Outside this dashboard"})
    ((when, who, whom, what, _outcome, reason, channel, plan),) = outside.rows("Audit log")
    assert when.startswith("after ")
    assert ", before " in when
    assert (who, reason, channel, plan) == ("", "", "Outside this dashboard", "")
    assert grant in whom
    assert "from User → to Admin" in what
    here = page.press("Filter", {"Where": "Here"})
    assert here.rows("Audit log")
    assert "Outside this dashboard" not in {row[6] for row in here.rows("Audit log")}
    both = len(here.rows("Audit log")) + 1
    assert len(Page.visit(admin, "/audit/?channel=made-up").rows("Audit log")) == both
    assert outside.link("Export").endswith("channel=outside")
