"""The Drift page: a file kept here, what differs from it, and from there into the file or back to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Plan, RosterFile
from memberships.services import connections, drift
from memberships.services.rosterfile import comparison
from sandbox.server import Server
from sandbox.world import World
from tests.pages import Page
from tests.steps import apply, changes, people, run


def upload(client: Client, text: str | bytes, queue: list) -> Page:
    data = text.encode() if isinstance(text, str) else text
    page = Page(
        client,
        client.post("/drift/upload/", {"file": SimpleUploadedFile("people.yaml", data)}, follow=True),
    )
    run(queue)
    return page


def first_file(client: Client) -> str:
    return b"".join(client.get("/drift/first/").streaming_content).decode()  # type: ignore[attr-defined]


@pytest.fixture
def kept(admin: Client, queue: list) -> str:
    """Everybody as they are, kept as the roster file."""
    text = first_file(admin)
    upload(admin, text, queue)
    return text


def test_a_file_of_everybody_as_they_are_shows_that_nobody_differs(admin: Client, kept: str) -> None:
    page = Page.visit(admin, "/drift/")
    assert "Nobody differs" in page.text
    assert "Version 1" in page.text


def check(client: Client, queue: list) -> Page:
    """Have it compared, unless that is on its way already."""
    page = Page.visit(client, "/drift/")
    if "Check now" in page.buttons():
        page.press("Check now")
    return compared(client, queue)


def compared(client: Client, queue: list) -> Page:
    """What the page says once it has been compared by itself."""
    assert "Check now" not in Page.visit(client, "/drift/").buttons()
    run(queue)
    return Page.visit(client, "/drift/")


def tick(page: Page, button: str, *labels: str) -> Page:
    return page.press(button, dict.fromkeys(labels, True))


def newest(connection: Connection) -> RosterFile:
    found = drift.file_of(connection.organization)
    assert found is not None
    return found


@pytest.fixture
def demoted(admin: Client, kept: str, world: World, northwind: str, queue: list) -> dict[str, Any]:
    """Somebody whose role was changed in Close after the file was kept."""
    (pk,) = people(world, northwind, world.role_id(northwind, "User"), 1)
    world.set_role(pk, world.role_id(northwind, "Restricted User"))
    check(admin, queue)
    return world.membership(pk)


def label_of(page: Page) -> str:
    (label,) = page.ticks()
    return label


def test_somebody_changed_outside_is_shown_with_both_roles(admin: Client, demoted: dict[str, Any]) -> None:
    page = Page.visit(admin, "/drift/")
    ((_, who, what),) = page.rows("Differences")
    assert demoted["email"] in who
    assert what == "Role: from Restricted User → to User"


def test_how_many_differ_stands_beside_drift_on_every_page(admin: Client, demoted: dict[str, Any]) -> None:
    assert "Drift1 person differs" in Page.visit(admin, "/members/").text.replace(" ", "").replace(
        "1persondiffers", "1 person differs"
    )


def test_that_number_follows_a_comparison_that_ends_behind_the_page(
    admin: Client, demoted: dict[str, Any]
) -> None:
    part = Page(admin, admin.get("/drift/", headers={"HX-Request": "true"}))
    assert part.text.strip().endswith("1 person differs")
    assert "Drift" not in part.text.split()


def test_adopting_makes_a_version_that_says_what_is_true_and_differs_in_one_line(
    admin: Client, demoted: dict[str, Any], kept: str, connection: Connection, queue: list
) -> None:
    page = Page.visit(admin, "/drift/")
    page = tick(page, "Adopt into the file", label_of(page))
    assert "Nobody differs" in page.text
    file = newest(connection)
    assert (file.number, file.origin) == (2, "adopted")
    before, after = kept.splitlines(), file.text.splitlines()
    assert [b for a, b in zip(before, after, strict=True) if a != b] == ["    role: Restricted User"]
    page = compared(admin, queue)
    assert "Nobody differs" in page.text
    assert "version 2" in page.text


def test_whoever_was_adopted_in_another_tab_no_longer_differs(
    admin: Client, demoted: dict[str, Any], connection: Connection
) -> None:
    page, other = Page.visit(admin, "/drift/"), Page.visit(admin, "/drift/")
    tick(page, "Adopt into the file", label_of(page))
    again = tick(other, "Adopt into the file", label_of(other))
    assert again.status == 422
    assert "They no longer differ" in again.text
    assert newest(connection).number == 2


class Looked(list[str]):
    """Keys that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        self.times += 1
        return super().__contains__(key)


