"""Somebody leaves: what they still hold, and one plan that hands it over before they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from memberships.domain import guards
from memberships.domain import proposals as domain
from memberships.domain.guards import Situation
from memberships.domain.items import Item, Kind
from memberships.domain.people import Member, group_field
from memberships.domain.plan import Action, Verdict
from memberships.models import Connection, MirroredMember, Organization, Plan

from . import current, details, groups, reads
from .connections import address, capabilities, provider_for
from .storing import Note, store
from .wording import still_open
from .work import open_work, to_hand_over

_KEPT_S = 300


@dataclass(frozen=True, slots=True)
class Holdings:
    """What one person has. `tasks` are the open ones by sort, the most first; of views only the number is told."""

    tasks: tuple[tuple[str, int], ...]
    opportunities: int
    numbers: tuple[str, ...]
    groups: tuple[str, ...]
    pinned_views: int
    read_at: datetime

    @property
    def task_count(self) -> int:
        return sum(number for _, number in self.tasks)


class NotPossible(Exception):
    """A sentence on why this person can't be made to leave."""


class Undecided(Exception):
    """There is work, or somebody to take it, that nothing is decided about. `problems`: a sentence by kind of work."""

    def __init__(self, problems: Mapping[Kind, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


# What they hold


def holdings(connection: Connection, member: MirroredMember) -> Holdings:
    """Kept five minutes, or until something is sent about them. Raises ProviderError."""
    if found := known_holdings(connection, member):
        return found
    provider, read_at = provider_for(connection), timezone.now()
    work = open_work(provider, member.user_id)
    found = Holdings(
        tasks=_by_sort(item for item in work if item.kind is Kind.TASK),
        opportunities=sum(item.kind is Kind.OPPORTUNITY for item in work),
        numbers=tuple(name for _, name in provider.numbers(member.user_id)),
        groups=tuple(_groups(connection, member.user_id).values()),
        pinned_views=len(provider.pinned_views([member.remote_id])[member.remote_id]),
        read_at=read_at,
    )
    cache.set(_key(connection, member.remote_id), found, _KEPT_S)
    return found


def known_holdings(connection: Connection, member: MirroredMember) -> Holdings | None:
    found: Holdings | None = cache.get(_key(connection, member.remote_id))
    return None if found and details.sent_since(connection, member.remote_id, found.read_at) else found


def forget_holdings(connection: Connection, member_id: str) -> None:
    """They are asked for anew."""
    cache.delete(_key(connection, member_id))


def _key(connection: Connection, member_id: str) -> str:
    return f"holdings:{connection.pk}:{member_id}"


def _by_sort(tasks: Iterable[Item]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(item.sort or item.kind.value.capitalize() for item in tasks).most_common())


def _groups(connection: Connection, user_id: str) -> dict[str, str]:
    """The groups somebody is in: names by id. Read again when the mirror of groups is old: one call a group."""
    organization = connection.organization
    if groups.freshness(organization).stale:
        groups.read(provider_for(connection), organization)
    return {g.remote_id: g.name for g in groups.everything(organization) if user_id in g.user_ids}


def to_dos(organization: Organization) -> list[tuple[str, str, str]]:
    """What nothing here can do: a sentence, and the name and address of where it is done."""
    return [
        (to_do.text, to_do.link, address(organization, to_do.path))
        for to_do in capabilities(organization).leaving_to_dos
    ]


# The plan


def why_not(connection: Connection, member: MirroredMember) -> str:
    """Why this person can't be made to leave, as far as the mirror tells; empty when nothing speaks against it."""
    if not member.member().active:
        return "They have left already: their membership is inactive."
    if member.user_id == connection.user_id:
        return "That is you: someone else has to take you out of the organization."
    managers = connection.organization.members.filter(can_manage=True, status=member.status)
    if member.can_manage and managers.count() <= settings.MINIMUM_MANAGERS:
        return guards.too_few(settings.MINIMUM_MANAGERS)
    return ""


def propose(
    connection: Connection,
    member_id: str,
    takers: Mapping[Kind, str],
    *,
    role_id: str = "",
    leave_groups: bool = True,
    **note: Unpack[Note],
) -> Plan:
    """Plan in four stages, from what is true now: work moves, the role is lowered, groups are left, then they go.

    `takers` are membership ids; the leaver's own means that this kind of work stays with them. Without `role_id` the
    role stays as it is. Raises NotPossible, Undecided, ProviderError or NotAllowed.
    """
    live = current.read(connection)
    member = live.roster.members.get(member_id)
    if member is None or not member.active:
        raise NotPossible("They have left already: their membership is inactive.")
    if role_id and (role_id not in live.roles or live.roles[role_id].can_manage):
        raise NotPossible(
            "The role you chose is gone, or can manage the organization by now: choose another."
        )
    provider = provider_for(connection)
    work = open_work(provider, member.user_id)
    chosen = {kind: live.roster.members.get(pk) for kind, pk in takers.items() if pk}
    if problems := _undecided(work, chosen, member):
        raise Undecided(problems)
    user_ids = {kind.value: taker.user_id for kind, taker in chosen.items() if taker}
    group_ids: list[str] = []
    if leave_groups:
        members, group_ids = {member_id: member}, list(_groups(connection, member.user_id))
        reads.add_groups(provider, connection.organization, members, group_ids, [member_id])
        member = members[member_id]
    rows = domain.leaving(
        member,
        work=to_hand_over(work, member, user_ids),
        takers={kind: taker for kind, taker in chosen.items() if taker},
        role_id=role_id,
        group_ids=[pk for pk in group_ids if member.value(group_field(pk))],
    )
    now = Situation(live.roster, live.roles, connection.user_id, settings.MINIMUM_MANAGERS)
    for row in guards.review(rows, now):
        if row.action is Action.DEACTIVATE and row.verdict is Verdict.BLOCKED:
            raise NotPossible(row.reason)
    note["title"] = f"Leaving: {member.name or member.email}"
    return store(connection, Plan.Kind.LEAVE, rows, live, user_ids, **note)


def _undecided(work: Iterable[Item], chosen: Mapping[Kind, Member | None], leaver: Member) -> dict[Kind, str]:
    """By kind of work, what is wrong with who was chosen to take it."""
    problems = {}
    for kind, taker in chosen.items():
        if taker is None:
            problems[kind] = "They are no longer in the organization: choose somebody else."
        elif not taker.active:
            problems[kind] = f"{taker.name or taker.email} is not active any more: choose somebody else."
    for kind, number in Counter(item.kind for item in work).items():
        if kind not in chosen:
            name = leaver.name or leaver.email
            problems[kind] = (
                f"{name} has {still_open(number, kind)}: say who takes them over, or leave them with {name}."
            )
    return problems
