"""Invitations: what the review says for each pasted entry, and Close's own words where it refuses."""

from __future__ import annotations

import pytest

from memberships.models import AuditEntry, Plan
from memberships.services import roster
from sandbox.rehearsal import NORTHWIND_DOMAIN, SECOND_ADMIN
from tests.pages import Page
from tests.steps import apply, changes, review_invitations, verdicts

NEW = f"new.person@{NORTHWIND_DOMAIN}"


@pytest.fixture
def gone(world, northwind, connection) -> str:
    """The address of someone who left."""
    email = f"was.here@{NORTHWIND_DOMAIN}"
    world.add_person(northwind, email, "Was", "Here", active=False)
    roster.read(connection)
    return email


def everyone(world, northwind) -> dict[str, str]:
    """The role of each active person by address."""
    return {m["email"]: m["role_name"] for m in world.members(northwind)}


def test_the_review_says_for_each_entry_what_would_happen(admin, gone, close):
    page = review_invitations(
        admin, f"{NEW}\n{SECOND_ADMIN}; {gone}\nNew Person <{NEW.upper()}>\nnobody at all"
    )
    assert page.heading == "Review"
    said = [
        (row[0], row[-1]) for table in ("Will change", "Already so", "Blocked") for row in page.rows(table)
    ]
    assert said == [
        (NEW, "New."),
        (f"{gone} Was Here", "Was here before: will be reactivated."),
        (f"{SECOND_ADMIN} Priya Natarajan", "Already active, with the role Admin."),
        (f"{NEW} New Person", "Duplicate: already on line 1."),
        ("nobody at all", "Not an e-mail address (line 4)."),
    ]
    assert "Send 2 invitations" in page.buttons()
    assert changes(close) == []


def test_a_role_that_manages_the_organization_is_not_given_by_invitation(admin):
    page = review_invitations(admin, NEW, role="Admin")
    assert verdicts(page) == {
        NEW: "Admin can't be given by invitation: invite with another role, raise it after."
    }
    assert [name for name in page.buttons() if name.startswith("Send")] == []


def test_a_custom_role_that_manages_is_refused_the_same_way(admin):
    page = review_invitations(admin, NEW, role="People Ops")
    assert verdicts(page)[NEW].startswith("People Ops can't be given by invitation")


def test_people_are_invited_and_come_back_and_everything_is_on_record(admin, gone, world, northwind, work):
    page = review_invitations(
        admin, f"New Person <{NEW}>, {gone}", role="Support Lead", reason="Two starters"
    )
    receipt = apply(page)
    work()
    done = Page.visit(admin, receipt.address)
    assert "2 done" in done.text
    assert {email: everyone(world, northwind)[email] for email in (NEW, gone)} == {
        NEW: "Support Lead",
        gone: "Support Lead",
    }
    entries = AuditEntry.objects.filter(event__in=["member.invited", "member.reactivated"]).order_by("event")
    assert [(e.event, e.member_email, e.after_text, e.outcome, e.reason) for e in entries] == [
        ("member.invited", NEW, "Support Lead", "done", "Two starters"),
        ("member.reactivated", gone, "Support Lead", "done", "Two starters"),
    ]


def test_one_invitation_takes_the_singular(admin):
    assert "Send 1 invitation" in review_invitations(admin, NEW).buttons()


def test_what_was_blocked_is_not_sent(admin, gone, close, work):
    apply(review_invitations(admin, f"{NEW}, {SECOND_ADMIN}, {NEW}, nobody"))
    work()
    assert [(call.method, call.body["email"]) for call in changes(close)] == [("POST", NEW)]


def test_someone_who_came_meanwhile_is_not_invited_again(admin, world, northwind, close, work):
    receipt = apply(review_invitations(admin, NEW, role="Support Lead"))
    world.add_person(northwind, NEW, "Quick", "Person")
    work()
    assert "1 refused" in Page.visit(admin, receipt.address).text
    assert changes(close) == []
    assert everyone(world, northwind)[NEW] == "User"


# What Close refuses


def refused(admin, work, addresses: str) -> dict[str, str]:
    """What the receipt says about each refused address."""
    receipt = apply(review_invitations(admin, addresses))
    work()
    return {row[0]: row[-1] for row in Page.visit(admin, receipt.address).rows("Refused")}


def test_a_domain_that_is_not_verified_is_said_in_closes_words_with_what_to_do(admin, world, northwind, work):
    said = refused(admin, work, f"{NEW}, stranger@elsewhere.example")
    assert list(said) == ["stranger@elsewhere.example"]
    words = said["stranger@elsewhere.example"]
    assert "The email is not in a verified domain of the organization." in words
    assert (
        "check in Close under Settings > Organization that its domain is among the verified domains" in words
    )
    assert NEW in everyone(world, northwind)


