"""From a choice to a reviewed plan to the one job that applies exactly that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Job, Plan
from memberships.services import proposals, roster
from sandbox.rehearsal import ADMIN, PEOPLE_OPS, SECOND_ADMIN
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, changes, people, review_role, tick, verdicts


@pytest.fixture
def users(world: World, northwind: str) -> list[str]:
    """Five people with the role User."""
    return people(world, northwind, "user", 5)


@pytest.fixture
def choose(admin: Client, users: list[str]) -> Page:
    """The page where a new role is chosen for three people."""
    return tick(admin, users[:3], action="role")


@pytest.fixture
def review(admin: Client, users: list[str]) -> Page:
    return review_role(admin, users[:3], "Restricted User", "Quarterly review")


@pytest.fixture
def braked(admin: Client, world: World, northwind: str) -> Page:
    """The review of a plan for so many people that its number has to be typed."""
    return review_role(admin, people(world, northwind, "user", 20), "Restricted User")


@pytest.fixture
def membership(world: World, northwind: str) -> Callable[[str], str]:
    return lambda email: world.membership_id(northwind, email)


def roles_of(world: World, member_ids: list[str]) -> set[str]:
    return {world.membership(pk)["role_id"] for pk in member_ids}


# Choosing


def test_nothing_chosen_is_said_beside_the_field_and_nothing_typed_is_lost(choose, close):
    page = choose.press("Review", {"Reason": "Because <b>of</b> “this” & that"})
    assert page.status == 422
    assert page.error("New role") == "Choose one."
    assert page.field("Reason").value == "Because <b>of</b> “this” & that"
    assert page.text.count("There is a problem") == 1
    assert "3 members" in page.text
    assert (Plan.objects.count(), len(close.calls)) == (0, 0)


def test_a_reason_too_long_is_said_beside_it_and_kept_with_the_role(choose):
    page = choose.press("Review", {"New role": "Restricted User", "Reason": "x" * 201})
    assert page.status == 422
    assert page.error("Reason") == "The reason can be 200 characters at most; yours has 201."
    assert page.field("Reason").value == "x" * 201
    assert page.field("New role").value == "Restricted User"


NOT_ON_THE_LIST = ["made-up", "<script>", "", "0", "\0"]


def test_a_role_that_is_not_on_the_list_is_refused(choose, admin, close, subtests):
    for value in NOT_ON_THE_LIST:
        with subtests.test(value=value):
            page = Page(admin, admin.post(choose.address, {"value": value}))
            assert page.status == 422
            assert page.error("New role").startswith("Choose one")
            assert close.calls.matching() == []


def test_a_form_that_came_empty_is_told_so_too(choose, admin):
    assert Page(admin, admin.post(choose.address)).error("New role") == "Choose one."


NOT_WRITABLE = ["password", "email", "user_id", "organization", "roles"]


def test_a_field_nobody_may_write_is_not_there(choose, admin, subtests):
    for field in NOT_WRITABLE:
        with subtests.test(field=field):
            assert admin.get(f"/members/selection/{field}/").status_code == 404
            assert admin.post(f"/members/selection/{field}/", {"value": "x"}).status_code == 404


def test_with_nobody_selected_there_is_nothing_to_choose(admin):
    page = Page.visit(admin, "/members/selection/role/")
    assert page.address == "/members/"
    assert "Nobody is selected: tick the people you want to change first." in page.text


def test_the_choice_offers_the_roles_of_this_organization_by_their_bare_names(choose, world, northwind):
    names = {role.name for role in world.organizations[northwind].roles.values()}
    assert set(choose.options("New role")) == {"Choose", *names}


def test_call_recording_is_chosen_the_same_way(admin, users, world, work):
    page = tick(admin, users[:2], action="auto_record_calls")
    assert page.heading == "Change call recording"
    apply(page.press("Review", {"Call recording": "On"}))
    work()
    assert {world.membership(pk)["auto_record_calls"] for pk in users[:2]} == {"enabled"}


# Reviewing


def test_the_review_says_for_each_person_what_will_change_is_so_already_or_is_blocked(
    admin, world, northwind, users
):
    limited = people(world, northwind, "restricteduser", 1)
    (gone,) = [m["id"] for m in world.members(northwind, active=None) if not m["active"]][:1]
    page = review_role(admin, [*users[:2], *limited, gone], "Restricted User")
    assert [row[1] for row in page.rows("Will change")] == ["from User → to Restricted User"] * 2
    assert [row[1] for row in page.rows("Already so")] == ["Already so: nothing is sent."]
    assert [row[1] for row in page.rows("Blocked")] == ["Inactive: reactivate them first."]
    sentence = next(p.text for p in page.all("p") if "2 members" in p.text)
    assert "Restricted User" in sentence
    assert "Apply to 2 members" in page.buttons()


def test_one_person_takes_the_singular(admin, users):
    page = review_role(admin, users[:1], "Restricted User")
    assert "Apply to 1 member" in page.buttons()


def test_what_is_won_and_lost_is_said_in_words(admin, users, world, northwind):
    page = review_role(admin, users[:2], "Support Lead")
    effects = {dt.text: dd.text for dt, dd in zip(page.all("dt"), page.all("dd"), strict=True)}
    assert effects["+ Gains"].startswith("listen to other people's calls")
    assert effects["− Loses"].startswith("send bulk email")


def test_nothing_is_sent_before_it_is_applied(review, close, users, world):
    assert changes(close) == []
    assert roles_of(world, users) == {"user"}


def test_the_reason_is_on_the_review(review):
    assert "Quarterly review" in review.text


def test_a_plan_is_made_from_what_is_true_now_not_from_the_mirror(admin, world, users):
    world.set_role(users[0], "restricteduser")
    page = review_role(admin, users[:2], "Restricted User")
    assert len(page.rows("Will change")) == len(page.rows("Already so")) == 1


def test_who_left_meanwhile_is_shown_as_blocked(admin, world, users):
    world.deactivate(users[0])
    page = review_role(admin, users[:2], "Restricted User")
    assert len(page.rows("Will change")) == len(page.rows("Blocked")) == 1


def test_the_only_people_in_charge_are_not_all_demoted(admin, world, northwind, membership):
    managers = [m["id"] for m in world.members(northwind) if m["manages"]]
    page = review_role(admin, managers, "User")
    reasons = set(verdicts(page).values())
    assert reasons == {
        "At least 1 active person must be able to manage the organization: give someone else that role first."
    }
    assert [name for name in page.buttons() if name.startswith("Apply")] == []
    assert "Nothing to do" in page.text


def test_a_plan_with_nothing_to_do_cant_be_applied_by_hand_either(admin, world, northwind):
    review_role(admin, people(world, northwind, "restricteduser", 2), "Restricted User")
    plan = Plan.objects.get()
    page = Page(admin, admin.post(f"/plans/{plan.pk}/apply/", {"fingerprint": plan.fingerprint}))
    assert page.status == 422
    assert "There is nothing to do in this plan." in page.text
    assert not Job.objects.exists()


@pytest.mark.usefixtures("impatient")
def test_close_being_down_at_review_is_a_sentence_and_nothing_is_lost(choose, close):
    close.faults.drop(times=None)
    page = choose.press("Review", {"New role": "Restricted User", "Reason": "Quarterly review"})
    assert page.status == 422
    assert "Close can't be reached, or broke off its answer. Nothing was sent; try again." in page.text
    assert (page.field("New role").value, page.field("Reason").value) == (
        "Restricted User",
        "Quarterly review",
    )
    close.faults.clear()
    assert page.press("Review").heading == "Review"


@pytest.mark.parametrize("misbehave", ["truncate", "wrong_types", "html_error"])
@pytest.mark.usefixtures("impatient")
def test_an_answer_that_makes_no_sense_is_a_sentence_too(misbehave, choose, close):
    getattr(close.faults, misbehave)(path="role/", times=None)
    page = choose.press("Review", {"New role": "Restricted User"})
    assert page.status == 422
    assert "Nothing was sent; try again." in page.text
    assert "Traceback" not in page.text
    assert not Plan.objects.exists()


def test_a_rate_limit_at_review_says_when_to_come_back(choose, close):
    close.faults.fail_next(429, headers={"retry-after": "7"})
    page = choose.press("Review", {"New role": "Restricted User"})
    assert page.status == 422
    assert "7 s" in page.text


# Applying


def test_applying_leads_to_the_receipt_and_close_is_changed(review, users, world, work):
    receipt = apply(review)
    assert receipt.heading == "Receipt"
    work()
    after = Page.visit(receipt.client, receipt.address)
    assert "3 done" in after.text
    assert [len(after.rows(name)) for name in ("Done", "Refused", "Unknown", "Not attempted")] == [3, 0, 0, 0]
    assert roles_of(world, users[:3]) == {"restricteduser"}
    assert roles_of(world, users[3:]) == {"user"}


def test_what_is_still_to_come_waits_until_the_job_has_ended(review, work):
    receipt = apply(review)
    assert "0 done 0 refused 0 being read back 3 waiting" in receipt.text
    work()
    ended = Page.visit(receipt.client, receipt.address)
    assert "3 done 0 refused 0 unknown 0 not attempted" in ended.text


def test_who_became_inactive_since_the_review_is_told_without_values_that_are_not_there(
    review, users, world, work
):
    receipt = apply(review)
    world.deactivate(users[0])
    work()
    page = Page.visit(receipt.client, receipt.address)
    assert "1 person was changed by someone else since the review. Nothing was sent for them;" in page.text
    assert "both values" not in page.text
    assert "Has become inactive since the review." in page.text


def test_pressed_twice_it_is_one_job(review, work, close):
    first, second = apply(review), apply(review)
    assert first.address == second.address
    work()
    assert apply(review).address == first.address
    assert Job.objects.count() == 1
    assert len(changes(close)) == 1
    assert AuditEntry.objects.filter(event="plan.applied").count() == 1


def test_an_applied_plan_says_so_and_offers_no_second_time(review, admin):
    receipt = apply(review)
    page = Page.visit(admin, review.address)
    assert "This plan has been applied by Alex Morgan" in page.text
    assert page.link("Open the receipt") == receipt.address
    assert [name for name in page.buttons() if name.startswith("Apply")] == []


WRONG_NUMBERS = ["", "19", "21", "twenty", "2 0", "20.0", "-20"]


def test_the_wrong_number_starts_nothing_and_stays_to_be_corrected(braked, subtests):
    for typed in WRONG_NUMBERS:
        with subtests.test(typed=typed):
            page = Page(
                braked.client,
                braked.client.post(form_of(braked), {"fingerprint": fingerprint(), "confirm": typed}),
            )
            assert page.status == 422
            assert page.error("Type 20 to confirm").startswith("Type 20 to confirm.")
            assert page.field("Type 20 to confirm").value == typed
            assert not Job.objects.exists()


@pytest.mark.parametrize("typed", ["20", " 20 ", "2,0"])
def test_the_right_number_starts_it_with_or_without_a_comma(typed, braked, world, work):
    receipt = apply(braked, typed)
    work()
    assert "20 done" in Page.visit(receipt.client, receipt.address).text


def test_the_brake_says_why(braked):
    assert "It changes 20 of the" in braked.text
    assert "So it needs the number typed." in braked.text


def test_giving_the_power_to_manage_needs_the_number_even_for_one(admin, users, world, work):
    page = review_role(admin, users[:1], "People Ops")
    assert "It lets 1 person manage the organization." in page.text
    apply(page, "1")
    work()
    assert world.membership(users[0])["manages"]


def test_taking_ones_own_power_needs_the_number_and_comes_last(admin, users, world, close, membership, work):
    me, other = membership(ADMIN), membership(PEOPLE_OPS)
    page = review_role(admin, [me, other, *users[:2]], "Super User")
    assert (
        "It takes the permission to manage the organization from Alex Morgan. It is sent last." in page.text
    )
    receipt = apply(page)
    work()
    assert roles_of(world, [me, other, *users[:2]]) == {"superuser"}
    last = changes(close)[-1]
    assert (last.method, last.path) == ("PUT", f"/api/v1/membership/{me}/")
    last_answered(1.1)
    assert (
        Page.visit(receipt.client, receipt.address).heading == "You need the Manage Organization permission"
    )


def form_of(review: Page) -> str:
    return f"{review.address}apply/"


def fingerprint() -> str:
    return Plan.objects.get().fingerprint


WRONG_FINGERPRINTS = ["", "0" * 64, "x", "\0"]


def test_only_the_plan_that_was_reviewed_is_applied(review, close, subtests):
    for sent in WRONG_FINGERPRINTS:
        with subtests.test(sent=sent):
            page = Page(review.client, review.client.post(form_of(review), {"fingerprint": sent}))
            assert page.status == 422
            assert "This is not the plan you reviewed. Look at it again before you apply it." in page.text
            assert not Job.objects.exists()
            assert changes(close) == []


def test_an_expired_plan_cant_be_applied_and_says_how_to_go_on(review, close):
    Plan.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = apply(review)
    assert page.status == 422
    assert "This plan has expired. Make it again, from what is true now." in page.text
    again = Page.visit(review.client, review.address)
    assert "This plan has expired." in again.text
    assert again.link("Make another plan") == "/members/"
    assert not Job.objects.exists()
    assert changes(close) == []


def test_another_admin_may_apply_it_in_their_own_name(review, second_admin, world, users, work):
    theirs = Page.visit(second_admin, review.address)
    assert "Made by Alex Morgan" in theirs.text
    apply(theirs)
    work()
    job = Job.objects.get()
    assert job.connection.email == SECOND_ADMIN
    assert roles_of(world, users[:3]) == {"restricteduser"}
    who = {e.actor_name for e in AuditEntry.objects.filter(event__in=["plan.applied", "member.role.set"])}
    assert who == {"Priya Natarajan"}


def test_a_plan_of_somebody_else_about_oneself_is_not_applied(admin, second_admin, users, membership):
    page = review_role(admin, [*users[:2], membership(SECOND_ADMIN)], "Restricted User")
    theirs = Page.visit(second_admin, page.address)
    assert "This plan changes your own membership. Make it yourself" in theirs.text
    assert theirs.buttons() == ["Sign out"]
    form = {"fingerprint": Plan.objects.get().fingerprint}
    answer = Page(second_admin, second_admin.post(form_of(page), form))
    assert answer.status == 422
    assert "This plan changes your own membership." in answer.text
    assert not Job.objects.exists()


def test_the_brake_says_whose_power_is_taken_whoever_reads_it(admin, second_admin, membership):
    page = review_role(admin, [membership(ADMIN)], "Super User")
    said = "It takes the permission to manage the organization from Alex Morgan. It is sent last."
    undoing = "Undoing it is then up to somebody else who can manage the organization."
    assert said in page.text
    assert undoing in page.text
    theirs = Page.visit(second_admin, page.address)
    assert said in theirs.text
    assert undoing not in theirs.text


def test_whoever_took_their_own_power_is_told_that_somebody_else_undoes_it(
    admin, second_admin, membership, work
):
    receipt = apply(review_role(admin, [membership(ADMIN)], "Super User"))
    work()
    mine, theirs = (Page.visit(client, receipt.address) for client in (admin, second_admin))
    assert "somebody else who can manage it has to undo it." in mine.text
    assert "Undo" not in mine.buttons()
    assert "somebody else" not in theirs.text
    assert "Undo" in theirs.buttons()


def test_the_receipt_says_what_the_review_left_out(admin, connection, users, work):
    ids, wanted = [users[0], "memb_gone"], {"role": "superuser"}
    plan = proposals.change(connection, ids, wanted, reason="", channel="test")
    receipt = apply(Page.visit(admin, f"/plans/{plan.pk}/"))
    work()
    page = Page.visit(admin, receipt.address)
    assert "1 more was blocked and left out: see the review." in page.text
    assert page.link("see the review") == f"/plans/{plan.pk}/#blocked"


def test_review_and_receipt_call_the_plan_as_the_audit_log_does(review, admin, work):
    receipt = apply(review)
    work()
    its_name = str(Plan.objects.get().pk)[:8]
    assert f"Plan {its_name}" in review.text
    assert f"Plan {its_name}" in Page.visit(admin, receipt.address).text
    assert its_name in Page.visit(admin, "/audit/").text


# Permission


def last_answered(minutes_ago: float) -> None:
    Connection.objects.update(checked_at=timezone.now() - timedelta(minutes=minutes_ago))


def test_a_permission_older_than_a_minute_is_asked_for_once_before_a_page(admin, close):
    last_answered(2)
    for _ in range(3):
        admin.get("/audit/")
    assert [call.path for call in close.calls] == ["/api/v1/me/"]


def test_while_close_cant_be_asked_pages_stay_but_nothing_is_applied(review, admin, close):
    last_answered(5)
    close.faults.fail_next(400, times=None, body={"error": "Close is closed."})
    page = apply(review)
    assert page.status == 422
    assert "Close is closed. You can read on for a few minutes, but nothing can be applied." in page.text
    assert "Try again in a moment." in page.text
    assert not Job.objects.exists()
    assert Page.visit(admin, "/members/").heading == "Members"
    assert len(close.calls.matching(path="/me/")) == 1


@pytest.mark.usefixtures("impatient")
def test_after_ten_minutes_without_an_answer_pages_are_closed_and_say_why(admin, close):
    last_answered(11)
    close.faults.drop(times=None)
    page = Page.visit(admin, "/members/?q=a")
    assert page.status == 502
    assert page.heading == "There was no answer just now"
    assert page.link("Try again") == "/members/?q=a"


def test_someone_demoted_in_close_is_out_within_a_minute_and_applies_nothing(
    review, world, membership, close
):
    world.set_role(membership(ADMIN), "user")
    last_answered(1.1)
    page = apply(review)
    assert page.status == 403
    assert page.heading == "You need the Manage Organization permission"
    assert not Job.objects.exists()
    assert changes(close) == []


def test_someone_demoted_between_review_and_the_first_call_changes_nobody(
    review, world, users, membership, work, close
):
    apply(review)
    world.set_role(membership(ADMIN), "user")
    work()
    assert roles_of(world, users) == {"user"}
    assert changes(close) == []
    ours = AuditEntry.objects.filter(event="member.role.set", channel="dashboard")
    assert set(ours.values_list("outcome", flat=True)) == {"refused"}


def test_someone_demoted_since_the_page_was_opened_makes_no_plan(choose, world, membership):
    world.set_role(membership(ADMIN), "user")
    page = choose.press("Review", {"New role": "Restricted User"})
    assert page.status == 403
    assert not Plan.objects.exists()


def test_a_sign_in_that_was_revoked_asks_to_sign_in_again(admin, world, close):
    world.revoke_everything(world.user_id(ADMIN))
    last_answered(2)
    page = Page.visit(admin, "/members/")
    assert page.status == 401
    assert page.link("Sign in with Close") == "/login/start/"


def test_every_table_of_a_long_review_has_its_own_pages(admin, connection, world, northwind):
    for number in range(130):
        world.add_person(northwind, f"extra{number}@example.com", "Extra", f"{number:03}", role="superuser")
    roster.read(connection)
    members = Page.visit(admin, "/members/?q=extra")
    members.press("Select all 130 matching")
    page = Page.visit(admin, "/members/selection/role/").press("Review", {"New role": "User"})
    second = page.follow("Next")
    assert (len(page.rows("Will change")), len(second.rows("Will change"))) == (100, 30)
    assert "Apply to 130 members" in second.buttons()
