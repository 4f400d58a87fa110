"""Making a plan: what is wished for, set against what is true now. All raise ProviderError or NotAllowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Unpack

from memberships.domain import addresses, proposals
from memberships.domain.apps import restored
from memberships.domain.items import MEMBERS, NAME, PERMISSIONS, Kind
from memberships.domain.people import APPS, PINS, ROLE, Member, Status, Value, group_of, is_detail
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.domain.proposals import Ways
from memberships.domain.rails import NO_RAILS, Rails
from memberships.domain.wishes import Fault, Wish, matched
from memberships.models import Cause, Connection, Job, Outcome, Plan
from memberships.providers import FieldKind

from . import details
from .connections import capabilities, provider_for
from .current import Gone, Live, about, detailed, read, with_groups, with_known_groups
from .storing import Note, NothingLeft, store, titled
from .wording import counted, people
from .work import Takers, open_work, to_hand_over


class Unclaimed(Exception):
    """Somebody who leaves has got work since, of a kind that nobody was chosen to take. A sentence."""

    def __init__(self, words: str, member_id: str) -> None:
        super().__init__(words)
        self.member_id = member_id


# So many people are named in a sentence; the rest is a number.
_NAMED = 10
_STILL_RUNNING = "The job is still running. Wait for it, or stop it first."


# People


def change(
    connection: Connection, member_ids: Sequence[str], wanted: Mapping[str, Value], **note: Unpack[Note]
) -> Plan:
    """Plan the same new values for these members, from what is true now."""
    return _change(connection, dict.fromkeys(member_ids, wanted), wanted, **note)


def change_each(
    connection: Connection, wanted: Mapping[str, Mapping[str, Value]], **note: Unpack[Note]
) -> Plan:
    """Plan new values by membership id, to each their own; `note` needs a title that says what for."""
    return _change(connection, wanted, {}, **note)


def _change(
    connection: Connection,
    wanted: Mapping[str, Mapping[str, Value]],
    common: Mapping[str, Value],
    **note: Unpack[Note],
) -> Plan:
    live = read(connection)
    rows = _changes(connection, live, wanted)
    return store(connection, Plan.Kind.CHANGE, rows, live, common, **note)


def copied_pins(
    connection: Connection, source_id: str, member_ids: Sequence[str], **note: Unpack[Note]
) -> Plan:
    """Plan the views one member has pinned, in their order, for these others; the one copied from is left alone.

    What is gone, or can't be seen by whoever asks, is not copied but told. Raises Gone without the member, and
    NothingLeft when there is nothing to copy.
    """
    live = read(connection)
    source = live.roster.members.get(source_id)
    if source is None:
        raise Gone
    name = source.name or source.email or source.id
    pinned = provider_for(connection).pinned_views([source_id])[source_id]
    known = {view.id for view in details.views(connection)}
    wanted: dict[str, Value] = {PINS: tuple(pk for pk in pinned if pk in known)}
    if not pinned:
        raise NothingLeft(f"{name} has no pinned views that could be copied.")
    if not wanted[PINS]:
        raise NothingLeft(f"The views {name} has pinned aren't there any more, or you can't see them.")
    targets = [pk for pk in member_ids if pk != source_id]
    rows = _changes(connection, live, dict.fromkeys(targets, wanted))
    missing = f"Not copied: {name} has this view pinned, but it isn't there any more, or you can't see it."
    rows += [Row(Action.CHANGE, Verdict.BLOCKED, name=pk, reason=missing) for pk in pinned if pk not in known]
    title = f"Copy the pinned views of {name}."
    return store(connection, Plan.Kind.CHANGE, rows, live, wanted, **titled(note, title))


def deactivation(connection: Connection, member_ids: Sequence[str], **note: Unpack[Note]) -> Plan:
    """Plan to take these members out of the organization."""
    live = read(connection)
    removes = capabilities(connection.organization).removes
    rows = _with_apps(connection, proposals.deactivations(live.found(member_ids), removes=removes))
    return store(connection, Plan.Kind.DEACTIVATE, rows, live, **note)


def reactivation(connection: Connection, member_ids: Sequence[str], **note: Unpack[Note]) -> Plan:
    """Plan to bring these members back with the role they had."""
    live = with_known_groups(connection, read(connection))
    rows = proposals.reactivations(live.found(member_ids), live.roles)
    return store(connection, Plan.Kind.REACTIVATE, rows, live, **note)


def resending(connection: Connection, member_ids: Sequence[str], **note: Unpack[Note]) -> Plan:
    """Plan to send the invitations of these members again."""
    live = read(connection)
    return store(connection, Plan.Kind.RESEND, proposals.resends(live.found(member_ids)), live, **note)


def invitations(
    connection: Connection,
    text: str,
    role_id: str,
    fields: Mapping[str, Value] | None = None,
    **note: Unpack[Note],
) -> Plan:
    """Plan an invitation for every address in the pasted `text`; all get the same role and `fields`."""
    live = read(connection)
    seats = provider_for(connection).seats()
    rows = proposals.invitations(
        addresses.parse(text),
        live.roles[role_id],
        live.roster,
        live.roles,
        managers=capabilities(connection.organization).invites_managers,
        most=max(0, seats[0] - seats[1]) if seats else None,
    )
    more = tuple(Edit(name, None, value) for name, value in (fields or {}).items())
    rows = [replace(row, edits=(*row.edits, *more)) for row in rows]
    return store(connection, Plan.Kind.INVITE, rows, live, {ROLE: role_id}, **note)


def wishes(
    connection: Connection,
    wanted: Sequence[Wish],
    *,
    faults: Sequence[Fault] = (),
    source: str = "",
    live: Live | None = None,
    rails: Rails = NO_RAILS,
    unchanged: int = 0,
    kind: Plan.Kind = Plan.Kind.FILE,
    **note: Unpack[Note],
) -> Plan:
    """Plan what each of these people is wished to be, and have. Who isn't named is left alone.

    `faults` were found before and are kept with the plan as blocked rows; `source` is where the wishes come from, such
    as the name of a file. Who has `live` already, from `read`, gives it. `unchanged` is how many more people are as
    wished already. Raises NothingLeft when `rails` forbid it.
    """
    rows, live = wished(connection, wanted, faults=faults, live=live)
    return store(connection, kind, rows, live, source=source, rails=rails, unchanged=unchanged, **note)


def wished(
    connection: Connection,
    wanted: Sequence[Wish],
    *,
    faults: Sequence[Fault] = (),
    live: Live | None = None,
) -> tuple[list[Row], Live]:
    """The rows that these wishes come to, before any guard, and what they were set against."""
    live = live or read(connection)
    provider, its_capabilities = provider_for(connection), capabilities(connection.organization)
    live = _with_details(connection, live, wanted)
    seats = provider.seats()
    ways = Ways(
        its_capabilities.invited_with,
        its_capabilities.invites_managers,
        its_capabilities.removes,
        max(0, seats[0] - seats[1]) if seats else None,
    )
    rows = proposals.wished(wanted, live.roster, live.roles, ways, faults)
    return [_warned(connection, live, row) for row in _with_apps(connection, rows)], live


def _with_details(connection: Connection, live: Live, wanted: Sequence[Wish]) -> Live:
    """What these wishes are about that the roster doesn't tell, of those whom they are about."""
    if any(wish.status is Status.ACTIVE for wish in wanted):
        live = with_known_groups(connection, live)
    if not any(is_detail(name) for wish in wanted for name in wish.fields):
        return live
    asked = [
        Row(Action.CHANGE, Verdict.WILL, member.id, edits=(Edit(name, None, value),))
        for wish, member in matched(wanted, live.roster).wishes
        for name, value in wish.fields.items()
        if is_detail(name) and member is not None
    ]
    return (
        replace(live, roster=replace(live.roster, members=detailed(connection, live, asked)))
        if asked
        else live
    )


