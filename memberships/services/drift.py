"""How far what is true is from the roster file kept here: looked at by hand or by the clock, applied by neither."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Unpack

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.tasks import task
from django.utils import timezone

from memberships.domain.items import Kind
from memberships.domain.plan import Action, Edit, Row, Verdict
from memberships.domain.wishes import Fault
from memberships.models import Connection, DriftWatch, Organization, Plan, RosterFile, scope
from memberships.models.plans import as_value
from memberships.providers.errors import ProviderError

from . import audit, permission
from .configuration import is_served
from .connections import NotAllowed, capabilities
from .rosterfile import comparison, document, edits
from .rosterfile import plans as file_plans
from .rosterfile.comparison import Comparison
from .storing import Note, NothingLeft, names_in

HOURS = (1, 6, 24, 168)
"""How often it may be looked at by itself."""

_BROKE_OFF = (
    "It broke off for a reason that only this installation's log tells. Check again, or ask whoever runs it."
)


class NoFile(Exception):
    """There is no roster file to work with."""


# The file


def file_of(organization: Organization) -> RosterFile | None:
    """The version that counts: the newest."""
    return RosterFile.objects.filter(organization=organization).order_by("-number").first()


def versions(organization: Organization, most: int = 20) -> list[RosterFile]:
    found = RosterFile.objects.filter(organization=organization).defer("text")
    return list(found.order_by("-number")[:most])


def version(organization: Organization, number: int) -> RosterFile | None:
    return RosterFile.objects.filter(organization=organization, number=number).first()


def upload(connection: Connection, data: bytes) -> RosterFile:
    """Keep a file as the newest version. Raises Unreadable."""
    text = document.decoded(data)
    comparison.read(connection.organization, text)
    return _keep(connection, text, RosterFile.Origin.UPLOADED)


def _keep(connection: Connection, text: str, origin: RosterFile.Origin, note: str = "") -> RosterFile:
    organization, by = connection.organization, connection.actor
    with transaction.atomic():
        Organization.objects.select_for_update().get(pk=organization.pk)
        last = RosterFile.objects.filter(organization=organization).aggregate(last=Max("number"))["last"] or 0
        file = RosterFile.objects.create(
            organization=organization,
            number=last + 1,
            text=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            origin=origin,
            by_id=by.user_id,
            by_name=by.name or by.email,
            created_at=timezone.now(),
        )
        entry = audit.roster_file(connection, f"roster_file.{origin}", str(file).capitalize(), text=note)
        audit.record(organization, [entry])
    return file


# Looking


@dataclass(frozen=True, slots=True)
class Difference:
    """One person who isn't as the file says. `key` is the membership id, or the address of somebody who isn't here."""

    key: str
    name: str
    email: str
    member_id: str
    rows: tuple[Row, ...] = ()
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What differed when it was last looked at. `names` are those of groups, views and people in the rows."""

    differences: tuple[Difference, ...] = ()
    faults: tuple[Fault, ...] = ()
    names: Mapping[str, str] | None = None
    unchanged: int = 0
    prune: bool = False


def watch_of(organization: Organization) -> DriftWatch:
    watch, _ = DriftWatch.objects.select_related("file").get_or_create(organization=organization)
    return watch


def found(watch: DriftWatch) -> Found:
    kept = watch.found
    by_key: dict[str, list[Row]] = {}
    for stored in kept.get("rows", ()):
        row = _restored(stored)
        by_key.setdefault(row.member_id or row.email or row.name, []).append(row)
    differing = [
        Difference(key, rows[0].name, rows[0].email, rows[0].member_id, tuple(rows))
        for key, rows in by_key.items()
    ]
    differing += [Difference(pk, name, email, pk, absent=True) for pk, email, name in kept.get("absent", ())]
    return Found(
        tuple(differing),
        tuple(Fault(*fault) for fault in kept.get("faults", ())),
        kept.get("names"),
        kept.get("unchanged", 0),
        kept.get("prune", False),
    )


def start(connection: Connection) -> None:
    """Have it looked at behind the page, unless somebody does that already."""
    watch = watch_of(connection.organization)
    if _claim(watch):
        check_drift.enqueue(watch.pk, connection.pk, _person_pk(connection), audit.CHANNEL_SCREEN)


def checking(watch: DriftWatch) -> bool:
    return watch.checking_until is not None and watch.checking_until > timezone.now()


def _claim(watch: DriftWatch) -> bool:
    now = timezone.now()
    free = Q(checking_until=None) | Q(checking_until__lt=now)
    until = now + timedelta(seconds=settings.LEASE_S)
    return DriftWatch.objects.filter(free, pk=watch.pk).update(checking_until=until) > 0


