"""Keeping a plan: its rows pass every guard on the way, and it carries all names that its review and receipt say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NotRequired, TypedDict, Unpack

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from memberships.domain import guards
from memberships.domain.guards import Situation
from memberships.domain.people import Value
from memberships.domain.plan import Row, Verdict, fingerprint
from memberships.domain.rails import NO_RAILS, Rails
from memberships.models import Connection, Job, Plan, PlanRow
from memberships.providers import FieldKind

from . import details, groups, pins, quota, reads, wording
from .connections import capabilities
from .current import Live


class NothingLeft(Exception):
    """A sentence on why there is no plan to make."""


class Note(TypedDict):
    """What is kept with every plan: why, and through which door it came. `title` says what it does."""

    reason: str
    channel: str
    title: NotRequired[str]


# Of those in a file who need no change, so many are listed.
_ALREADY_LISTED = 200


def titled(note: Note, title: str) -> Note:
    return {**note, "title": note.get("title") or title}


def store(
    connection: Connection,
    kind: Plan.Kind,
    rows: Sequence[Row],
    live: Live,
    wanted: Mapping[str, Value] | None = None,
    *,
    origin: Job | None = None,
    source: str = "",
    rails: Rails = NO_RAILS,
    unchanged: int = 0,
    **note: Unpack[Note],
) -> Plan:
    """Pass the rows through the guards and keep them as a plan. From a file, of that name, it says what they do.

    Raises NothingLeft when `rails` forbid it.
    """
    its_capabilities = capabilities(connection.organization)
    now = Situation(
        live.roster,
        live.roles,
        connection.user_id,
        max(settings.MINIMUM_MANAGERS, rails.minimum_managers),
        live.items,
        its_capabilities.manage_permission_name,
        connection.actor.email,
    )
    rows = guards.review(rails.held(rows, now), now)
    if reason := rails.broken(rows, now):
        raise NothingLeft(reason)
    rows = pins.cautioned(connection, rows, live.roster.members)
    rows = quota.within(connection.organization, rows)
    brake = guards.brake(rows, now)
    unlisted = 0
    if kind in (Plan.Kind.FILE, Plan.Kind.DRIFT):
        rows, unlisted = _listed(rows)
        note = titled(note, wording.deeds(rows, its_capabilities, source))
    # What an earlier plan knew by name may be gone by now.
    names = {**(origin.plan.names if origin else {}), **names_in(connection, live, rows)}
    created_at = timezone.now()
    with transaction.atomic():
        plan = Plan.objects.create(
            organization=connection.organization,
            connection=connection,
            person=connection.person,
            token=connection.token,
            kind=kind,
            origin=origin,
            wanted=dict(wanted or {}),
            title=note.get("title", "")[:400],
            names=names,
            unlisted=unlisted + unchanged,
            reason=note["reason"],
            channel=note["channel"],
            fingerprint=fingerprint(connection.organization.remote_id, rows),
            brake_number=brake.number if brake else 0,
            brake_reasons=list(brake.reasons) if brake else [],
            gives_power=guards.gives_power(rows, now),
            minimum_managers=rails.minimum_managers,
            created_at=created_at,
            expires_at=created_at + timedelta(seconds=settings.PLAN_EXPIRES_S),
        )
        stored = (PlanRow.of(plan, position, row) for position, row in enumerate(rows))
        PlanRow.objects.bulk_create(stored, batch_size=1000)
    return plan


def _listed(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """The rows to keep of a file with everyone in it, and how many people more are as it wants them."""
    so = [number for number, row in enumerate(rows) if row.verdict is Verdict.ALREADY]
    left_out = set(so[_ALREADY_LISTED:])
    return [row for number, row in enumerate(rows) if number not in left_out], len(left_out)


def names_in(connection: Connection, live: Live, rows: Iterable[Row]) -> dict[str, str]:
    """How everything is called that rows name by its id."""
    rows = list(rows)
    fields = {edit.field for row in rows for edit in row.edits}
    kinds = {capabilities(connection.organization).field(name).kind for name in fields}
    found: dict[str, str] = {}
    if reads.group_ids(rows):
        known = {group.remote_id: group.name for group in groups.everything(connection.organization)}
        found |= {pk: known[pk] for pk in reads.group_ids(rows) if pk in known}
    if FieldKind.PERSON in kinds:
        people = {m.user_id: m.name or m.email for m in live.roster.members.values()}
        owners = {str(value) for row in rows for edit in row.edits for value in (edit.before, edit.after)}
        found |= {pk: people[pk] for pk in owners if pk in people}
        found |= {m.id: m.name or m.email for m in live.found([row.member_id for row in rows])}
    if FieldKind.VIEWS in kinds:
        found |= {view.id: view.name for view in details.views(connection)}
    if FieldKind.PROFILE in kinds:
        found |= dict(live.roster.names) | dict(details.profiles(connection))
    if FieldKind.NAMED in kinds:
        found |= dict(details.role_choices_if_told(connection) or ())
    return found