# Roles


def new_role(connection: Connection, values: Mapping[str, Value], **note: Unpack[Note]) -> Plan:
    """Plan a role. `values` are its fields by our names."""
    live = read(connection)
    rows = [proposals.creation(Kind.ROLE, values, live.items)]
    return store(connection, Plan.Kind.ROLE, rows, live, **titled(note, f"Create the role {values[NAME]}."))


def edited_role(
    connection: Connection,
    role_id: str,
    wanted: Mapping[str, Value],
    opened: Mapping[str, Value] | None = None,
    **note: Unpack[Note],
) -> Plan:
    """Plan new values of one role: they reach everyone who has it. Raises Gone.

    `opened` are the values that `wanted` was made from: where they differ is what is wished for, and what somebody
    else has changed since stays.
    """
    live = read(connection)
    role = live.item(Kind.ROLE, role_id)
    if opened is not None:
        wanted = {name: value for name, value in wanted.items() if value != opened.get(name)}
        if PERMISSIONS in wanted:
            now, before = role.value(PERMISSIONS), opened.get(PERMISSIONS)
            wanted = {**wanted, PERMISSIONS: proposals.merged(now, before, wanted[PERMISSIONS])}
    rows = [proposals.edit(role, wanted, live.items, editable=live.roles[role_id].editable)]
    return store(connection, Plan.Kind.ROLE, rows, live, **titled(note, f"Change the role {role.name}."))