@task
def check_drift(watch_pk: int, connection_pk: int, person_pk: int | None, channel: str) -> None:
    """A look behind the page, in this connection's name."""
    with _claimed(watch_pk):
        watch = DriftWatch.objects.select_related("organization").get(pk=watch_pk)
        related = Connection.objects.select_related("organization", "added_by")
        connection = related.get(pk=connection_pk)
        connection.person = related.get(pk=person_pk) if person_pk else None
        connection.patient = True
        _check(watch, connection, channel)


@contextmanager
def _claimed(watch_pk: int) -> Iterator[None]:
    """Whatever breaks a look off, the next one may begin, and the page says that this one came to nothing."""
    try:
        yield
    except Exception:
        DriftWatch.objects.filter(pk=watch_pk).update(checking_until=None, error=_BROKE_OFF)
        raise


def _check(watch: DriftWatch, connection: Connection, channel: str) -> None:
    """Set the newest version against what is true now, and keep what differs; what goes wrong is kept, too."""
    organization = connection.organization
    file = file_of(organization)
    if file is None:
        DriftWatch.objects.filter(pk=watch.pk).update(checking_until=None)
        return
    result: dict[str, Any] = {"error": "", "checking_until": None}
    many = organization.drift_number
    try:
        if not permission.access(connection).allowed:
            raise NotAllowed(str(organization), capabilities(organization).manage_permission)
        compared = comparison.compare(connection, comparison.read(organization, file.text))
        kept, many = _differing(connection, compared)
    except NotAllowed as error:
        result["error"] = f"{error.permission} is missing in {error.organization}."
    except (ProviderError, document.Unreadable) as error:
        result["error"] = str(error)[:300]
    else:
        result |= {"found": kept, "file": file, "checked_at": timezone.now()}
    with transaction.atomic():
        DriftWatch.objects.filter(pk=watch.pk).update(**result)
        Organization.objects.filter(pk=organization.pk).update(drift_number=many)
        text = result["error"] or ("1 person differs" if many == 1 else f"{many:,} people differ")
        entry = audit.roster_file(
            connection, "roster_file.checked", str(file).capitalize(), text=text, channel=channel
        )
        audit.record(organization, [entry])


def _differing(connection: Connection, compared: Comparison) -> tuple[dict[str, Any], int]:
    """What is kept of a look, and how many people differ."""
    rows, live = file_plans.rows(connection, replace(compared, absent=()))
    rows = [row for row in rows if row.verdict is not Verdict.ALREADY]
    absent = [[m.id, m.email, m.name] for m in compared.absent]
    kept = {
        "rows": [asdict(row) for row in rows],
        "absent": absent,
        "faults": [[fault.line, fault.who, fault.reason] for fault in compared.faults],
        "names": names_in(connection, live, rows),
        "unchanged": compared.unchanged,
        "prune": compared.file.prune,
    }
    return kept, len({row.member_id or row.email or row.name for row in rows}) + len(absent)


def _restored(stored: Mapping[str, Any]) -> Row:
    """A row as it comes back from JSON."""
    its_edits = tuple(Edit(e["field"], as_value(e["before"]), as_value(e["after"])) for e in stored["edits"])
    known = {name: value for name, value in stored.items() if name not in ("edits", "kept")}
    known |= {
        "action": Action(stored["action"]),
        "verdict": Verdict(stored["verdict"]),
        "kind": Kind(stored["kind"]),
    }
    return Row(**known, edits=its_edits)


# By the clock


def schedule(connection: Connection, hours: int) -> None:
    """Look every so many hours, in this person's name; 0 ends it."""
    organization, watch = connection.organization, watch_of(connection.organization)
    with transaction.atomic():
        DriftWatch.objects.filter(pk=watch.pk).update(
            every_hours=hours,
            connection=connection if hours else None,
            person=connection.person if hours else None,
            next_at=timezone.now() + timedelta(hours=hours) if hours else None,
        )
        text = f"Every {hours} hours" if hours > 1 else "Every hour" if hours else "Off"
        audit.record(
            organization, [audit.roster_file(connection, "roster_file.scheduled", "Drift", text=text)]
        )


def schedules(connection: Connection) -> QuerySet[DriftWatch]:
    """Those that rest once this connection is given back, wherever it is used."""
    with scope.everyone():
        mine = DriftWatch.objects.filter(Q(connection=connection) | Q(person=connection), every_hours__gt=0)
    return mine.select_related("organization").order_by("pk")


