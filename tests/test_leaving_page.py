"""The page on which somebody leaves, with JavaScript off: what they hold, who takes it, the review and the receipt."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest
from django.test import Client

from memberships.domain.plan import Action
from memberships.models import Job, Plan, PlanRow
from memberships.providers.close import CAPABILITIES
from memberships.services import roster
from sandbox.rehearsal import ADMIN, HARBOR, LEAVER, ORDINARY, PEOPLE_OPS, SECOND_ADMIN
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, changes
from tests.test_member_page import NOBODYS

SAM = f"Sam Okafor <{ORDINARY}>"
NOOR = f"Noor Haddad <{PEOPLE_OPS}>"


@pytest.fixture
def robin(world: World, northwind: str) -> str:
    """The membership id of somebody with a desk full of work."""
    return world.membership_id(northwind, LEAVER)


@pytest.fixture
def idle(world: World, northwind: str, connection) -> dict:
    """Somebody who has no work and is in no group."""
    organization = world.organizations[northwind]
    for member in world.members(northwind):
        desk = world.desk(member["id"])
        if member["role_id"] == "user" and not desk["tasks"] and not desk["opportunities"]:
            for group in organization.groups.values():
                group.user_ids = [pk for pk in group.user_ids if pk != member["user_id"]]
            return member
    raise AssertionError("everybody has something to do")


@pytest.fixture
def form(admin: Client, robin: str) -> Page:
    return Page.visit(admin, f"/members/{robin}/leave/")


def facts(page: Page) -> dict[str, str]:
    (found, *_) = page.all("dl")
    names, values = [e.text for e in found.all("dt")], [e.text for e in found.all("dd")]
    return dict(zip(names, values, strict=True))


# What they hold


def test_the_page_asks_close_nothing_until_it_is_told_to(form, close):
    assert form.heading == "Leaving: Robin Castellano"
    assert len(close.calls) == 0
    assert form.options("Lower the role to")[0] == "Leave it as it is"


def test_what_they_hold_is_read_when_asked_for_and_kept(form, close, world, robin):
    read = form.follow("Read what they hold")
    desk = world.desk(robin)
    found = facts(read)
    assert found["Open tasks"].startswith(f"{len(desk['tasks'])} ")
    assert "5 × Missed call" in found["Open tasks"]
    assert found["Active opportunities"] == str(len(desk["opportunities"]))
    assert "+442079460910 Robin's line" in found["Phone numbers"]
    assert found["Groups"].startswith("Sales EMEA") or "Sales EMEA" in found["Groups"]
    assert found["Pinned views"] == "4"
    asked = len(close.calls)
    again = Page.visit(form.client, form.address)
    assert facts(again) == found
    assert len(close.calls) == asked


def test_reading_again_is_possible(form, world, robin):
    before = facts(form.follow("Read what they hold"))["Active opportunities"]
    world.finish(world.desk(robin)["opportunities"][0])
    again = Page.visit(form.client, form.address).follow("Read again")
    assert int(facts(again)["Active opportunities"]) == int(before) - 1


def test_what_they_hold_is_read_again_once_something_was_sent(form, work):
    read = form.follow("Read what they hold")
    apply(decide(read))
    assert facts(Page.visit(form.client, form.address)) == facts(read)
    work()
    with pytest.raises(LookupError):
        Page.visit(form.client, form.address).link("Read again")
    assert facts(Page.visit(form.client, f"{form.address}?holdings=1"))["Open tasks"] == "None"


@pytest.mark.usefixtures("impatient")
def test_what_cannot_be_read_is_said_and_the_form_stays(form, close):
    close.faults.fail_next(503, path="/task/", times=None)
    answer = form.follow("Read what they hold")
    assert answer.status == 200
    assert "It could not be read" in answer.text
    assert answer.link("Try again")
    assert "Review" in answer.buttons()


def test_htmx_gets_the_part_alone_and_each_thing_is_asked_for_once(admin, robin, close):
    answer = admin.get(f"/members/{robin}/leave/?holdings=1", headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert b"hx-trigger" not in answer.content
    asked = [call.path.removeprefix("/api/v1/") for call in close.calls]
    assert (
        len(asked) == len(set(asked)) == 10
    )  # five groups and their list, tasks, opportunities, numbers, pins


# The way to the review


def decide(form: Page, **typed: str | bool) -> Page:
    wanted: dict[str, str | bool] = {"Tasks go to": SAM, "Opportunities go to": NOOR}
    return form.press("Review", wanted | {label.replace("_", " "): value for label, value in typed.items()})


def steps(page: Page) -> list[str]:
    """The headings of the steps, without their counts."""
    (found,) = [e for e in page.all("ol") if e.attributes.get("aria-label") == "Will change"]
    return [heading.text for heading in found.all("h3")]


def test_the_review_tells_four_steps_in_their_order(form, robin, world, close):
    desk = world.desk(robin)
    tasks, deals = len(desk["tasks"]), len(desk["opportunities"])
    review = decide(form, Reason="Left for the sea")
    assert review.heading == "Review"
    inside = sum(robin_is_in(world, group) for group in groups(world))
    assert steps(review) == [
        f"1 Move {tasks} tasks to Sam Okafor and {deals} opportunities to Noor Haddad {tasks + deals}",
        "2 Change the role of Robin Castellano to Contractor 1",
        f"3 Take Robin Castellano out of {inside} groups {inside}",
        "4 Deactivate Robin Castellano 1",
    ]
    assert f"Leaving: Robin Castellano. {tasks + deals + inside + 2} changes in 4 steps." in review.text
    assert "Apply to 1 member" in review.buttons()
    assert "who owns a lead is a custom field" in review.text
    assert changes(close) == []
    assert Plan.objects.get().reason == "Left for the sea"


def groups(world: World) -> list:
    return list(world.organizations[next(iter(world.organizations))].groups.values())


def robin_is_in(world: World, group) -> bool:
    return world.user_id(LEAVER) in group.user_ids


def test_applied_it_ends_in_one_receipt_with_what_is_left_to_do(form, robin, world, northwind, work, close):
    desk = world.desk(robin)
    sam, noor = (world.membership_id(northwind, email) for email in (ORDINARY, PEOPLE_OPS))
    had = {pk: world.desk(pk) for pk in (sam, noor)}
    apply(decide(form))
    work()
    receipt = Page.visit(form.client, f"/jobs/{Job.objects.get().pk}/")
    assert not world.membership(robin)["active"]
    assert world.membership(robin)["role_name"] == "Contractor"
    assert world.desk(robin) == {"tasks": [], "opportunities": []}
    assert set(world.desk(sam)["tasks"]) == {*had[sam]["tasks"], *desk["tasks"]}
    assert set(world.desk(noor)["opportunities"]) == {*had[noor]["opportunities"], *desk["opportunities"]}
    assert not any(robin_is_in(world, group) for group in groups(world))
    assert receipt.heading == "Receipt"
    assert "Leaving: Robin Castellano. Done in all steps." in receipt.text
    headings = [heading.text for heading in receipt.all("h2")]
    assert [heading[:6] for heading in headings] == ["1 Move", "2 Chan", "3 Take", "4 Deac", "Left t"]
    assert receipt.link("Connected accounts") == f"{close.url}/settings/connected-accounts/"
    assert {"Undo", "Sign out"} <= set(receipt.buttons())
    assert "Retry the rest" not in receipt.buttons()
    history = Page.visit(form.client, f"/members/{robin}/").text.partition("History")[2]
    assert "Task moved from Robin Castellano → to Sam Okafor" in history
    assert "Missed call: " in history


def crumb(page: Page) -> str:
    (found,) = [e for e in page.all("p") if e.attributes.get("class") == "crumb"]
    return found.text


def test_review_and_receipt_lead_back_to_the_person_who_leaves(form, robin, work):
    review = decide(form)
    assert crumb(review) == "Leaving: Robin Castellano"
    assert review.link("Leaving: Robin Castellano") == f"/members/{robin}/leave/"
    receipt = apply(review)
    assert crumb(receipt) == "Robin Castellano"
    assert receipt.link("Robin Castellano") == f"/members/{robin}/"


def test_coming_back_into_the_groups_by_the_same_job_is_no_difference(form, robin, work):
    apply(decide(form))
    work()
    apply(Page.visit(form.client, f"/jobs/{Job.objects.get().pk}/").press("Undo"))
    work()
    back = PlanRow.objects.get(plan__kind=Plan.Kind.UNDO, action=Action.REACTIVATE)
    assert (back.outcome, back.advice) == ("done", "")


def test_the_sandbox_never_sees_a_change_of_tasks_without_their_ids(form, work, close):
    apply(decide(form))
    work()
    sent = close.calls.matching("PUT", "/task/")
    assert len(sent) == 2, "36 tasks, as many at a time as fit into an address"
    assert all(len(f"https://api.close.com{call.path}?{urlencode(call.query)}") < 2000 for call in sent)
    assert all(call.query["id__in"].startswith("task_") for call in sent)
    assert all(call.body == {"assigned_to": call.body["assigned_to"]} for call in sent)


def test_who_has_nothing_leaves_without_a_word_about_work(admin, idle, work, world):
    page = Page.visit(admin, f"/members/{idle['id']}/leave/")
    review = page.press("Review", {"Lower the role to": "Leave it as it is"})
    assert [row[-1] for row in review.rows("Will change")] == ["from Active → to Inactive"]
    apply(review)
    work()
    assert not world.membership(idle["id"])["active"]


def test_open_work_needs_a_word_on_who_takes_it(form, close):
    answer = form.press("Review", {"Tasks go to": "", "Opportunities go to": "", "Reason": "Sea"})
    assert answer.status == 422
    assert "Robin Castellano has 34 open tasks" in answer.error(
        "Tasks go to"
    ) or "open tasks" in answer.error("Tasks go to")
    assert "or leave them with Robin Castellano" in answer.error("Opportunities go to")
    assert answer.field("Reason").value == "Sea"
    assert not Plan.objects.exists()


def test_work_stays_only_where_that_is_chosen(form, robin, world, work):
    before = world.desk(robin)
    review = form.press(
        "Review", {"Tasks go to": SAM, "Leave their opportunities with Robin Castellano": True}
    )
    assert steps(review)[0].startswith(f"1 Move {len(before['tasks'])} tasks to Sam Okafor")
    apply(review)
    work()
    assert not world.membership(robin)["active"]
    assert world.desk(robin) == {"tasks": [], "opportunities": before["opportunities"]}


def test_one_answer_a_question(form):
    answer = decide(form, **{"Leave their tasks with Robin Castellano": True})
    assert (
        answer.error("Tasks go to") == "Either name somebody, or leave them with Robin Castellano: not both."
    )


def test_nobody_takes_their_own_work_over(form):
    answer = decide(form, Tasks_go_to="robin castellano")
    assert answer.error("Tasks go to").startswith("Robin Castellano is the one who leaves")


def test_only_active_people_take_work(form, world, northwind, connection):
    world.deactivate(world.membership_id(northwind, ORDINARY))
    answer = decide(form)
    assert answer.error("Tasks go to") == "Sam Okafor is not active any more: choose somebody else."
    roster.read(connection)
    assert "Nobody active here has the address" in decide(form).error("Tasks go to")


def test_a_role_that_can_manage_is_not_offered_and_not_taken(form):
    assert "Admin" not in form.options("Lower the role to")
    answer = Page(form.client, form.client.post(form.address, {"role": "admin", "tasks_to": SAM}))
    assert answer.error("Lower the role to") == "Choose one of the list."


def test_groups_and_role_may_stay(form, robin, world, work):
    review = decide(form, Lower_the_role_to="Leave it as it is", **{"Take them out of their groups": False})
    assert [step[:6] for step in steps(review)] == ["1 Move", "2 Deac"]


def test_a_role_that_went_meanwhile_is_said(form, world, northwind):
    world.unlist_role(northwind, world.role_id(northwind, "Support Lead"))
    answer = decide(form, Lower_the_role_to="Support Lead")
    assert answer.status == 422
    assert "The role you chose is gone" in answer.text


def test_new_work_that_nobody_takes_leads_back_here(admin, idle, world, northwind, work):
    page = Page.visit(admin, f"/members/{idle['id']}/leave/")
    apply(page.press("Review"))
    world.add_task(northwind, idle["user_id"], "Urgent")
    work()
    receipt = Page.visit(admin, f"/jobs/{Job.objects.get().pk}/")
    assert "they have 1 open task, come in since the review" in receipt.text
    assert world.membership(idle["id"])["active"]
    back = receipt.press("Retry the rest")
    assert back.heading == f"Leaving: {idle['full_name']}"
    assert f"{idle['full_name']} has 1 task now: say who takes them over." in back.text


def test_where_work_cannot_be_moved_there_is_no_such_page(admin, robin, monkeypatch):
    nothing = replace(CAPABILITIES, item_fields={})
    for view in ("leaving", "changes"):
        monkeypatch.setattr(f"memberships.views.{view}.capabilities", lambda organization: nothing)
    assert Page.visit(admin, f"/members/{robin}/leave/").status == 404
    with pytest.raises(LookupError):
        Page.visit(admin, f"/members/{robin}/").link("Leaving…")


# Who can't leave


def test_nobody_takes_themselves_out(admin, world, northwind):
    me = world.membership_id(northwind, ADMIN)
    page = Page.visit(admin, f"/members/{me}/leave/")
    assert "That is you" in page.text
    assert "Review" not in page.buttons()
    assert Page(admin, admin.post(page.address, {})).status == 422
    assert not Plan.objects.exists()


def test_the_last_ones_in_charge_stay(admin, world, northwind, settings, connection):
    settings.MINIMUM_MANAGERS = 3
    second = world.membership_id(northwind, SECOND_ADMIN)
    page = Page.visit(admin, f"/members/{second}/leave/")
    assert "At least 3 active people must be able to manage the organization" in page.text
    assert "Review" not in page.buttons()


def test_who_lost_the_others_meanwhile_is_told_when_the_plan_is_made(
    admin, world, northwind, settings, close
):
    settings.MINIMUM_MANAGERS = 2
    second, third = (world.membership_id(northwind, email) for email in (SECOND_ADMIN, PEOPLE_OPS))
    page = Page.visit(admin, f"/members/{second}/leave/")
    world.set_role(third, "user")
    stay = {f"Leave their {what} with Priya Natarajan": True for what in ("tasks", "opportunities")}
    answer = page.press("Review", stay)
    assert answer.status == 422
    assert "At least 2 active people" in answer.text
    assert not Plan.objects.exists()


def test_who_has_left_is_told_so(admin, robin, world, connection):
    world.deactivate(robin)
    early = Page.visit(admin, f"/members/{robin}/leave/")
    assert "They have left already" in decide(early).text
    roster.read(connection)
    assert "They have left already" in Page.visit(admin, f"/members/{robin}/leave/").text


@pytest.mark.usefixtures("impatient")
def test_close_being_down_loses_nothing(form, close):
    close.faults.drop(times=None)
    answer = decide(form, Reason="Sea")
    assert answer.status == 422
    assert "Nothing was sent; try again." in answer.text
    assert (answer.field("Tasks go to").value, answer.field("Reason").value) == (SAM, "Sea")


def test_nobody_with_that_id_and_nobody_elsewhere(admin, outsider, robin, world, subtests):
    elsewhere = world.membership_id(world.organization_id(HARBOR), ADMIN)
    for member_id in [*NOBODYS, elsewhere]:
        with subtests.test(member_id=member_id):
            address = f"/members/{member_id}/leave/"
            assert Page.visit(admin, address).status == 404
            assert admin.post(address, {}).status_code == 404
    assert Page.visit(outsider, f"/members/{robin}/leave/").status == 404


def test_it_is_for_people_who_may_manage(member, nobody, robin):
    assert Page.visit(member, f"/members/{robin}/leave/").status == 403
    assert Page.visit(nobody, f"/members/{robin}/leave/").address.startswith("/login/")


@pytest.mark.parametrize("query", ["?holdings=", "?holdings=%00", "?holdings=x&tasks_to=y"])
def test_odd_addresses_are_answered(admin, robin, query):
    assert Page.visit(admin, f"/members/{robin}/leave/{query}").status == 200


def test_pressed_twice_it_is_one_job(form, work, close):
    review = decide(form)
    apply(review)
    apply(review)
    work()
    assert Job.objects.count() == 1
    assert len(close.calls.matching("DELETE", "/membership/")) == 1


# The ways here


def test_the_page_of_somebody_active_leads_here(admin, robin, connection, world):
    assert Page.visit(admin, f"/members/{robin}/").follow("Leaving…").heading == "Leaving: Robin Castellano"
    world.deactivate(robin)
    roster.read(connection)
    with pytest.raises(LookupError):
        Page.visit(admin, f"/members/{robin}/").link("Leaving…")


def test_whoever_deactivates_people_is_told_of_it(admin, robin):
    admin.post("/members/selection/", {"shown": [robin], "member": [robin]})
    page = Page.visit(admin, "/members/deactivate/")
    assert page.follow("Leaving: Robin Castellano").heading == "Leaving: Robin Castellano"


def test_the_page_costs_few_queries(admin, robin, django_assert_max_num_queries):
    with django_assert_max_num_queries(9):
        admin.get(f"/members/{robin}/leave/")


def test_a_plan_costs_a_fixed_number_of_calls(form, close, world):
    form.follow("Read what they hold")
    close.calls.clear()
    decide(form)
    inside = sum(robin_is_in(world, group) for group in groups(world))
    # Roles, everyone, tasks, opportunities, and the groups they are in.
    assert len(close.calls) == 4 + inside
