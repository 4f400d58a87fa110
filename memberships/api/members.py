"""The list of people."""

from __future__ import annotations

from functools import partial

from msgspec import UNSET

from memberships.domain.listing import Query
from memberships.domain.people import ROLE
from memberships.models import MirroredMember, Scope
from memberships.providers.errors import NotSent
from memberships.services import roster
from memberships.services.connections import capabilities
from memberships.services.wording import Words

from .operations import Caller, operation
from .paging import paged
from .shapes import Member, Members, MembersQuery, Named


@operation("GET", "/members", scope=Scope.READ)
def list_members(caller: Caller, query: MembersQuery) -> Members:
    """List people

    As they were last read from the provider, filtered and sorted like the members page. When that was too long ago,
    they are read again behind the answer.
    """
    organization = caller.organization
    if organization.roster_read_at is None:
        roster.read(caller.connection)
        organization.refresh_from_db()
    elif roster.freshness(organization).due and roster.claim_refresh(organization):
        roster.refresh_roster.enqueue(caller.connection.pk)
    if organization.roster_read_at is None:
        raise NotSent("Nobody has been read yet.")
    roles = roster.roles(organization)
    asked = Query(
        query.q,
        query.role,
        "" if query.status is UNSET else query.status,
        query.sort,
        query.power is not UNSET,
    )
    shown = partial(_member, caller, Words(capabilities(organization), roles, organization.names))
    return paged(
        Members,
        roster.members(organization, asked, roles),
        query,
        shown,
        as_of=organization.roster_read_at,
        stale=roster.freshness(organization).stale,
    )


def _member(caller: Caller, words: Words, row: MirroredMember) -> Member:
    member = row.member()
    return Member(
        member.id,
        member.email,
        member.name,
        member.first_name,
        member.last_name,
        Named(member.role_id, words.value(ROLE, member.role_id)),
        member.status,
        member.can_manage,
        member.owner,
        {name: list(value) if isinstance(value, tuple) else value for name, value in member.settings.items()},
        caller.page("member", member.id),
    )
