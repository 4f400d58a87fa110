"""The command line: what it prints, what it ends with, and what is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from memberships.management.commands.roster import CHANGES, ERROR, NOTHING_TO_DO, Command, ProgressBar
from memberships.models import AuditEntry, Connection, Job, Organization, Plan
from memberships.services import command_line, connections, jobs, plans, proposals
from memberships.services.jobs import Progress
from sandbox.commercelayer.world import CommerceWorld
from sandbox.rehearsal import ADMIN, HARBOR, ORDINARY, PEOPLE_OPS_ROLE, SECOND_ADMIN
from sandbox.server import Server
from sandbox.world import World
from tests.steps import changes, people, run


def roster(*arguments: str) -> tuple[int, str]:
    """What `manage.py roster` with these arguments ends with, and what it prints."""
    command, out = Command(stderr=StringIO()), StringIO()
    call_command(command, *arguments, stdout=out)
    return command.code, out.getvalue()


def refused(*arguments: str) -> str:
    """The sentence with which the command ends."""
    with pytest.raises(CommandError) as caught:
        roster(*arguments)
    assert caught.value.returncode == ERROR
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.yaml"


@pytest.fixture
def dumped(connection: Connection, file: Path) -> Path:
    """Everybody as they are."""
    file.write_text(roster("dump")[1])
    return file


def rewrite(file: Path, before: str, after: str, times: int = 1) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, times))


def entry_of(file: Path, email: str) -> str:
    return next(e for e in file.read_text().split("  - email: ") if e.startswith(email))


def change_role(file: Path, email: str, role: str) -> None:
    entry = entry_of(file, email)
    before = next(line for line in entry.splitlines() if line.startswith("    role: "))
    rewrite(file, entry, entry.replace(before, f"    role: {role}"))


def a_user(world: World, northwind: str, number: int = 1) -> list[dict[str, Any]]:
    found = people(world, northwind, world.role_id(northwind, "User"), number)
    return [world.membership(pk) for pk in found]


def only_plan() -> Plan:
    (plan,) = Plan.objects.all()
    return plan


# Dump and plan


def test_what_was_dumped_with_everything_plans_to_nothing(
    connection: Connection, close: Server, file: Path
) -> None:
    file.write_text(roster("dump", "--with", "groups,pins")[1])
    code, printed = roster("plan", str(file))
    assert (code, printed.splitlines()[-1]) == (NOTHING_TO_DO, "Plan: nothing to do, 60 unchanged.")
    assert roster("drift", str(file))[0] == NOTHING_TO_DO
    assert not changes(close)


def test_what_was_dumped_at_the_other_provider_plans_to_nothing(
    attached: Connection, commercelayer: Server, file: Path
) -> None:
    there = ("--organization", attached.organization.remote_id)
    file.write_text(roster("dump", *there)[1])
    assert "membership_profile" in file.read_text()
    code, printed = roster("plan", str(file), *there)
    assert (code, printed.splitlines()[-1]) == (NOTHING_TO_DO, "Plan: nothing to do, 60 unchanged.")


def test_a_plan_is_printed_with_symbols_words_a_legend_and_one_total_and_sends_nothing(
    dumped: Path, world: World, northwind: str, close: Server
) -> None:
    first, second = a_user(world, northwind, 2)
    change_role(dumped, first["email"], "Restricted User")
    entry = entry_of(dumped, second["email"])
    rewrite(dumped, entry, f"{second['email']}\n    status: inactive\n")
    with dumped.open("a") as more:
        more.write("  - email: new@northwind-rehearsal.example\n    role: User\n")
        more.write("  - email: unknown@northwind-rehearsal.example\n    status: active\n")
    code, printed = roster("plan", str(dumped))
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert code == CHANGES
    assert "+ invite new@northwind-rehearsal.example as User" in lines
    assert any(
        line.startswith("~ change ") and line.endswith("Role: User → Restricted User") for line in lines
    )
    assert any(line.startswith("- deactivate ") and second["email"] in line for line in lines)
    assert any(line.startswith("! blocked unknown@") and "needs a role" in line for line in lines)
    assert "= 58 people unchanged" in lines
    assert "+ invite or reactivate ~ change - deactivate ! blocked = unchanged" in lines
    assert "Plan: 1 to invite, 1 to change, 1 to deactivate, 1 blocked, 58 unchanged." in lines
    assert "Nothing has been sent." in lines
    assert f"Apply it with: manage.py roster apply {only_plan().pk}" in lines
    where = only_plan().organization.remote_id
    chosen = roster("plan", str(dumped), "--organization", where)[1].splitlines()
    assert (
        f"Apply it with: manage.py roster apply {Plan.objects.latest('created_at').pk} --organization {where}"
        in chosen
    )
    assert not changes(close)


def test_a_plan_as_json_has_the_providers_values(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    change_role(dumped, somebody["email"], "Restricted User")
    code, printed = roster("plan", str(dumped), "--json")
    found = json.loads(printed)
    assert code == CHANGES
    assert found["plan"] == str(only_plan().pk)
    assert found["totals"] == {"change": 1, "unchanged": 59}
    assert found["rows"][0]["edits"] == [
        {
            "field": "role",
            "before": world.role_id(northwind, "User"),
            "after": world.role_id(northwind, "Restricted User"),
        }
    ]


def test_a_plan_as_markdown_takes_no_name_for_markup_or_a_mention(
    dumped: Path, world: World, northwind: str
) -> None:
    (somebody,) = a_user(world, northwind)
    world.rename(somebody["user_id"], "@all <img src=x>", "a|b `c` [d](e)")
    change_role(dumped, somebody["email"], "Restricted User")
    _, printed = roster("plan", str(dumped), "--markdown")
    (row,) = [line for line in printed.splitlines() if line.startswith("| `~`")]
    assert "@\u200ball &lt;img src=x&gt; a\\|b \\`c\\` \\[d\\]\\(e\\)" in row
    assert "**Plan: 1 to change, 59 unchanged\\.**" in printed


def test_names_can_not_steer_the_terminal(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    world.rename(somebody["user_id"], "\x1b[2J\x07", "\u202eevil\n+ invite")
    change_role(dumped, somebody["email"], "Restricted User")
    _, printed = roster("plan", str(dumped))
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)
    assert sum(line.startswith("  ~") for line in printed.splitlines()) == 1


def test_drift_says_the_same_and_keeps_no_plan(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    world.set_role(somebody["id"], world.role_id(northwind, "Restricted User"))
    code, printed = roster("drift", str(dumped))
    assert code == CHANGES
    assert "Role: Restricted User → User" in printed
    assert not Plan.objects.exists()


# Who is not in the file


def test_people_who_are_not_in_the_file_are_told_and_left_alone(
    dumped: Path, world: World, northwind: str
) -> None:
    (somebody,) = a_user(world, northwind)
    rewrite(dumped, f"  - email: {entry_of(dumped, somebody['email'])}", "")
    code, printed = roster("plan", str(dumped))
    assert code == NOTHING_TO_DO
    assert "Not in the file: 1 person (left alone; “prune: true” would deactivate them)." in printed
    assert somebody["email"] in printed


def test_with_prune_they_are_deactivated(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    rewrite(dumped, f"  - email: {entry_of(dumped, somebody['email'])}", "")
    rewrite(dumped, "roster: 1\n", "roster: 1\nprune: yes\n")
    code, printed = roster("plan", str(dumped))
    assert code == CHANGES
    assert "Plan: 1 to deactivate, 59 unchanged." in printed


def test_with_prune_and_nobody_in_it_nobody_leaves(dumped: Path) -> None:
    dumped.write_text("roster: 1\nprune: true\npeople: []\n")
    refused("plan", str(dumped))
    assert not Plan.objects.exists()


# Kits and rails


def test_a_kit_gives_its_values_and_a_persons_own_go_before_it(
    connection: Connection, world: World, northwind: str, file: Path
) -> None:
    first, second = a_user(world, northwind, 2)
    file.write_text(
        "roster: 1\nkits:\n  plain:\n    role: Restricted User\n    track_email_opens: no\npeople:\n"
        f"  - {{email: {first['email']}, kit: plain}}\n"
        f"  - {{email: {second['email']}, kit: plain, role: User, track_email_opens: on}}\n"
    )
    world.set_settings(first["id"], track_email_opens=True)
    world.set_settings(second["id"], track_email_opens=True)
    _, printed = roster("plan", str(file), "--json")
    (row,) = json.loads(printed)["rows"]
    assert row["email"] == first["email"]
    assert {(e["field"], e["after"]) for e in row["edits"]} == {
        ("role", world.role_id(northwind, "Restricted User")),
        ("track_email_opens", False),
    }


def managers(world: World, northwind: str) -> list[dict[str, Any]]:
    """Everybody who can manage and isn't the admin."""
    manage = [world.role_id(northwind, name) for name in ("Admin", PEOPLE_OPS_ROLE)]
    return [m for m in world.members(northwind) if m["role_id"] in manage and m["email"] != ADMIN]


