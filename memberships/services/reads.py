"""What the rows of a plan need to know besides the roster: groups, pinned views, and everything that isn't a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from django.conf import settings
from django.utils import timezone

from memberships.domain.apps import those_held
from memberships.domain.guards import Situation
from memberships.domain.items import MEMBERS, OWNER, WORK, Item, Kind, role_item, to_be_made
from memberships.domain.people import APPS, PINS, Member, Role, group_field, group_of, metadata_key
from memberships.domain.plan import Action, Row
from memberships.domain.reading import Subject
from memberships.models import Connection, Organization
from memberships.providers import Answer, MembershipProvider

from . import groups, outside, roster

type Members = dict[str, Member]
"""By membership id; what is read about them is put into their settings."""


def group_ids(rows: Iterable[Row]) -> set[str]:
    """The groups that these rows put people into or take them out of, as far as they are there yet."""
    found = {group_of(name) for row in rows for name in (*row.wanted, *row.kept)}
    return {pk for pk in found if pk and not pk.startswith(to_be_made(""))}


def add_groups(
    provider: MembershipProvider,
    organization: Organization,
    members: Members,
    wanted: Iterable[str],
    concerned: Iterable[str],
    beat: Callable[[], object] = lambda: None,
) -> None:
    """Say of the members `concerned` whether they are in each of the `wanted` groups. One call a group."""
    people = [pk for pk in dict.fromkeys(concerned) if pk in members]
    for group_id in sorted(wanted):
        beat()
        read_at = timezone.now()
        users = provider.group_members(group_id)
        groups.keep_members(organization, group_id, users, read_at)
        for pk in people if users is not None else ():
            inside = {group_field(group_id): members[pk].user_id in users}  # type: ignore[operator]
            members[pk] = replace(members[pk], settings={**members[pk].settings, **inside})


def add_pins(provider: MembershipProvider, members: Members, concerned: Iterable[str]) -> None:
    """Say of these members which views they have pinned. One call each."""
    found = provider.pinned_views([pk for pk in dict.fromkeys(concerned) if pk in members])
    for pk, pins in found.items():
        members[pk] = replace(members[pk], settings={**members[pk].settings, PINS: pins})


def pinners(rows: Iterable[Row]) -> list[str]:
    """The members whose pinned views these rows are about."""
    return [row.member_id for row in rows if PINS in row.wanted]


def add_apps(provider: MembershipProvider, members: Members, rows: Iterable[Row]) -> None:
    """Say of these rows' members which of the apps they are to be given they have. What else they have isn't told."""
    wanted = {
        row.member_id: apps
        for row in rows
        if row.action is Action.CHANGE and isinstance(apps := row.wanted.get(APPS), tuple)
    }
    if not wanted:
        return
    held = provider.apps([pk for pk in wanted if pk in members])
    for pk, apps in held.items():
        there = {APPS: those_held(wanted[pk], apps)}
        members[pk] = replace(members[pk], settings={**members[pk].settings, **there})


def shown_by(answer: Answer, row: Row, members: Mapping[str, Member]) -> Subject | None:
    """The subject of a row as the answer to its call shows it; None when the answer is about something else."""
    match answer:
        case Member(id=pk) if row.kind is Kind.MEMBER and row.member_id in ("", pk):
            known = members.get(pk, answer)
            # All there is of metadata is in the answer; groups and pinned views are not.
            others = {name: value for name, value in known.settings.items() if not metadata_key(name)}
            return replace(
                known,
                role_id=answer.role_id,
                status=answer.status,
                can_manage=answer.can_manage,
                settings={**others, **answer.settings},
            )
        case Item(kind=Kind.MEMBER, id=pk) if row.member_id == pk and pk in members:
            return replace(members[pk], settings={**members[pk].settings, **answer.values})
        case Item(kind=kind, id=pk) if kind is row.kind and row.item_id in ("", pk):
            return answer
        case _:
            return None


def items(
    provider: MembershipProvider,
    organization: Organization,
    rows: Iterable[Row],
    roles: Mapping[str, Role],
    beat: Callable[[], object] = lambda: None,
    *,
    moved: bool = False,
) -> dict[tuple[Kind, str], Item]:
    """Everything of the kinds that these rows are about: all roles, all groups, the tasks and opportunities named.

    A group that is to be deleted is read with its members. `moved`: the rows are done, and are to be taken back.
    """
    by_kind: defaultdict[Kind, list[Row]] = defaultdict(list)
    for row in rows:
        by_kind[row.kind].append(row)
    found: dict[tuple[Kind, str], Item] = {}
    if Kind.ROLE in by_kind:
        found |= {(Kind.ROLE, role.id): role_item(role) for role in roles.values()}
    if Kind.GROUP in by_kind:
        beat()
        found |= {(Kind.GROUP, group.id): group for group in provider.groups()}
        for row in by_kind[Kind.GROUP]:
            if row.action is Action.DELETE or (moved and row.action is Action.CREATE):
                _add_members(provider, organization, found, row.item_id)
    for kind in WORK:
        if its_rows := by_kind.get(kind):
            beat()
            edits = [edit for row in its_rows for edit in row.edits if edit.field == OWNER]
            owners = {str(edit.after if moved else edit.before) for edit in edits}
            found |= provider.find_work(kind, [row.item_id for row in its_rows], owners)
    return found


def _add_members(
    provider: MembershipProvider,
    organization: Organization,
    found: dict[tuple[Kind, str], Item],
    group_id: str,
) -> None:
    """Say of a group who is in it: that is lost when it is deleted."""
    if (group := found.get((Kind.GROUP, group_id))) is None:
        return
    read_at = timezone.now()
    users = provider.group_members(group_id)
    groups.keep_members(organization, group_id, users, read_at)
    if users is None:
        del found[Kind.GROUP, group_id]
    else:
        found[Kind.GROUP, group_id] = replace(group, values={**group.values, MEMBERS: tuple(sorted(users))})


def situation(
    provider: MembershipProvider,
    connection: Connection,
    roles: Mapping[str, Role],
    rows: Sequence[Row],
    *,
    sent: Sequence[Row],
    beat: Callable[[], object],
) -> Situation:
    """Everything these rows are judged by, read now; the mirror is brought up to date.

    Of pinned views and apps, which cost calls of their own, only those of rows that were `sent`. Raises ProviderError.
    """
    organization = connection.organization
    live = provider.roster()
    roster.keep(organization, live, outside.trace(provider, organization, live))
    members = dict(live.members)
    found = items(provider, organization, rows, roles, beat)
    changing = [row for row in rows if row.action is Action.CHANGE]
    concerned = [row.member_id for row in changing]
    add_groups(provider, organization, members, group_ids(changing), concerned, beat)
    if waiting := pinners(sent):
        beat()
        add_pins(provider, members, waiting)
    if any(APPS in row.wanted for row in sent):
        beat()
        add_apps(provider, members, sent)
    return Situation(
        replace(live, members=members),
        roles,
        connection.user_id,
        settings.MINIMUM_MANAGERS,
        found,
        provider.capabilities.manage_permission_name,
        connection.actor.email,
    )
