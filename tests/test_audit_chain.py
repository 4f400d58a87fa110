"""The audit log can't be touched unnoticed: `manage.py audit verify`, and what every export carries."""

import csv
import hashlib
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from memberships.models import AuditEntry, Organization
from memberships.services import audit
from tests.steps import apply, review_role


@pytest.fixture
def organization(admin, world, northwind, work, connection) -> Organization:
    """Northwind, after a sign-in, an applied plan and its three outcomes: five entries."""
    users = [m["id"] for m in world.members(northwind) if m["role_id"] == "user"][:3]
    apply(review_role(admin, users, "Restricted User"))
    work()
    found = connection.organization
    found.refresh_from_db()
    assert found.audit_number == 5
    return found


def verify(*arguments: str) -> str:
    """What the command prints; CommandError when something is wrong."""
    out = io.StringIO()
    try:
        call_command("audit", "verify", *arguments, stdout=out)
    except CommandError as error:
        raise CommandError(f"{out.getvalue()}{error}") from None
    return out.getvalue()


def sql(statement: str, *values: str | int) -> None:
    """What somebody with the database at hand would do: past every rule of the app."""
    with database.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_untouched_log_is_whole_and_its_head_is_printed(organization):
    assert f"whole, head 5:{organization.audit_hash}" in verify()
    assert "whole" in verify("--head", f"5:{organization.audit_hash}")
    third = AuditEntry.objects.get(number=3)
    assert "whole" in verify("--head", f"3:{third.hash}"), "a head of earlier days is good for ever"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE memberships_auditentry SET outcome = 'refused' WHERE number = 3", "Entry 3 was changed."),
        (
            "UPDATE memberships_auditentry SET at = '2020-01-01 00:00:00' WHERE number = 3",
            "Entry 3 was changed.",
        ),
        ("UPDATE memberships_auditentry SET actor_name = 'Nobody' WHERE number = 1", "Entry 1 was changed."),
        ("DELETE FROM memberships_auditentry WHERE number = 3", "Entries 3 to 3 are missing."),
        ("DELETE FROM memberships_auditentry WHERE number = 1", "Entries 1 to 1 are missing."),
        (
            "DELETE FROM memberships_auditentry WHERE number > 3",
            "The log ends at 3, but 5 entries were written.",
        ),
    ],
)
def test_a_changed_or_missing_entry_is_found(organization, statement, sentence):
    sql(statement)
    with pytest.raises(CommandError, match="not as it was written") as caught:
        verify()
    assert sentence in str(caught.value)


def test_entries_that_change_places_are_found(organization):
    for old, new in ((3, 99), (4, 3), (99, 4)):
        sql("UPDATE memberships_auditentry SET number = %s WHERE number = %s", new, old)
    with pytest.raises(CommandError, match="Entry 3 was changed"):
        verify()


def test_a_tail_cut_off_with_its_count_is_found_by_a_head_kept_elsewhere(organization):
    kept = f"5:{organization.audit_hash}"
    third = AuditEntry.objects.get(number=3)
    sql("DELETE FROM memberships_auditentry WHERE number > 3")
    sql("UPDATE memberships_organization SET audit_number = 3, audit_hash = %s", third.hash)
    assert "whole" in verify(), "without a head nothing can tell"
    with pytest.raises(CommandError, match="before entry 5 whose hash was kept"):
        verify("--head", kept)


def test_a_tail_written_anew_is_found_by_a_head_kept_elsewhere(organization):
    kept = f"5:{organization.audit_hash}"
    last = AuditEntry.objects.get(number=5)
    last.member_name = "Somebody Else"
    forged = audit.chained(last)
    sql("UPDATE memberships_auditentry SET member_name = 'Somebody Else', hash = %s WHERE number = 5", forged)
    sql("UPDATE memberships_organization SET audit_hash = %s", forged)
    assert "whole" in verify()
    with pytest.raises(CommandError, match="Entry 5 is not the one whose hash was kept"):
        verify("--head", kept)


@pytest.mark.parametrize("head", ["5", "five:abc", "5:abc", ":", ""])
def test_a_head_that_is_none_is_a_sentence(organization, head):
    if head:
        with pytest.raises(CommandError, match="A head looks like"):
            verify("--head", head)
    with pytest.raises(CommandError, match="no such organization"):
        verify("--organization", "orga_nowhere")


@pytest.mark.django_db
def test_before_anybody_has_signed_in_there_is_no_log_to_check():
    with pytest.raises(CommandError, match="Nobody has signed in yet"):
        verify()


@pytest.mark.parametrize("query", ["", "?outcome=done", "?q=nobody-at-all"])
def test_an_export_names_its_head_and_what_is_left_out_and_can_be_checked_by_anyone(
    admin, organization, query
):
    page = admin.get(f"/audit/export/{query}")
    text = b"".join(page.streaming_content).decode("utf-8-sig")
    header, *rows, last = csv.reader(io.StringIO(text))
    assert last == ["head", f"5:{organization.audit_hash}"]
    entries = [dict(zip(header, row, strict=True)) for row in rows]
    assert [entry["number"] for entry in entries] == ["1", "2", "3", "4", "5"]
    left_out = [entry for entry in entries if entry["event"] == "left out"]
    assert len(left_out) == {"": 0, "?outcome=done": 2, "?q=nobody-at-all": 5}[query]
    assert all(not entry["member_name"] and len(entry["hash"]) == 64 for entry in left_out)
    previous = ""
    for entry in entries:
        if entry["event"] != "left out":
            assert entry["previous_hash"] == previous
            assert entry["hash"] == recomputed(entry)
        previous = entry["hash"]


def recomputed(entry: dict[str, str]) -> str:
    """The hash of an exported line, from what stands in it."""
    names = (
        *("number", "event", "channel", "actor_id", "actor_name", "member_id", "member_name", "member_email"),
        *("item_kind", "item_id", "item_name", "through"),
        *(
            "field",
            "before",
            "after",
            "before_text",
            "after_text",
            "outcome",
            "error",
            "reason",
            "gained_power",
        ),
    )
    content: dict[str, object] = {name: entry[name] for name in names}
    content["number"] = int(entry["number"])
    content["gained_power"] = entry["gained_power"] == "True"
    content |= {name: json.loads(entry[name]) for name in ("before", "after")}
    content |= {
        "at": entry["at"],
        "since": entry["since"],
        "happened_at": entry["happened_at"],
        "plan_id": entry["plan_id"],
    }
    content["previous"] = entry["previous_hash"]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