def test_a_rail_keeps_so_many_managers(dumped: Path, world: World, northwind: str) -> None:
    others = managers(world, northwind)
    rewrite(dumped, "people:", f"rails:\n  minimum_managers: {len(others) + 1}\npeople:")
    change_role(dumped, others[0]["email"], "User")
    _, printed = roster("plan", str(dumped))
    assert f"At least {len(others) + 1} active people must be able to manage" in printed
    assert only_plan().minimum_managers == len(others) + 1


def test_rails_can_only_be_stricter(dumped: Path, world: World, northwind: str, settings: Any) -> None:
    others = managers(world, northwind)
    settings.MINIMUM_MANAGERS = len(others) + 1
    rewrite(dumped, "people:", "rails:\n  minimum_managers: 1\npeople:")
    change_role(dumped, others[0]["email"], "User")
    assert f"At least {len(others) + 1} active people" in roster("plan", str(dumped))[1]


def test_a_required_manager_stays_one(dumped: Path, world: World, northwind: str) -> None:
    somebody = managers(world, northwind)[0]
    rewrite(dumped, "people:", f"rails:\n  required_managers: [{somebody['email']}]\npeople:")
    change_role(dumped, somebody["email"], "User")
    assert "must stay able to manage the organization" in roster("plan", str(dumped))[1]