@pytest.mark.parametrize("go_on", [drift.revert, drift.adopt])
def test_whom_it_is_about_is_gone_through_a_few_times_and_not_once_a_person(
    go_on: Callable[..., object], admin: Client, demoted: dict[str, Any], connection: Connection
) -> None:
    keys = Looked([demoted["id"]])
    go_on(connection, keys, **({"reason": "", "channel": "dashboard"} if go_on is drift.revert else {}))
    assert keys.times < 15


def test_comments_and_the_order_of_entries_survive_an_adoption(
    admin: Client, connection: Connection, world: World, northwind: str, queue: list
) -> None:
    first, second = people(world, northwind, world.role_id(northwind, "User"), 2)
    emails = [world.membership(pk)["email"] for pk in (second, first)]
    text = (
        "roster: 1\n# the sales team\nkits:\n  plain: {role: User}  # most of us\npeople:\n"
        f"- {{email: {emails[0]}, kit: plain}}  # on one line\n"
        f"- email: {emails[1]}\n  # asked for by Ana\n  role: User\n"
    )
    upload(admin, text, queue)
    for pk in (first, second):
        world.set_role(pk, world.role_id(northwind, "Restricted User"))
    page = check(admin, queue)
    labels = [label for label in page.ticks() if any(email in label for email in emails)]
    tick(page, "Adopt into the file", *labels)
    adopted = newest(connection).text
    assert adopted == (
        "roster: 1\n# the sales team\nkits:\n  plain: {role: User}  # most of us\npeople:\n"
        f"- {{email: {emails[0]}, role: Restricted User, kit: plain}}  # on one line\n"
        f"- email: {emails[1]}\n  # asked for by Ana\n  role: Restricted User\n"
    )


def test_an_entry_written_in_an_unusual_way_is_written_anew_or_left_to_people(
    admin: Client, connection: Connection, world: World, northwind: str, queue: list
) -> None:
    first, second = people(world, northwind, world.role_id(northwind, "User"), 2)
    emails = [world.membership(pk)["email"] for pk in (first, second)]
    group = next(iter(world.groups(northwind)))
    world.set_group(northwind, world.group_id(northwind, group), [])
    text = (
        f"roster: 1\npeople:\n- groups:\n  - {group}\n  email: {emails[0]}\n"
        f"- email: {emails[1]}\n  role: >-\n    User\n"
    )
    upload(admin, text, queue)
    world.set_role(second, world.role_id(northwind, "Restricted User"))
    page = check(admin, queue)
    labels = [label for label in page.ticks() if any(email in label for email in emails)]
    page = tick(page, "Adopt into the file", *labels)
    assert newest(connection).number == 2
    shown = check(admin, queue)
    assert not [label for label in shown.ticks() if any(email in label for email in emails)]


def test_reverting_goes_to_a_plan_on_the_review_page_and_back_to_the_file(
    admin: Client,
    demoted: dict[str, Any],
    close: Server,
    work: Any,
    queue: list,
    world: World,
    northwind: str,
) -> None:
    page = Page.visit(admin, "/drift/")
    review = tick(page, "Revert to the file", label_of(page))
    assert review.heading == "Review"
    assert "Change 1 person, as in the roster file, version 1." in review.text
    assert review.link("Drift") == "/drift/"
    assert not changes(close)
    apply(review)
    work()
    assert world.membership(demoted["id"])["role_id"] == world.role_id(northwind, "User")
    assert "Nobody differs" in compared(admin, queue).text


@pytest.mark.parametrize("prune", [False, True])
def test_somebody_who_is_not_in_the_file_can_be_adopted_and_leaves_where_it_says_so(
    prune: bool, admin: Client, kept: str, connection: Connection, world: World, northwind: str, queue: list
) -> None:
    (pk,) = people(world, northwind, world.role_id(northwind, "User"), 1)
    email = world.membership(pk)["email"]
    entries = kept.split("  - email: ")
    text = "  - email: ".join(entry for entry in entries if not entry.startswith(email))
    upload(admin, text.replace("roster: 1\n", "roster: 1\nprune: true\n", 1) if prune else text, queue)
    page = Page.visit(admin, "/drift/")
    assert [row[2] for row in page.rows("Differences")] == ["Is here, and not in the file"]
    after = tick(page, "Revert to the file", label_of(page))
    if prune:
        assert [row[-1] for row in after.rows("Will change")] == ["from Active → to Inactive"]
    else:
        assert "Who isn't in the file is only reported" in after.text
    tick(page, "Adopt into the file", label_of(page))
    assert email in newest(connection).text
    assert "Nobody differs" in check(admin, queue).text


