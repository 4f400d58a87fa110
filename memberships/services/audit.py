"""The audit log: written in the same transaction as what it tells about, in one numbered chain per organization."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.domain.items import NAME, WORK, Kind
from memberships.domain.people import METADATA, ROLE, group_of, metadata_key
from memberships.domain.plan import Action, Edit, Row
from memberships.models import AuditEntry, Connection, Job, Organization, Outcome, Plan, Token

from .wording import Words

CHANNEL_SCREEN = "dashboard"
CHANNEL_OUTSIDE = "outside"
CHANNEL_API = "api"
CHANNEL_COMMAND = "command line"
CHANNEL_SCHEDULE = "schedule"

_HASHED = (
    "number", "event", "channel", "actor_id", "actor_name", "through", "member_id", "member_name", "member_email",
    "item_kind", "item_id", "item_name", "field",
    "before", "after", "before_text", "after_text", "outcome", "error", "reason", "gained_power",
)  # fmt: skip


def record(organization: Organization, entries: Sequence[AuditEntry]) -> None:
    """Append `entries` to the organization's chain. Must run inside the transaction that changes what they tell."""
    if not entries:
        return
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs into the transaction of what it tells about.")
    head = organization.hold()
    number, previous = head.audit_number, head.audit_hash
    now = timezone.now()
    for entry in entries:
        number += 1
        entry.organization, entry.number, entry.at, entry.previous_hash = organization, number, now, previous
        entry.hash = previous = chained(entry)
    AuditEntry.objects.bulk_create(entries, batch_size=500)
    Organization.objects.filter(pk=organization.pk).update(audit_number=number, audit_hash=previous)


def content(entry: AuditEntry) -> dict[str, Any]:
    """All that an entry's hash is made of: what it says, and the hash of the one before it."""
    return {name: getattr(entry, name) for name in _HASHED} | {
        "at": entry.at.isoformat(timespec="microseconds"),
        "since": entry.since.isoformat(timespec="microseconds") if entry.since else "",
        "happened_at": entry.happened_at.isoformat(timespec="microseconds") if entry.happened_at else "",
        "plan_id": str(entry.plan_id or ""),
        "previous": entry.previous_hash,
    }


