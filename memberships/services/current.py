"""What is true now, read from the provider for a plan that is being made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched

from memberships.domain.items import Item, Items, Kind, role_item
from memberships.domain.people import Member, Roster, group_field
from memberships.domain.plan import Action, Row, Verdict
from memberships.models import Connection

from . import groups, reads, roster
from .connections import NotAllowed, capabilities, provider_for
from .patience import patiently

# So few that being asked to wait repeats little.
_PINS_AT_ONCE = 40


class Gone(Exception):
    """What the plan should be about is not there any more."""


@dataclass(frozen=True, slots=True)
class Live(roster.Live):
    """What was read just now; besides roles, `items` are only there when a plan is about them."""

    items: Items

    def found(self, member_ids: Sequence[str]) -> list[Member]:
        members = self.roster.members
        return [members[pk] for pk in dict.fromkeys(member_ids) if pk in members]

    def missing(self, member_ids: Iterable[str]) -> list[Row]:
        """Those who are not there any more are said, not left out."""
        gone = [pk for pk in dict.fromkeys(member_ids) if pk not in self.roster.members]
        row = Row(Action.CHANGE, Verdict.BLOCKED, reason="Is no longer in the organization.")
        return [replace(row, member_id=pk, name=pk) for pk in gone]

    def item(self, kind: Kind, item_id: str) -> Item:
        """Raises Gone."""
        if (kind, item_id) not in self.items:
            raise Gone
        return self.items[kind, item_id]


def read(connection: Connection) -> Live:
    """Everyone and all roles. Raises ProviderError, and NotAllowed for somebody who may no longer manage."""
    now = roster.read(connection)
    me = now.roster.of_user(connection.user_id)
    if me is None or not (me.active and me.can_manage):
        permission = capabilities(connection.organization).manage_permission
        raise NotAllowed(str(connection.organization), permission)
    return Live(now.roster, now.roles, {(Kind.ROLE, role.id): role_item(role) for role in now.roles.values()})


def detailed(connection: Connection, live: Live, rows: Sequence[Row]) -> dict[str, Member]:
    """Everyone; of those the rows are about also the groups and pinned views that the rows are about."""
    provider, members = provider_for(connection), dict(live.roster.members)
    concerned = [row.member_id for row in rows]
    reads.add_groups(provider, connection.organization, members, reads.group_ids(rows), concerned)
    if pinners := reads.pinners(rows):
        reads.add_pins(provider, members, pinners)
    return members


def closely(
    connection: Connection,
    *,
    with_groups: bool = False,
    pins_of: Callable[[Roster], Iterable[str]] | None = None,
) -> Live:
    """As `read`, and also who is in which group and what these members have pinned.

    Groups cost a call each, pinned views one for each person.
    """
    live = patiently(connection, lambda: read(connection))
    provider, members = provider_for(connection), dict(live.roster.members)
    if with_groups:
        patiently(connection, lambda: groups.read(provider, connection.organization))
        its_groups = groups.everything(connection.organization)
        inside = {group_field(group.remote_id): frozenset(group.user_ids) for group in its_groups}
        for pk, member in members.items():
            held = {name: member.user_id in user_ids for name, user_ids in inside.items()}
            members[pk] = replace(member, settings={**member.settings, **held})
    for some in batched(pins_of(live.roster) if pins_of else (), _PINS_AT_ONCE, strict=False):
        patiently(connection, partial(reads.add_pins, provider, members, some))
    return replace(live, roster=replace(live.roster, members=members))


def about(connection: Connection, rows: Sequence[Row], *, done: bool = False) -> Live:
    """All that has to be known to plan these rows again, or to take back what was `done`."""
    live = read(connection)
    changing = [row for row in rows if row.action is Action.CHANGE]
    items = reads.items(provider_for(connection), connection.organization, rows, live.roles, moved=done)
    members = detailed(connection, live, changing)
    return replace(live, roster=replace(live.roster, members=members), items={**live.items, **items})


def with_groups(connection: Connection, live: Live) -> Live:
    found = provider_for(connection).groups()
    return replace(live, items={**live.items, **{(Kind.GROUP, group.id): group for group in found}})


def with_known_groups(connection: Connection, live: Live) -> Live:
    """Everyone who left, with the groups they are in as far as the mirror knows: to be compared when they are back."""
    known = groups.everything(connection.organization)
    members = {
        pk: replace(
            member,
            settings={
                **member.settings,
                **{group_field(g.remote_id): True for g in known if member.user_id in g.user_ids},
            },
        )
        if not member.active
        else member
        for pk, member in live.roster.members.items()
    }
    return replace(live, roster=replace(live.roster, members=members))