def deleted_role(connection: Connection, role_id: str, **note: Unpack[Note]) -> Plan:
    """Plan to delete a role nobody active has. Raises Gone."""
    live = read(connection)
    role = live.item(Kind.ROLE, role_id)
    mine = [m.active for m in live.roster.members.values() if m.role_id == role_id]
    holders = sum(mine)
    rows = [
        proposals.deletion(
            role, holders=holders, carriers=len(mine) - holders, editable=live.roles[role_id].editable
        )
    ]
    return store(connection, Plan.Kind.ROLE, rows, live, **titled(note, f"Delete the role {role.name}."))


# Groups


def new_group(connection: Connection, name: str, member_ids: Sequence[str], **note: Unpack[Note]) -> Plan:
    """Plan a group with these members in it."""
    live = with_groups(connection, read(connection))
    creation = proposals.creation(Kind.GROUP, {NAME: name}, live.items)
    joining = proposals.joining(creation, live.found(member_ids))
    rows = [creation, *(replace(row, stage=1) for row in [*joining, *live.missing(member_ids)])]
    return store(connection, Plan.Kind.GROUP, rows, live, **titled(note, f"Create the group {name}."))


def renamed_group(connection: Connection, group_id: str, name: str, **note: Unpack[Note]) -> Plan:
    """Raises Gone."""
    live = with_groups(connection, read(connection))
    group = live.item(Kind.GROUP, group_id)
    rows = [proposals.edit(group, {NAME: name}, live.items)]
    title = f"Rename the group {group.name} to {name}."
    return store(connection, Plan.Kind.GROUP, rows, live, **titled(note, title))


def deleted_group(connection: Connection, group_id: str, **note: Unpack[Note]) -> Plan:
    """Plan to delete a group; who is in it is kept, for an undo. Raises Gone."""
    live = with_groups(connection, read(connection))
    group = live.item(Kind.GROUP, group_id)
    inside = provider_for(connection).group_members(group_id)
    if inside is None:
        raise Gone
    group = replace(group, values={**group.values, MEMBERS: tuple(sorted(inside))})
    rows = [replace(proposals.deletion(group), reason=_loss(live, inside))]
    title = f"Delete the group {group.name}."
    return store(connection, Plan.Kind.GROUP, rows, live, **titled(note, title))


def _loss(live: Live, user_ids: Collection[str]) -> str:
    """Who loses a group that is deleted."""
    by_user = live.roster.by_user()
    names = sorted(by_user[pk].name or by_user[pk].email if pk in by_user else pk for pk in user_ids)
    if not names:
        return "Nobody is in it."
    more = len(names) - _NAMED
    said = [*names[:_NAMED], f"{more:,} more"] if more > 1 else names
    listed = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
    are, lose = ("is", "loses") if len(names) == 1 else ("are", "lose")
    return f"{people(len(names))} {are} in it and {lose} it: {listed}."


# What follows from a job


def again(job: Job, connection: Connection, *, only_stale: bool = False, **note: Unpack[Note]) -> Plan:
    """Plan what this job left undone once more, from live values. Raises NothingLeft and Unclaimed."""
    left = job.plan.rows.filter(verdict=Verdict.WILL).exclude(outcome=Outcome.DONE).order_by("position")
    if only_stale:
        left = left.filter(cause=Cause.STALE)
    wishes = [stored.row() for stored in left]
    if not job.finished or not wishes:
        raise NothingLeft("There is nothing left to try again." if job.finished else _STILL_RUNNING)
    live = about(connection, wishes)
    managers = capabilities(connection.organization).invites_managers
    rows = proposals.again(wishes, live.roster, live.roles, live.items, managers=managers)
    rows = _with_apps(connection, rows)
    if job.plan.kind == Plan.Kind.LEAVE:
        rows = sorted([*rows, *_new_work(connection, live, rows, job.plan.wanted)], key=lambda row: row.stage)
    note = titled(note, job.plan.title)
    # What the file asked for holds for its rest, too.
    rails = Rails(minimum_managers=job.plan.minimum_managers)
    kind = Plan.Kind(job.plan.kind)
    return store(connection, kind, rows, live, job.plan.wanted, origin=job, rails=rails, **note)