def test_whoever_would_leave_but_for_a_line_that_can_not_be_used_is_told_so(
    admin: Client, kept: str, world: World, northwind: str, queue: list
) -> None:
    first, second = people(world, northwind, world.role_id(northwind, "User"), 2)
    gone, changed = (world.membership(pk)["email"] for pk in (first, second))
    text = "  - email: ".join(entry for entry in kept.split("  - email: ") if not entry.startswith(gone))
    upload(admin, text.replace("roster: 1\n", "roster: 1\nprune: true\nunknown: x\n", 1), queue)
    page = Page.visit(admin, "/drift/")
    after = tick(page, "Revert to the file", label_of(page))
    assert "as long as lines of it can't be used: correct those first." in after.text
    world.set_role(second, world.role_id(northwind, "Restricted User"))
    page = check(admin, queue)
    review = tick(page, "Revert to the file", *page.ticks())
    assert review.heading == "Review"
    assert changed in review.text
    assert "as long as lines of it can't be used" in review.text
    assert "with “prune: true” in it" not in review.text


def test_somebody_deactivated_outside_is_adopted_with_the_status_alone(
    admin: Client, kept: str, connection: Connection, world: World, northwind: str, queue: list
) -> None:
    (pk,) = people(world, northwind, world.role_id(northwind, "User"), 1)
    world.deactivate(pk)
    page = check(admin, queue)
    tick(page, "Adopt into the file", label_of(page))
    before, after = kept.splitlines(), newest(connection).text.splitlines()
    assert [b for a, b in zip(before, after, strict=True) if a != b] == ["    status: inactive"]
    assert "Nobody differs" in check(admin, queue).text


def test_nothing_ticked_is_said_and_nothing_made(admin: Client, demoted: dict[str, Any]) -> None:
    page = Page.visit(admin, "/drift/").press("Revert to the file")
    assert page.status == 422
    assert "Nobody is ticked" in page.text
    assert not Plan.objects.exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"roster: 1\npeople: []\n" + b"# x\n" * 1_400_000, "The file has 5.6 MB; 5 MB is the most."),
        (b"roster: 1\npeople: []\n" + b"# x\n" * 1_700_000, "The file has 6.8 MB; 5 MB is the most."),
        (b"\xff\xfer\x00o\x00", "UTF-16"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
        (b"a: &a [x]\nb: [*a, *a]\n", "“&a” is not allowed"),
        (b"roster: !!python/object:os.system x\n", "Tags"),
        (b"roster: 1\nroster: 1\n", "stands here twice"),
        (b"[" * 50_000, "nested deeper"),
        (b"hello", "begins with keys"),
        (b"roster: 2\npeople: []\n", "roster: 1"),
        (b"", "empty"),
    ],
)
def test_what_is_no_roster_file_is_refused_with_a_sentence_and_not_kept(
    admin: Client, data: bytes, sentence: str, queue: list
) -> None:
    page = upload(admin, data, queue)
    assert page.status == 422
    assert sentence in page.error("Roster file")
    assert not RosterFile.objects.exists()


def test_a_file_of_another_organization_is_refused(admin: Client, kept: str, queue: list) -> None:
    page = upload(admin, kept.replace("organization: orga_", "organization: orga_x"), queue)
    assert "not for Northwind" in page.error("Roster file")


def test_a_comparison_that_breaks_off_is_told_and_raised_and_the_next_one_may_begin(
    admin: Client, kept: str, connection: Connection, queue: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(*_: object, **__: object) -> None:
        raise DataError("nobody expected this")

    Page.visit(admin, "/drift/").press("Check now")
    assert drift.checking(drift.watch_of(connection.organization))
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "compare", breaks_off)
        with pytest.raises(DataError):
            run(queue)
    queue.clear()
    page = Page.visit(admin, "/drift/")
    assert "The last comparison failed. It broke off" in page.text
    assert not drift.checking(drift.watch_of(connection.organization))
    page = check(admin, queue)
    assert "The last comparison failed" not in page.text
    assert "Nobody differs" in page.text


