"""Export, edit, import: the file is a plan on the ordinary review page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memberships.domain.people import METADATA, Member, Roster, Status, metadata_field
from memberships.domain.plan import Verdict
from memberships.domain.sheets import MOST_BYTES
from memberships.models import AuditEntry, MirroredMember, Plan
from memberships.services import current, imports, plans, roster, tables
from memberships.services.connections import capabilities
from memberships.services.wording import Words
from sandbox.rehearsal import NORTHWIND_DOMAIN, ORDINARY, SECOND_ADMIN, SUPPORT_LEAD
from tests.pages import Page
from tests.steps import apply, changes, verdicts

NEW = f"new.person@{NORTHWIND_DOMAIN}"
ADDRESS = "/members/import/"


def upload(client: Client, data: bytes | str, name: str = "people.csv") -> Page:
    data = data.encode() if isinstance(data, str) else data
    file = SimpleUploadedFile(name, data, "text/csv")
    return Page(client, client.post(ADDRESS, {"file": file, "reason": ""}, follow=True))


def exported(client: Client, query: str = "") -> list[list[str]]:
    response: Any = client.get(f"/members/export/{query}")
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def written(table: Sequence[Sequence[str]], separator: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(table)
    return text.getvalue()


@pytest.fixture
def table(admin: Client) -> list[list[str]]:
    return exported(admin)


@pytest.fixture
def edit(table) -> Callable[..., list[str]]:
    """Change cells of the row of an address; the row."""

    def edit(email: str, **cells: str) -> list[str]:
        headings = {heading.lower().replace(" ", "_"): n for n, heading in enumerate(table[0])}
        row = next(row for row in table if row[headings["email"]] == email)
        for heading, cell in cells.items():
            row[headings[heading]] = cell
        return row

    return edit


def test_the_members_page_leads_to_the_import(admin):
    page = Page.visit(admin, "/members/").follow("Import CSV")
    assert (page.address, page.heading) == (ADDRESS, "Import CSV")
    assert page.field("CSV file").attributes["type"] == "file"
    assert "Review" in page.buttons()
    assert "(clear)" in page.text


def test_an_export_brought_back_as_it_is_changes_nothing(admin, table, close):
    page = upload(admin, written(table))
    assert page.heading == "Review"
    assert "Nothing would change." in page.text
    assert f"{len(table) - 1} already so" in page.text
    assert page.rows("Blocked") == []
    assert changes(close) == []


def test_an_edited_export_is_reviewed_applied_and_undone(admin, table, edit, world, northwind, work):
    edit(ORDINARY, role=SUPPORT_LEAD, call_recording="on")
    leaver = next(
        m["email"] for m in world.members(northwind) if m["role_id"] == "user" and m["email"] != ORDINARY
    )
    edit(leaver, status="inactive")
    table.append([""] * len(table[0]))
    table[-1][2] = NEW
    table[-1][table[0].index("Role")] = "User"
    page = upload(admin, written(table))
    assert "Change 1 person, invite 1 and deactivate 1, as in people.csv." in page.text
    assert "Whoever leaves: Their open tasks" in page.text
    assert "Apply to 3 members" in page.buttons()
    assert len(page.rows("Will change")) == 3
    receipt = apply(page)
    work()
    here = {m["email"]: m for m in world.members(northwind)}
    assert (here[ORDINARY]["role_name"], here[ORDINARY]["auto_record_calls"]) == (SUPPORT_LEAD, "enabled")
    assert leaver not in here
    assert here[NEW]["role_name"] == "User"
    assert "3 done" in Page.visit(admin, receipt.address).text
    assert upload(admin, written(table)).text.count("Nothing would change.") == 1
    undo = Page.visit(admin, receipt.address).press("Undo")
    # Some leave and others come back: it is said whom a sentence is about.
    assert "Whoever leaves: Their open tasks" in undo.text
    assert "Whoever comes back: Close lets people back only" in undo.text
    apply(undo)
    work()
    here = {m["email"]: m for m in world.members(northwind)}
    assert (here[ORDINARY]["role_name"], leaver in here, NEW in here) == ("User", True, False)


def test_the_order_of_rows_and_columns_does_not_matter(admin, table, edit):
    edit(ORDINARY, role=SUPPORT_LEAD)
    first = verdicts(upload(admin, written(table)))
    turned = [row[::-1] for row in [table[0], *table[:0:-1]]]
    assert verdicts(upload(admin, written(turned, ";"))) == first


def test_a_filtered_export_with_few_columns_leaves_everything_else_alone(admin, world, northwind):
    file = f"E-Mail;auto_record_calls\n{ORDINARY};enabled\n"
    page = upload(admin, file)
    assert list(verdicts(page)) == [f"Sam Okafor {ORDINARY}"]


@pytest.mark.parametrize("heading", ["Role", "role", "role_id", "ROLE"])
@pytest.mark.parametrize("word", ["Support Lead", "support lead", "{id}"])
def test_headings_and_values_are_words_or_names_of_the_api(heading, word, admin, world, northwind):
    word = word.format(id=world.role_id(northwind, SUPPORT_LEAD))
    page = upload(admin, f"email,{heading}\n{ORDINARY},{word}\n")
    assert "Change 1 person" in page.text


def test_an_empty_cell_changes_nothing_and_the_marker_clears(admin, world, northwind, work):
    pk = world.membership_id(northwind, ORDINARY)
    world.set_settings(pk, hangup_recording_url="https://example.com/voice.mp3")
    assert "Nothing would change." in upload(admin, f"id,Voicemail drop URL\n{pk},\n").text
    apply(upload(admin, f"id,Voicemail drop URL\n{pk},(clear)\n"))
    work()
    assert world.membership(pk)["hangup_recording_url"] is None


def test_every_bad_row_is_listed_with_its_line_and_reason_and_the_others_go_on(
    admin, world, northwind, work, close
):
    pk = world.membership_id(northwind, ORDINARY)
    file = (
        "id,email,name,Role,Call recording,status\n"
        f"{pk},,Sam,{SUPPORT_LEAD},,\n"
        ",second@@northwind,Bad Address,User,,\n"
        f",{NEW},Nobody Yet,Usr,Maybe,\n"
        f",{ORDINARY},Sam Again,User,,\n"
        "memb_theirs,,Of Another,User,,\n"
        ",,No Key,User,,\n"
        f",{SECOND_ADMIN},Priya,(clear),,gone\n"
        "too,few\n"
    )
    page = upload(admin, file)
    assert [(row[0], row[1].partition(":")[0]) for row in page.rows("Blocked")] == [
        ("Bad Address", "Line 3"),
        ("Nobody Yet", "Line 4"),
        ("Sam Again", "Line 5"),
        ("Of Another", "Line 6"),
        ("No Key", "Line 7"),
        ("Priya", "Line 8"),
        ("too", "Line 9"),
    ]
    why = dict(page.rows("Blocked"))
    assert why["Nobody Yet"].startswith("Line 4: There is no role called “Usr”. There are: Admin,")
    assert why["Nobody Yet"].endswith("Call recording can be On, Off or Not set, not “Maybe”.")
    assert why["Sam Again"] == "Line 5: The same person as on line 2: one row for each person."
    assert why["Priya"] == (
        "Line 8: Role can't be cleared: it always has a value. Status can be active or inactive, not “gone”."
    )
    assert "7 rows of the file are skipped." in page.text
    assert changes(close) == []
    apply(page)
    work()
    assert world.membership(pk)["role_name"] == SUPPORT_LEAD


def test_what_is_only_for_reading_or_unknown_is_told_and_left_alone(admin, table, edit):
    edit(ORDINARY, name="Samuel Okafor", can_manage="yes")
    table[0].append("Team")
    for row in table[1:]:
        row.append("x")
    page = upload(admin, written(table))
    assert "Nothing would change." in page.text
    assert "The column “Team” is nothing that can be set here, and not used." in page.text
    assert "The name in 1 row is not what it is now. It can only be changed in Close" in page.text
    assert "“Can manage” in 1 row is not what it is now. It follows from the role" in page.text


def test_two_roles_of_one_name_are_told_apart_by_id(admin, connection, world, northwind):
    _, second = (world.add_role(northwind, "Twin", ["export"]) for _ in range(2))
    page = upload(admin, f"email,role\n{ORDINARY},Twin\n")
    assert "2 roles are called “Twin”: write the id of the one you mean." in page.text
    assert "Change 1 person" in upload(admin, f"email,role\n{ORDINARY},{second}\n").text


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "The file is empty."),
        ("name,role\nSam,User\n", "The file needs a column “id” or “email”"),
        ('sep="\nemail"role\n', "The file needs a column “id” or “email”"),
        ("sep=\n\nemail,role\n", "The file needs a column “id” or “email”"),
        ("id,Role,role_id\n", "Two columns say the same: “Role” and “role_id”. Keep one."),
        (b"PK\x03\x04 and so on", "This is a workbook or an archive, not a CSV file."),
        (b"x" * (MOST_BYTES + 1), "The file has 5.0 MB; 5 MB is the most. Split it."),
        (b"x" * (2 * MOST_BYTES), "The file has 10.0 MB; 5 MB is the most. Split it."),
    ],
)
def test_a_file_that_can_not_be_used_says_so_beside_its_field(data, sentence, admin, close):
    page = upload(admin, data)
    assert page.status == 422
    assert page.error("CSV file").startswith(sentence)
    assert Plan.objects.count() == 0


def test_without_a_file_the_field_says_so(admin):
    page = Page.visit(admin, ADDRESS).press("Review")
    assert page.error("CSV file") == "Choose a CSV file."


def test_headings_without_rows_are_a_plan_of_nothing(admin):
    assert "Nothing would change." in upload(admin, "id,role\n").text


def test_an_export_of_another_organization_changes_nobody(admin, outsider, close):
    page = upload(admin, written(exported(outsider)))
    assert page.rows("Will change") == []
    assert all("has the id" in row[1] for row in page.rows("Blocked"))
    assert len(page.rows("Blocked")) > 1


def test_nothing_of_the_file_is_in_the_audit_log_but_what_was_done(admin, work, world):
    apply(upload(admin, f"email,role\n{ORDINARY},{SUPPORT_LEAD}\n"))
    work()
    assert AuditEntry.objects.get(event="member.role.set").after_text == SUPPORT_LEAD


def test_while_close_can_not_be_asked_the_form_says_so(admin, close, impatient):
    close.faults.fail_next(503, times=9)
    page = upload(admin, f"email,role\n{ORDINARY},User\n")
    assert page.status == 422
    assert "Nothing was sent; try again." in page.text


def test_a_name_of_a_file_that_is_markup_is_text(admin):
    page = upload(admin, f"email,role\n{ORDINARY},{SUPPORT_LEAD}\n", "<b>x</b>&.csv")
    assert "<b>x</b>" not in page.html


# Commerce Layer


def test_metadata_and_access_are_columns_too(commerce_admin, attached, commerce, bluefin, work):
    row = MirroredMember.objects.filter(organization=attached.organization, owner=False).first()
    assert row is not None
    file = f"id,Metadata team,Reference,Access\n{row.remote_id},Blue,=1+1,Live\n"
    apply(upload(commerce_admin, file))
    work()
    row.refresh_from_db()
    assert (row.settings["metadata:team"], row.settings["reference"]) == ("Blue", "=1+1")
    table = exported(commerce_admin)
    assert "'=1+1" in next(cells for cells in table if cells[0] == row.remote_id)
    assert "Nothing would change." in upload(commerce_admin, written(table)).text


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
NASTY = (
    TEXTS
    | st.builds(str.__add__, st.sampled_from([*"=+-@\t\r\n'＝", "(clear)", "'"]), TEXTS)
    | st.just("(clear)")
)
KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def somebody(
    pk: str, name: str, reference: str | None, texts: dict[str, str], role: str, access: str
) -> Member:
    settings = {metadata_field(key): text for key, text in texts.items()}
    return Member(
        f"pk{pk}", f"u{pk}", f"p{pk}@example.com", name, "", role, Status.ACTIVE,
        settings={"reference": reference, "access_scope": access, METADATA: None, **settings},
    )  # fmt: skip


SOMEBODY = st.builds(
    somebody,
    st.integers(0, 10**6).map(str),
    NASTY,
    st.none() | NASTY,
    st.dictionaries(KEYS, NASTY, max_size=3),
    st.sampled_from(["gone-role", "r1", "r2"]),
    st.sampled_from(["live_access", "all_access", "from_tomorrow"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SOMEBODY, max_size=6, unique_by=lambda m: m.id), st.randoms())
def test_whatever_people_are_called_and_have_their_export_is_an_empty_plan(
    attached, monkeypatch, everyone, random
):
    """The rows and columns come back in any order, with any separator."""
    organization = attached.organization
    MirroredMember.objects.filter(organization=organization).delete()
    live_roles = roster.roles(organization)
    now = Roster(organization.remote_id, "Bluefin", {m.id: m for m in everyone}, organization.roster_read_at)
    MirroredMember.objects.bulk_create([roster._mirrored(organization, m) for m in everyone])
    words = Words(capabilities(organization), live_roles)
    mirrored = MirroredMember.objects.filter(organization=organization).order_by("pk")
    text = "".join(tables.lines(tables.members(mirrored, words))).removeprefix("\ufeff")
    table = list(csv.reader(io.StringIO(text, newline="")))
    rows, order = table[1:], random.sample(range(len(table[0])), len(table[0]))
    random.shuffle(rows)
    file = written([[row[n] for n in order] for row in [table[0], *rows]], random.choice(",;\t"))
    monkeypatch.setattr(current, "read", lambda _: current.Live(now, live_roles, {}))
    imported = imports.propose(
        attached, imports.read(organization, file.encode()), "f", reason="", channel="t"
    )
    counted = plans.counts(imported.plan)
    assert (counted[Verdict.ALREADY], sum(counted.values())) == (len(everyone), len(everyone))
    assert imported.notices == ()


def test_a_row_that_removes_and_one_that_invites_with_access(
    commerce_admin, attached, commerce, bluefin, work
):
    """Where leaving deletes, the file's word for it is the same."""
    leaver = MirroredMember.objects.filter(
        organization=attached.organization, owner=False, status="active", can_manage=False
    ).first()
    role = roster.roles(attached.organization)
    assert leaver is not None
    name = next(r.name for r in role.values() if not r.can_manage)
    file = (
        "email;status;role;Access;Reference;Metadata team\n"
        f"{leaver.email};inactive;;;;\nnew@example.com;;{name};Test;S-1;Blue\n"
    )
    page = upload(commerce_admin, file)
    assert "Invite 1 person and remove 1, as in people.csv." in page.text
    receipt = apply(page)
    work()
    assert "3 done" in Page.visit(commerce_admin, receipt.address).text
    assert not MirroredMember.objects.filter(pk=leaver.pk).exists()
    new = MirroredMember.objects.get(organization=attached.organization, email="new@example.com")
    assert (new.settings["access_scope"], new.settings["reference"]) == ("test_access", "S-1")
    assert new.settings["metadata:team"] == "Blue"


def test_a_file_of_rows_that_are_all_bad_is_a_review_with_all_of_them(admin, close):
    page = upload(admin, "email,role\n" + "".join(f"x{n},User\n" for n in range(2000)))
    assert "Nothing would change." in page.text
    assert "2,000 rows of the file are skipped." in page.text
    assert page.rows("Blocked")[0] == ["x0", "Line 2: “x0” is not an e-mail address."]
    assert page.follow("Next").rows("Blocked")[0][0] == "x100"


def test_of_more_files_than_one_none_is_taken(admin):
    files = [SimpleUploadedFile(f"{n}.csv", b"id,role\n") for n in range(2)]
    assert admin.post(ADDRESS, {"file": files}).status_code == 400
    assert Plan.objects.count() == 0