def _new_work(connection: Connection, live: Live, rows: Sequence[Row], takers: Takers) -> list[Row]:
    """What somebody who is still to go has got since the first plan: it moves to whoever takes the rest."""
    planned = {(row.kind, row.item_id) for row in rows}
    found: list[Row] = []
    for row in rows:
        if row.action is not Action.DEACTIVATE or row.verdict is not Verdict.WILL:
            continue
        leaver = live.roster.members[row.member_id]
        work = open_work(provider_for(connection), leaver.user_id)
        for item in to_hand_over(work, leaver, takers, planned):
            taker = live.roster.of_user(str(takers.get(item.kind.value, "")))
            if taker is None:
                its_work = counted(sum(other.kind is item.kind for other in work), item.kind)
                words = f"{leaver.name or leaver.email} has {its_work} now: say who takes them over."
                raise Unclaimed(words, leaver.id)
            found += proposals.transfers([item], leaver, taker)
    return found


def undo(job: Job, connection: Connection, **note: Unpack[Note]) -> Plan:
    """Plan the inverse of what this job did. Raises NothingLeft."""
    done = job.plan.rows.filter(verdict=Verdict.WILL, outcome=Outcome.DONE).order_by("position")
    deeds = [stored.row() for stored in done]
    if not job.finished or not deeds:
        raise NothingLeft("Nothing was done that could be undone." if job.finished else _STILL_RUNNING)
    live = with_known_groups(connection, about(connection, deeds, done=True))
    its_capabilities = capabilities(connection.organization)
    rows = proposals.undo(
        deeds,
        live.roster,
        live.roles,
        live.items,
        clearable=[field.name for field in its_capabilities.fields if field.clears],
    )
    rows = _with_apps(connection, rows)
    if job.plan.title and job.plan.kind != Plan.Kind.CHANGE:
        note = titled(note, f"Undo of “{job.plan.title.removesuffix('.')}”.")
    return store(connection, Plan.Kind.UNDO, rows, live, origin=job, **note)


# The rows of it


def _changes(connection: Connection, live: Live, wanted: Mapping[str, Mapping[str, Value]]) -> list[Row]:
    """A row for each call these members' new values take; what the roster doesn't tell is read of those it is about."""

    def planned(members: Mapping[str, Member]) -> list[Row]:
        return [
            row
            for pk, fields in wanted.items()
            if pk in members
            for part in proposals.calls(fields)
            for row in proposals.changes([members[pk]], part)
        ]

    rows = planned(live.roster.members)
    # Whether a group is there at all is known once it was read.
    unread = [row for row in rows if row.verdict is not Verdict.BLOCKED or any(map(group_of, row.wanted))]
    if any(is_detail(name) for row in unread for name in row.wanted):
        rows = planned(detailed(connection, live, unread))
    return [_warned(connection, live, row) for row in rows] + live.missing(wanted)


def _with_apps(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Keep with everyone who is to be removed the apps they were given, and tell which they are."""
    leaving = [
        row.member_id for row in rows if row.action is Action.DEACTIVATE and row.verdict is Verdict.WILL
    ]
    if not leaving or not capabilities(connection.organization).apps:
        return list(rows)
    held = {pk: apps for pk, apps in provider_for(connection).apps(leaving).items() if apps}
    return [
        replace(row, kept={**row.kept, APPS: held[row.member_id]}, reason=_loses(held[row.member_id]))
        if row.member_id in held and row.action is Action.DEACTIVATE
        else row
        for row in rows
    ]


def _loses(apps: Sequence[str]) -> str:
    number = "1 app" if len(apps) == 1 else f"{len(apps)} apps"
    return f"Loses {number}: {'; '.join(str(restored(one)) for one in apps)}."


def _warned(connection: Connection, live: Live, row: Row) -> Row:
    """Say of somebody who loses the power to manage what else that may take from them."""
    note, member = capabilities(connection.organization).demotion_note, live.roster.members.get(row.member_id)
    if not note or member is None or row.action is not Action.CHANGE:
        return row
    role = live.roles.get(str(row.wanted.get(ROLE)))
    demoted = member.can_manage and role is not None and not role.can_manage
    kept = [f.name for f in capabilities(connection.organization).fields if f.kind is FieldKind.PROFILE]
    covered = any(row.wanted.get(name) or member.value(name) for name in kept)
    if not demoted or covered or row.verdict is not Verdict.WILL:
        return row
    return replace(row, reason=note)