def test_lines_that_can_not_be_used_are_listed_and_nobody_is_pruned_for_them(
    admin: Client, kept: str, queue: list, connection: Connection
) -> None:
    page_text = kept.replace("roster: 1\n", "roster: 1\nprune: true\n", 1).replace(
        "role: User", "role: Usher", 1
    )
    upload(admin, page_text, queue)
    page = Page.visit(admin, "/drift/")
    assert "1 line of the file can't be used" in page.text
    assert "There is no role called “Usher”" in page.text
    assert not page.rows("Differences")


def test_somebody_whose_entry_is_wrong_is_not_taken_for_missing(
    admin: Client, kept: str, queue: list
) -> None:
    upload(admin, kept.replace("role: User", "rool: User", 1), queue)
    page = Page.visit(admin, "/drift/")
    assert "There is no key “rool” in an entry." in page.text
    assert not page.rows("Differences")


def test_a_schedule_looks_in_the_name_of_whoever_set_it_and_applies_nothing(
    admin: Client, demoted: dict[str, Any], connection: Connection, close: Server, queue: list
) -> None:
    Page.visit(admin, "/drift/").press("Save", {"Compare": "Every hour"})
    watch = drift.watch_of(connection.organization)
    assert watch.connection == connection
    drift.sweep()
    assert not queue
    with time_machine.travel(timezone.now() + timedelta(hours=1, minutes=1), tick=False):
        drift.sweep()
        drift.sweep()
        assert len(queue) == 1
        run(queue)
    entry = AuditEntry.objects.filter(event="roster_file.checked").latest("number")
    assert (entry.channel, entry.actor_name, entry.after_text) == (
        "schedule",
        connection.name,
        "1 person differs",
    )
    assert not changes(close)


def test_a_schedule_of_somebody_who_is_no_longer_connected_rests_and_says_so(
    admin: Client, second_admin: Client, kept: str, connection: Connection, queue: list
) -> None:
    Page.visit(admin, "/drift/").press("Save", {"Compare": "Every day"})
    connections.disconnect(connection)
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        drift.sweep()
        assert not queue
    assert "Nothing is compared automatically any more" in Page.visit(second_admin, "/drift/").text


def test_a_schedule_rests_where_the_installation_is_for_other_organizations(
    admin: Client, kept: str, queue: list, settings: Any
) -> None:
    Page.visit(admin, "/drift/").press("Save", {"Compare": "Every day"})
    settings.CLOSE_ORGANIZATIONS = ["orga_elsewhere"]
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        drift.sweep()
    assert not queue


def test_disconnecting_says_that_the_schedule_rests(
    admin: Client, second_admin: Client, kept: str, connection: Connection
) -> None:
    stops = "with its roster file by itself rests until you connect again"
    assert "no schedules" in Page.visit(admin, f"/connections/{connection.pk}/disconnect/").text
    page = Page.visit(admin, "/drift/").press("Save", {"Compare": "Every 6 hours"})
    assert "Compared every 6 hours from now on." in page.text
    assert stops in Page.visit(admin, f"/connections/{connection.pk}/disconnect/").text
    colleague = Connection.objects.exclude(pk=connection.pk).get()
    assert stops not in Page.visit(second_admin, f"/connections/{colleague.pk}/disconnect/").text


def test_a_version_of_another_organization_is_not_there(outsider: Client, kept: str) -> None:
    assert outsider.get("/drift/file/1/").status_code == 404
    assert "No roster file yet" in Page.visit(outsider, "/drift/").text


def test_uploads_and_adoptions_stand_in_the_audit_log(
    admin: Client, demoted: dict[str, Any], connection: Connection
) -> None:
    page = Page.visit(admin, "/drift/")
    tick(page, "Adopt into the file", label_of(page))
    events = AuditEntry.objects.filter(event__startswith="roster_file.").order_by("number")
    assert [entry.event for entry in events] == [
        "roster_file.uploaded",
        "roster_file.checked",
        "roster_file.checked",
        "roster_file.adopted",
    ]
    text = Page.visit(admin, "/audit/").text
    assert "Adopted into the roster file" in text
    assert "What is true of 1 person" in text