def is_orphaned(watch: DriftWatch) -> bool:
    """Was it set up by somebody who isn't connected any more?"""
    return bool(watch.every_hours) and not _is_connected(watch)


def sweep() -> None:
    """Offer what is due. In whose name it was set up, and nobody else's."""
    now = timezone.now()
    due = DriftWatch.objects.filter(every_hours__gt=0, next_at__lte=now)
    for watch in due.select_related("connection", "person", "organization__parent"):
        following = now + timedelta(hours=watch.every_hours)
        mine = DriftWatch.objects.filter(pk=watch.pk, next_at=watch.next_at)
        by = watch.connection if _is_connected(watch) else None
        if mine.update(next_at=following) and by is not None and _claim(watch):
            check_drift.enqueue(watch.pk, by.pk, watch.person_id, audit.CHANNEL_SCHEDULE)


def _is_connected(watch: DriftWatch) -> bool:
    people = [one for one in (watch.connection, watch.person) if one is not None]
    home = watch.organization.parent or watch.organization
    return bool(people) and is_served(home.remote_id) and all(one.usable for one in people)


def _person_pk(connection: Connection) -> int | None:
    return connection.person.pk if connection.person else None


# Going on from there

_ONLY_REPORTED = "Who isn't in the file is only reported: with “prune: true” in it, they would leave."
_PRUNES_LATER = (
    "Who isn't in the file would leave by “prune: true”, but not as long as lines of it can't be used: "
    "correct those first."
)


def revert(connection: Connection, keys: Collection[str], **note: Unpack[Note]) -> Plan:
    """Plan to make these people as the file says. Raises NoFile and NothingLeft.

    Those it doesn't name leave where it says so; elsewhere they are blocked, with the reason.
    """
    file, compared = _compared(connection, keys)
    meant = set(keys)
    wanted = [wish for wish in file_plans.wishes(compared) if (wish.member_id or wish.email) in meant]
    leaving = {wish.member_id for wish in wanted if wish.member_id}
    reported = [m for m in compared.absent if m.id in meant and m.id not in leaving]
    why_not = _PRUNES_LATER if compared.file.prune else _ONLY_REPORTED
    if not wanted:
        raise NothingLeft(why_not if reported else "They are as the file says by now.")
    compared = replace(compared, unchanged=0)
    source = f"the roster file, {file}"
    faults = [Fault(0, m.name or m.email, why_not) for m in reported]
    return file_plans.plan(
        connection, compared, wanted, source=source, kind=Plan.Kind.DRIFT, faults=faults, **note
    )


def adopt(connection: Connection, keys: Sequence[str]) -> RosterFile:
    """Keep a new version of the file that says what is true of these people.

    Raises NoFile, CannotAdopt and NothingLeft.
    """
    organization = connection.organization
    file, compared = _compared(connection, keys)
    text = edits.adopted(file.text, organization.provider, compared, keys)
    if text == file.text:
        raise NothingLeft("They are as the file says by now.")
    count = "1 person" if len(keys) == 1 else f"{len(keys):,} people"
    kept = _keep(connection, text, RosterFile.Origin.ADOPTED, f"What is true of {count}")
    _forget(organization, kept, keys)
    start(connection)
    return kept


def _compared(connection: Connection, keys: Collection[str]) -> tuple[RosterFile, Comparison]:
    """The newest version set against what is true now, read only of these people what costs calls of its own."""
    organization = connection.organization
    file = file_of(organization)
    if file is None:
        raise NoFile
    said = comparison.read(organization, file.text)
    meant = set(keys)
    emails = meant | {m.email for m in organization.members.filter(remote_id__in=meant)}
    of_them = [e for e in said.people if e.email in emails or e.member_id in meant]
    return file, comparison.compare(connection, said, closely=of_them)


def _forget(organization: Organization, file: RosterFile, keys: Collection[str]) -> None:
    """These differ no more: what was found of the others stands."""
    watch = watch_of(organization)
    kept, meant = dict(watch.found), set(keys)
    rows = kept.get("rows", [])
    kept["rows"] = [row for row in rows if (row["member_id"] or row["email"] or row["name"]) not in meant]
    kept["absent"] = [one for one in kept.get("absent", ()) if one[0] not in meant]
    left = {row["member_id"] or row["email"] or row["name"] for row in kept["rows"]}
    many = len(left) + len(kept["absent"])
    with transaction.atomic():
        DriftWatch.objects.filter(pk=watch.pk).update(found=kept, file=file)
        Organization.objects.filter(pk=organization.pk).update(drift_number=many)