def test_without_the_domain_rule_the_receipt_says_how_to_turn_it_on(admin, world, northwind, work):
    world.set_domain_rule(northwind, on=False)
    words = refused(admin, work, NEW)[NEW]
    assert "Memberships can only be created when new users are restricted to verified domains." in words
    assert "“Restrict new users to emails from these domains” is on" in words
    assert NEW not in everyone(world, northwind)


def test_closes_own_words_are_text_and_nothing_else(admin, close, work):
    close.faults.fail_next(
        400, method="POST", path="membership/", body={"error": "<img src=x onerror=alert(1)>"}
    )
    assert "<img src=x onerror=alert(1)>" in refused(admin, work, NEW)[NEW]


def test_the_refusal_is_on_record(admin, world, northwind, work):
    world.set_domain_rule(northwind, on=False)
    refused(admin, work, NEW)
    entry = AuditEntry.objects.get(event="member.invited")
    assert (entry.outcome, entry.member_email) == ("refused", NEW)
    assert "restricted to verified domains" in entry.error


# The form


NOT_INVITED = [
    ("", "Paste at least one e-mail address."),
    ("   \n\t\n", "There is no e-mail address in this. Paste at least one, such as ana@example.com."),
    (
        "nobody, at all",
        "There is no e-mail address in this. Paste at least one, such as ana@example.com.",
    ),
    ("x" * 200_001, "That is too much at once: paste 200,000 characters at most."),
    (
        "\n".join(f"p{n}@example.com" for n in range(1001)),
        "These are 1,001 entries. Invite 1,000 at most at a time.",
    ),
]


def test_what_cant_be_invited_is_said_beside_the_field_and_kept(admin, close, subtests):
    for typed, sentence in NOT_INVITED:
        with subtests.test(typed=typed, sentence=sentence):
            page = review_invitations(admin, typed, reason="Starters")
            assert page.status == 422
            assert page.error("Email addresses") == sentence
            assert page.field("Email addresses").value == typed
            assert (page.field("Role").value, page.field("Reason").value) == ("User", "Starters")
            assert (Plan.objects.count(), len(close.calls)) == (0, 0)


def test_no_role_is_said_beside_the_role(admin):
    page = Page.visit(admin, "/members/invite/").press("Review", {"Email addresses": f"<{NEW}>"})
    assert page.status == 422
    assert page.error("Role") == "Choose a role."
    assert page.field("Email addresses").value == f"<{NEW}>"


def test_a_made_up_role_is_refused(admin):
    page = Page(admin, admin.post("/members/invite/", {"addresses": NEW, "role": "made-up"}))
    assert page.error("Role") == "Choose a role of the list."


def test_text_that_looks_like_markup_comes_back_as_text(admin):
    typed = '</textarea><script>alert(1)</script>"& <b>'
    page = review_invitations(admin, typed)
    assert page.field("Email addresses").value == typed
    assert not [s for s in page.all("script") if "src" not in s.attributes]


@pytest.mark.usefixtures("impatient")
def test_close_being_down_loses_nothing_that_was_pasted(admin, close):
    close.faults.drop(times=None)
    page = review_invitations(admin, f"Ana <{NEW}>", reason="Starters")
    assert page.status == 422
    assert "Nothing was sent; try again." in page.text
    assert page.field("Email addresses").value == f"Ana <{NEW}>"


def test_many_addresses_are_reviewed_a_hundred_at_a_time(admin):
    page = review_invitations(admin, ", ".join(f"p{n}@{NORTHWIND_DOMAIN}" for n in range(1000)))
    assert "Send 1,000 invitations" in page.buttons()
    assert len(page.rows("Will change")) == 100
    assert page.follow("Next").rows("Will change")[0][0] == f"p100@{NORTHWIND_DOMAIN}"


def test_many_invitations_all_arrive_although_close_counts_calls(admin, world, northwind, close, work):
    close.limits.writes = 5
    close.limits.window_s = 0.2
    addresses = [f"p{n}@{NORTHWIND_DOMAIN}" for n in range(12)]
    receipt = apply(review_invitations(admin, "\n".join(addresses)))
    work()
    assert "12 done" in Page.visit(admin, receipt.address).text
    assert set(addresses) <= set(everyone(world, northwind))


def test_the_review_says_what_those_who_come_may_do(admin, gone):
    page = review_invitations(admin, f"{NEW}\n{gone}", role="Restricted User")
    (told,) = [e.text for e in page.all("summary") if e.text.startswith("2 people")]
    assert told == "2 people with the role Restricted User: 5 permissions gained"
    assert "make and take calls" in page.text