def test_a_required_manager_who_is_none_stops_the_plan(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    rewrite(dumped, "people:", f"rails:\n  required_managers: [{somebody['email']}]\npeople:")
    assert f"{somebody['email']} must be able to manage" in refused("plan", str(dumped))
    assert not Plan.objects.exists()


def test_no_more_than_the_largest_share_is_planned_at_once(
    dumped: Path, world: World, northwind: str
) -> None:
    rewrite(dumped, "people:", "rails:\n  largest_share: 2%\npeople:")
    for somebody in a_user(world, northwind, 2):
        change_role(dumped, somebody["email"], "Restricted User")
    assert "more than the 2 % that the roster file allows at once" in refused("plan", str(dumped))
    assert not Plan.objects.exists()


# What can't be used


def test_what_can_not_be_used_is_listed_with_its_line(dumped: Path, world: World, northwind: str) -> None:
    first, second = a_user(world, northwind, 2)
    dumped.write_text(
        f"""roster: 1
people:
  - email: {first["email"]}
    rool: User
  - email: {second["email"]}
    role: Usher
  - email: {second["email"].upper()}
    track_email_opens: maybe
  - email: {first["email"]}
    role: [User]
  - role: User
  - just text
"""
    )
    command, told = Command(stderr=(errors := StringIO())), StringIO()
    with pytest.raises(CommandError):
        call_command(command, "plan", str(dumped), stdout=told)
    lines = [line.strip() for line in errors.getvalue().splitlines()]
    assert [line.partition(":")[0] for line in lines] == [
        "Line 4",
        "Line 6",
        "Line 7",
        "Line 9",
        "Line 10",
        "Line 11",
        "Line 12",
    ]
    assert "The same person as on line 5" in lines[2]
    assert not Plan.objects.exists()


def test_a_usage_error_ends_with_1_as_any_other(tmp_path: Path) -> None:
    environment = {**os.environ, "DEBUG": "true", "DATABASE_URL": f"sqlite:///{tmp_path / 'db'}"}
    for arguments in (
        [],
        ["plan"],
        ["apply", "7"],
        ["dump", "--with", "hats"],
        ["plan", "x", "--json", "--markdown"],
    ):
        ended = subprocess.run(
            [sys.executable, "manage.py", "roster", *arguments],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert ended.returncode == ERROR, arguments


def test_a_file_that_is_not_there_is_said(connection: Connection) -> None:
    assert "can't be read" in refused("plan", "/nowhere/people.yaml")


def test_what_cant_be_used_is_told_to_programs_too(dumped: Path, world: World, northwind: str) -> None:
    (somebody,) = a_user(world, northwind)
    change_role(dumped, somebody["email"], "Emperor")
    out = StringIO()
    for action in ("plan", "drift"):
        with pytest.raises(CommandError):
            call_command(Command(stderr=StringIO()), action, str(dumped), "--json", stdout=out)
        (fault,) = json.loads(out.getvalue())["faults"]
        assert (fault["who"], fault["line"] > 1) == (somebody["email"], True)
        assert "There is no role called “Emperor”." in fault["reason"]
        out.seek(0)
        out.truncate()


# Apply


@pytest.fixture
def planned(dumped: Path, world: World, northwind: str) -> dict[str, Any]:
    """Somebody whose role a plan changes."""
    (somebody,) = a_user(world, northwind)
    change_role(dumped, somebody["email"], "Restricted User")
    assert roster("plan", str(dumped))[0] == CHANGES
    return somebody


def test_apply_does_exactly_that_plan_without_a_worker_and_then_the_file_plans_to_nothing(
    planned: dict[str, Any], dumped: Path, world: World, northwind: str
) -> None:
    code, printed = roster("apply", str(only_plan().pk))
    assert (code, printed) == (NOTHING_TO_DO, "1 done.\n")
    assert world.membership(planned["id"])["role_id"] == world.role_id(northwind, "Restricted User")
    assert roster("plan", str(dumped))[0] == NOTHING_TO_DO


def test_applied_again_it_is_the_same_job(planned: dict[str, Any], close: Server) -> None:
    roster("apply", str(only_plan().pk))
    sent = len(changes(close))
    assert roster("apply", str(only_plan().pk)) == (NOTHING_TO_DO, "1 done.\n")
    assert len(changes(close)) == sent
    assert Job.objects.count() == 1


def test_apply_refuses_the_whole_plan_when_anything_has_moved(
    planned: dict[str, Any], world: World, northwind: str, close: Server
) -> None:
    world.set_role(planned["id"], world.role_id(northwind, "Sales Manager"))
    errors = StringIO()
    with pytest.raises(CommandError, match="Nothing was sent"):
        call_command(Command(stderr=errors), "apply", str(only_plan().pk), stdout=StringIO())
    assert "Role was User at the review and is now Sales Manager" in errors.getvalue()
    assert not changes(close)
    assert not Job.objects.exists()


def test_what_lets_somebody_manage_needs_its_number_which_stands_in_the_audit_log(
    dumped: Path, world: World, northwind: str, close: Server
) -> None:
    (somebody,) = a_user(world, northwind)
    change_role(dumped, somebody["email"], "Admin")
    assert "It needs “--confirm 1”" in roster("plan", str(dumped))[1]
    plan_id = str(only_plan().pk)
    assert "add --confirm 1" in refused("apply", plan_id)
    assert "add --confirm 1" in refused("apply", plan_id, "--confirm", "2")
    assert not changes(close)
    assert roster("apply", plan_id, "--confirm", "1")[0] == NOTHING_TO_DO
    entry = AuditEntry.objects.get(event="plan.applied")
    assert (entry.channel, entry.after) == ("command line", 1)


def test_what_is_not_done_ends_with_1_and_says_why(planned: dict[str, Any], world: World) -> None:
    world.refuse(planned["id"], "Not this one.")
    code, printed = roster("apply", str(only_plan().pk))
    assert code == ERROR
    assert "refused" in printed
    assert "Not this one." in printed
    assert "0 done, 1 refused." in printed


def test_asked_to_stop_it_ends_after_the_call_under_way_and_says_what_is_left(
    dumped: Path, attached: Connection, commerce: CommerceWorld, file: Path, commercelayer: Server
) -> None:
    there = ("--organization", attached.organization.remote_id)
    file.write_text(roster("dump", *there)[1])
    rewrite(file, "reference: null", "reference: somebody", 30)
    roster("plan", str(file), *there)
    asked: list[int] = []

    def tell(progress: Progress, note: str) -> bool:
        asked.append(progress.done)
        return progress.done > 0

    plan = only_plan()
    job = command_line.start(plan, attached, confirm=str(plan.brake_number or ""))
    receipt = command_line.follow(job, tell)
    assert 0 < receipt.progress.done < receipt.progress.total
    assert receipt.progress.done + receipt.progress.not_attempted == receipt.progress.total
    assert not receipt.whole
    assert receipt.note == "Stopped on request."
    # The same plan can be gone on with: “Retry the rest” makes a plan of what is left.
    assert len(receipt.left) == receipt.progress.not_attempted


def test_on_a_terminal_there_is_a_bar_and_else_a_line_for_each_tenth() -> None:
    for out in (Terminal(), StringIO()):
        told = ProgressBar(OutputWrapper(out), lambda: False)
        for done in range(101):
            told(Progress(done, 0, 0, 100 - done), "")
        told.end()
        text = out.getvalue()
        if out.isatty():
            assert "\r\x1b[K[###############...............] 50 of 100" in text
            assert "\n" not in text
        else:
            assert text.count("\n") == 11
            assert text.splitlines()[5] == "50 of 100"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(*arguments: str) -> str:
    out = Terminal()
    call_command(Command(stderr=StringIO()), *arguments, stdout=out)
    return out.getvalue()


def test_colour_is_for_terminals_that_want_it(
    dumped: Path, world: World, northwind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (somebody,) = a_user(world, northwind)
    change_role(dumped, somebody["email"], "Restricted User")
    assert "\x1b[33m" not in roster("plan", str(dumped))[1]
    assert "\x1b[33m" in roster("--force-color", "plan", str(dumped))[1]
    assert "\x1b[33m" in on_a_terminal("plan", str(dumped))
    assert "\x1b[33m" not in on_a_terminal("--no-color", "plan", str(dumped))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in on_a_terminal("plan", str(dumped))


def test_a_rate_limit_is_waited_for(planned: dict[str, Any], close: Server) -> None:
    close.faults.fail_next(429, method="PUT", path="/membership/", headers={"retry-after": "3"})
    assert roster("apply", str(only_plan().pk))[0] == NOTHING_TO_DO


def test_a_plan_of_another_organization_is_not_there(
    planned: dict[str, Any], connect: Callable[..., Connection]
) -> None:
    harbor = connect(f"robin.castellano@{ADMIN.split('@')[1]}", HARBOR)
    there = ("--organization", harbor.organization.remote_id)
    assert "There is no plan" in refused("apply", str(only_plan().pk), *there)


# In whose name


def test_every_run_stands_in_the_audit_log_with_who_and_where(dumped: Path, connection: Connection) -> None:
    roster("plan", str(dumped))
    runs = AuditEntry.objects.filter(event="command.run").order_by("number")
    assert [(e.item_name, e.channel, e.actor_name) for e in runs] == [
        ("roster dump", "command line", connection.name),
        ("roster plan people.yaml", "command line", connection.name),
    ]


def test_with_several_people_connected_it_has_to_be_said_in_whose_name(
    connection: Connection, connect: Callable[..., Connection]
) -> None:
    connect(SECOND_ADMIN)
    assert "say with --as" in refused("dump")
    roster("dump", "--as", SECOND_ADMIN)
    assert AuditEntry.objects.get(event="command.run").actor_id != connection.user_id
    assert "is not connected" in refused("dump", "--as", "stranger@example.com")


def test_an_installation_for_other_organizations_lets_no_stored_connection_act(
    connection: Connection, settings: Any
) -> None:
    settings.CLOSE_ORGANIZATIONS = ["orga_elsewhere"]
    assert refused("dump") == "This installation is for other organizations."


def test_with_several_organizations_it_has_to_be_said_which(attached: Connection) -> None:
    assert "name one with --organization" in refused("dump")
    ours = str(attached.organization.pk)
    assert "provider: commercelayer" in roster("dump", "--organization", ours)[1]
    assert "no organization orga_nowhere" in refused("dump", "--organization", "orga_nowhere")


@pytest.fixture
def key(world: World, close: Server, northwind: str, monkeypatch: pytest.MonkeyPatch, db: None) -> str:
    """The second admin's API key, as a pipeline has it."""
    found = world.api_key(world.user_id(SECOND_ADMIN), northwind)
    monkeypatch.setenv("CLOSE_API_KEY", found)
    return found


def test_an_api_key_is_enough_and_stored_nowhere(
    key: str, file: Path, world: World, northwind: str, queue: list
) -> None:
    file.write_text(roster("dump")[1])
    (somebody,) = a_user(world, northwind)
    change_role(file, somebody["email"], "Restricted User")
    assert roster("plan", str(file))[0] == CHANGES
    assert roster("apply", str(only_plan().pk))[0] == NOTHING_TO_DO
    assert world.membership(somebody["id"])["role_id"] == world.role_id(northwind, "Restricted User")
    (mine,) = Connection.objects.all()
    assert (mine.email, mine.usable) == (SECOND_ADMIN, False)
    assert AuditEntry.objects.get(event="plan.applied").actor_id == world.user_id(SECOND_ADMIN)
    assert not queue


def test_a_worker_leaves_a_job_alone_that_needs_somebodys_key(
    key: str, file: Path, world: World, northwind: str, queue: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(roster("dump")[1])
    (somebody,) = a_user(world, northwind)
    change_role(file, somebody["email"], "Restricted User")
    roster("plan", str(file))
    monkeypatch.setattr(jobs, "run", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert "the same command does the rest" in refused("apply", str(only_plan().pk))
    monkeypatch.undo()
    monkeypatch.setenv("CLOSE_API_KEY", key)
    jobs.sweep()
    run(queue)
    job = Job.objects.get()
    assert job.state == Job.State.QUEUED
    assert roster("apply", str(only_plan().pk)) == (NOTHING_TO_DO, "1 done.\n")


def test_what_waits_for_its_key_holds_up_nobody(
    connection: Connection, world: World, northwind: str, queue: list
) -> None:
    first, second, third = (
        proposals.change(connection, [m["id"]], {"role": "restricteduser"}, reason="", channel="test")
        for m in a_user(world, northwind, 3)
    )
    earlier = plans.apply(first, connection, fingerprint=first.fingerprint, typed="")
    Job.objects.filter(pk=earlier.pk).update(by_key=True)
    running = plans.apply(second, connection, fingerprint=second.fingerprint, typed="")
    following = plans.apply(third, connection, fingerprint=third.fingerprint, typed="")
    queue.clear()
    jobs.run(running.pk)
    assert [result.args for result in queue] == [[str(following.pk)]]


def test_what_nobody_goes_on_with_can_be_stopped_in_the_dashboard(
    connection: Connection, planned: dict[str, Any]
) -> None:
    plan = only_plan()
    job = Job.objects.create(
        plan=plan,
        organization=plan.organization,
        connection=connection,
        by_key=True,
        created_at=plan.created_at,
    )
    assert jobs.stop(job)
    job.refresh_from_db()
    assert job.finished


def test_a_key_without_the_permission_is_refused(
    world: World, close: Server, northwind: str, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setenv("CLOSE_API_KEY", world.api_key(world.user_id(ORDINARY), northwind))
    assert "Manage Organization" in refused("dump")
    assert not Organization.objects.exists()


def test_a_wrong_key_is_refused_and_never_shown(
    close: Server, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setenv("CLOSE_API_KEY", "api_wrong.secret")
    assert "secret" not in refused("dump")


def test_a_key_of_another_organization_is_refused(
    key: str, world: World, connect: Callable[..., Connection]
) -> None:
    harbor = connect(f"robin.castellano@{ADMIN.split('@')[1]}", HARBOR)
    assert "Manage Organization" in refused("dump", "--organization", harbor.organization.remote_id)


def test_a_key_acts_at_the_attached_organization_in_its_persons_name(
    attached: Connection, key: str, commercelayer: Server
) -> None:
    roster("dump", "--organization", attached.organization.remote_id)
    entry = AuditEntry.objects.get(event="command.run")
    assert entry.organization == attached.organization
    assert entry.actor_name == Connection.objects.get(email=SECOND_ADMIN).name
    assert entry.through


def test_somebody_disconnected_can_not_act(connection: Connection) -> None:
    connections.disconnect(connection)
    assert "No organization is connected here" in refused("dump")