def chained(entry: AuditEntry) -> str:
    """SHA-256 over the entry's content and the hash of the one before it."""
    canonical = json.dumps(content(entry), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a chain: kept elsewhere, it proves later that nothing before it was touched."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read `N:HASH`; ValueError when it isn't one."""
        number, _, its_hash = text.strip().partition(":")
        if not number.isdigit() or len(its_hash) != 64:
            raise ValueError("A head looks like 120:9f86d081…, a number and a hash of 64 digits.")
        return cls(int(number), its_hash)


def head(organization: Organization) -> Head:
    found = Organization.objects.only("audit_number", "audit_hash").get(pk=organization.pk)
    return Head(found.audit_number, found.audit_hash)


def verify(organization: Organization, known: Head | None = None) -> list[str]:
    """What is wrong with an organization's chain: changed, missing or reordered entries; nothing when it is whole.

    With a head that was `known` earlier, a tail that was cut off or written anew is found too.
    """
    problems: list[str] = []
    expected, previous, last_at = 1, "", None
    entries = AuditEntry.objects.filter(organization=organization).order_by("number")
    for entry in entries.iterator(chunk_size=1000):
        if entry.number != expected:
            problems.append(f"Entries {expected} to {entry.number - 1} are missing.")
        elif entry.previous_hash != previous:
            problems.append(f"Entry {entry.number} does not follow the one before it.")
        if chained(entry) != entry.hash:
            problems.append(f"Entry {entry.number} was changed.")
        if last_at and entry.at < last_at:
            problems.append(f"Entry {entry.number} is older than the one before it.")
        if known and entry.number == known.number and entry.hash != known.hash:
            problems.append(f"Entry {entry.number} is not the one whose hash was kept.")
        expected, previous, last_at = entry.number + 1, entry.hash, entry.at
    end = Head(expected - 1, previous)
    if end != head(organization):
        problems.append(
            f"The log ends at {end.number}, but {head(organization).number} entries were written."
        )
    if known and known.number > end.number:
        problems.append(f"The log ends at {end.number}, before entry {known.number} whose hash was kept.")
    return problems


def signed_in(connection: Connection) -> AuditEntry:
    return _by(connection, "session.signed_in")


def signed_out(connection: Connection) -> AuditEntry:
    return _by(connection, "session.signed_out")


def attached(connection: Connection, organization: Organization) -> AuditEntry:
    entry = _by(connection, "connection.attached")
    entry.item_kind, entry.item_id, entry.item_name = (
        "organization",
        organization.remote_id,
        str(organization),
    )
    return entry


def disconnected(connection: Connection) -> AuditEntry:
    return _by(connection, "connection.disconnected")


def token_made(connection: Connection, token: Token) -> AuditEntry:
    entry = _about_token(connection, "token.made", token)
    entry.after_text = f"{token.get_scope_display()}, until {token.expires_at:%Y-%m-%d}"
    return entry


def token_revoked(connection: Connection, token: Token) -> AuditEntry:
    return _about_token(connection, "token.revoked", token)


def _about_token(connection: Connection, event: str, token: Token) -> AuditEntry:
    entry = _by(connection, event)
    entry.item_kind, entry.item_id, entry.item_name = "token", token.key, token.name
    if token.person_id != connection.actor.pk:
        entry.member_name, entry.member_email = token.person.name, token.person.email
    return entry


def plan_applied(
    plan: Plan, connection: Connection, event: str = "plan.applied", *, channel: str = ""
) -> AuditEntry:
    entry = _by(connection, event, connection.token or plan.token)
    entry.plan_id, entry.reason, entry.channel = plan.pk, plan.reason, channel or plan.channel
    if plan.brake_number:
        entry.field, entry.after = "confirmed", plan.brake_number
        entry.after_text = f"{plan.brake_number:,} typed to confirm"
    return entry


_EVENTS = {
    Action.INVITE: "member.invited",
    Action.REACTIVATE: "member.reactivated",
    Action.DEACTIVATE: "member.deactivated",
    Action.RESEND: "member.resent",
    Action.CREATE: "created",
    Action.DELETE: "deleted",
}


def outcomes(job: Job, row: Row, outcome: str, error: str, words: Words) -> list[AuditEntry]:
    """One entry per subject and field: what was to be set, and what became of it."""
    entries = []
    for edit in row.edits or (Edit("", None, None),):
        event = event_of(row.kind, row.action, edit.field)
        entry = _by(job.connection, event, job.token or job.plan.token)
        entry.channel, entry.reason, entry.plan_id = job.plan.channel, job.plan.reason, job.plan_id
        entry.member_id, entry.member_name, entry.member_email = row.member_id, row.name, row.email
        if row.kind is not Kind.MEMBER:
            entry.item_kind, entry.item_id, entry.item_name = row.kind.value, row.item_id, row.name
            entry.member_name = words.names.get(row.member_id, "")
        if group_id := group_of(edit.field):
            entry.item_kind, entry.item_id = Kind.GROUP.value, group_id
            entry.item_name = words.name(group_id)
        entry.outcome, entry.error = outcome, error
        if edit.field:
            told = words.edit(edit)
            entry.before_text, entry.after_text = told.before[:300], told.after[:300]
            entry.field, entry.before, entry.after = edit.field, edit.before, edit.after
        if row.action is Action.DELETE:
            entry.before = dict(row.kept)
        if row.action is Action.DEACTIVATE and words.capabilities.removes:
            # Nowhere else is kept what they had.
            entry.event, entry.field, entry.before = "member.removed", ROLE, dict(row.kept)
            entry.before_text, entry.after_text = (
                words.value(ROLE, role_id) for role_id in (row.kept.get(ROLE), None)
            )
        entries.append(entry)
    return entries


def event_of(kind: Kind, action: Action, field: str) -> str:
    if kind in WORK:
        return f"{kind}.moved"
    if kind is not Kind.MEMBER:
        return f"{kind}.{_EVENTS.get(action, 'changed')}"
    what = "group" if group_of(field) else METADATA if metadata_key(field) else field
    return _EVENTS.get(action) or f"member.{what}.set"


def made_late(entry: AuditEntry, plan: Plan) -> AuditEntry:
    """What a read found turns out to be done by this plan, whose job had given it up."""
    connection = plan.job.connection
    by = plan.job.person or connection
    entry.actor_id, entry.actor_name = by.user_id, by.name or by.email
    entry.channel, entry.reason, entry.plan_id = plan.channel, plan.reason, plan.pk
    return entry


def command_run(connection: Connection, command: str) -> AuditEntry:
    entry = _by(connection, "command.run")
    entry.item_kind, entry.item_name, entry.channel = "command", command, CHANNEL_COMMAND
    return entry


def roster_file(
    connection: Connection, event: str, name: str, *, text: str = "", channel: str = CHANNEL_SCREEN
) -> AuditEntry:
    """Something that was done to, or found by, a version of the roster file; `text` says what."""
    entry = _by(connection, event)
    entry.item_kind, entry.item_name, entry.channel = "roster file", name, channel
    if text:
        entry.field, entry.after_text = "result", text[:300]
    return entry


def acknowledged(connection: Connection) -> AuditEntry:
    return _by(connection, "outside.acknowledged")


def _by(connection: Connection, event: str, token: Token | None = None) -> AuditEntry:
    return AuditEntry(
        event=event,
        channel=CHANNEL_SCREEN,
        actor_id=connection.actor.user_id,
        actor_name=connection.actor.name or connection.actor.email,
        through=_through(connection, token or connection.token),
    )


def _through(connection: Connection, token: Token | None) -> str:
    """Whose connection, and which token, where it isn't the actor's own. A token of somebody else's has proposed it."""
    found = [connection.name or connection.email] if connection.person else []
    if token and token.person_id == connection.actor.pk:
        found.append(f"token {token.name}")
    elif token:
        found.append(f"token {token.name} of {token.person.name or token.person.email}")
    return ", ".join(found)[:300]


def search(
    organization: Organization,
    *,
    text: str = "",
    event: str = "",
    outcome: str = "",
    channel: str = "",
    about: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEntry]:
    """Entries of one organization, newest first.

    `text` is looked for in names and addresses; `about` is the id of a role or a group, whatever it was called then.
    """
    entries = AuditEntry.objects.filter(organization=organization)
    if text:
        entries = entries.filter(
            Q(member_name__icontains=text)
            | Q(member_email__icontains=text)
            | Q(actor_name__icontains=text)
            | Q(item_name__icontains=text)
        )
    if about:
        entries = entries.filter(item_id=about)
    if event:
        entries = entries.filter(event=event)
    if outcome:
        entries = entries.filter(outcome=outcome)
    if channel:
        entries = entries.filter(channel=channel)
    if since:
        entries = entries.filter(at__gte=since)
    if until:
        entries = entries.filter(at__lte=until)
    return entries.order_by("-number")


def latest_name(organization: Organization, item_id: str) -> str:
    """What a role or group was called last; its id where nothing is known of it."""
    last = search(organization, about=item_id).first()
    renamed = last is not None and last.field == NAME and last.outcome == Outcome.DONE
    return (last.after_text if renamed else last.item_name) if last else item_id


def of_member(organization: Organization, member_id: str, email: str) -> QuerySet[AuditEntry]:
    """One person's history, invitations included: those know the address only."""
    person = Q(member_id=member_id)
    if email:
        person |= Q(member_id="", member_email=email)
    return AuditEntry.objects.filter(person, organization=organization).order_by("-number")
