"""What happened to groups outside this dashboard: found as with people, by comparing each read with the one before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from memberships.domain.happenings import Trace
from memberships.domain.items import MEMBERS, NAME, Kind, to_be_made
from memberships.domain.people import Member, Roster, group_field
from memberships.domain.plan import Edit
from memberships.models import AuditEntry, Cause, MirroredGroup, MirroredMember, Organization, Outcome, Plan

from . import audit
from .connections import capabilities
from .outside import Sent, is_ours, item_key, sent_since, sharpened, write
from .wording import Words


def notice_members(group: MirroredGroup, now: Collection[str], trace: Trace | None = None) -> None:
    """Write down who came into a group and who left it since its last read, unless a plan of ours may have done it.

    `now` are user ids. Must run in the transaction that brings the mirror up to date.
    """
    since, moved = group.members_read_at, set(group.user_ids) ^ set(now)
    if since is None or not moved:
        return
    organization, field = group.organization, group_field(group.remote_id)
    ours = sent_since(organization, since)
    # A group whose every event may be one of ours explains nothing by its events.
    by_us = any(its_field == field for values in ours.values() for its_field, _ in values)
    people = _people(organization, since)
    by_user = people.by_user()
    entries = []
    for user_id in sorted(moved):
        member = by_user.get(user_id)
        inside = user_id in now
        sent = is_ours(ours, member, (field, inside)) if member else None
        entry = _entry(group, "member.group.set", field, Edit(field, not inside, inside), since)
        entry.member_id = member.id if member else ""
        entry.member_name = (member.name if member else "") or user_id
        entry.member_email = member.email if member else ""
        if sent is None:
            happening = None if by_us else (trace or Trace()).of(entry.event, group.remote_id)
            entries.append(sharpened(entry, happening, people))
        elif sent.cause == Cause.LOST or (not inside and _left_by_return(member, sent, field)):
            entries.append(audit.made_late(entry, _plan(sent)))
    write(organization, entries)


def _left_by_return(member: Member | None, sent: Sent, field: str) -> bool:
    """Was somebody taken out of a group not by a row that asks for it, but because they came back?"""
    rows = _plan(sent).rows.filter(member_id=member.id if member else "")
    return not any(field in stored.row().wanted for stored in rows)


def notice_list(
    organization: Organization,
    since: datetime,
    known: Mapping[str, MirroredGroup],
    now: Mapping[str, str],
    trace: Trace | None = None,
) -> None:
    """Write down which groups were made, renamed and deleted since the last read; `now` are names by id.

    As with `notice_members`, what a plan of ours may have done is left out.
    """
    names = {pk: group.name for pk, group in known.items()}
    moved = [pk for pk in {**names, **now} if names.get(pk) != now.get(pk)]
    if not moved:
        return
    ours = sent_since(organization, since)
    people = _people(organization, since)
    entries = []
    for pk in moved:
        before, after = names.get(pk), now.get(pk)
        sent = ours.get(item_key(Kind.GROUP, pk), {}).get((NAME, after))
        sent = sent or ours.get(item_key(Kind.GROUP, to_be_made(after or "")), {}).get((NAME, after))
        event = "group.created" if before is None else "group.changed" if after else "group.deleted"
        group = known.get(pk) or MirroredGroup(organization=organization, remote_id=pk, name=after or pk)
        entry = _entry(group, event, NAME, Edit(NAME, before, after), since)
        if event == "group.deleted":
            # Nowhere else is kept who was in it.
            entry.before = {NAME: before, MEMBERS: list(group.user_ids)}
        if sent is None:
            entries.append(sharpened(entry, (trace or Trace()).of(event, pk), people))
        elif sent.cause == Cause.LOST:
            entries.append(audit.made_late(entry, _plan(sent)))
    write(organization, entries)


def _entry(group: MirroredGroup, event: str, field: str, edit: Edit, since: datetime) -> AuditEntry:
    words = Words(capabilities(group.organization), {}, {group.remote_id: group.name})
    told = words.edit(edit)
    return AuditEntry(
        event=event,
        channel=audit.CHANNEL_OUTSIDE,
        item_kind=Kind.GROUP.value,
        item_id=group.remote_id,
        item_name=group.name,
        field=field,
        before=edit.before,
        after=edit.after,
        before_text=told.before[:300],
        after_text=told.after[:300],
        outcome=Outcome.DONE,
        since=since,
    )


def _plan(sent: Sent) -> Plan:
    return Plan.objects.select_related("job__connection").get(pk=sent.plan_id)


def _people(organization: Organization, at: datetime) -> Roster:
    """Everyone as the mirror has them."""
    members = {
        row.remote_id: row.member() for row in MirroredMember.objects.filter(organization=organization)
    }
    return Roster(organization.remote_id, organization.name, members, organization.roster_read_at or at)
