"""What the commands do: each run stands in the audit log, and nothing is sent before `apply`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import transaction

from memberships.domain.guards import Situation
from memberships.domain.items import Kind
from memberships.domain.people import PINS, Role
from memberships.domain.plan import Verdict
from memberships.domain.reading import is_stale
from memberships.domain.wishes import Fault
from memberships.models import Connection, Job, Outcome, Plan, PlanRow

from . import audit, current, jobs, plans, reads, roster
from .connections import capabilities, provider_for
from .jobs import Progress
from .patience import patiently
from .printing import Report
from .rosterfile import comparison, document, dump
from .rosterfile import plans as file_plans
from .rosterfile.comparison import Comparison
from .storing import names_in
from .wording import Words

_POLL_S = 0.5


class Faulty(Exception):
    """What can't be used of a file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("Correct these first; nothing was planned.")
        self.faults = faults


class Moved(Exception):
    """The world isn't any more as it was when the plan was made: a sentence for each person."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("What the plan was made on has changed since. Nothing was sent; plan again.")
        self.sentences = sentences


def noted(connection: Connection, command: str) -> None:
    """Every run stands in the audit log, whatever becomes of it."""
    with transaction.atomic():
        audit.record(connection.organization, [audit.command_run(connection, command)])


def dumped(connection: Connection, *, with_groups: bool, with_pins: bool) -> Iterator[str]:
    """The roster file of everybody, as of now."""
    live, writer = comparison.known(
        connection, with_groups=with_groups, pins_of=comparison.everybody if with_pins else None
    )
    return dump.dumped(writer, connection.organization, live.roster.members.values())


def compared(connection: Connection, data: bytes) -> Comparison:
    """A file set against what is true now. Raises Unreadable and Faulty."""
    file = comparison.read(connection.organization, document.decoded(data))
    found = comparison.compare(connection, file)
    if found.faults:
        raise Faulty(found.faults)
    return found


def drift(connection: Connection, found: Comparison) -> Report:
    """What differs from the file; nothing is kept."""
    rows, live = file_plans.rows(connection, found)
    names = names_in(connection, live, rows)
    where = f"What differs from the file in {_where(connection)}."
    return Report(
        where,
        rows,
        _words(connection, live.roles, names),
        found.absent,
        prune=found.file.prune,
        rest=found.unchanged,
    )


def plan(connection: Connection, found: Comparison, *, source: str, reason: str) -> Report:
    """The plan that makes everybody as the file says. Raises NothingLeft when the file's own rails forbid it."""
    wanted = file_plans.wishes(found)
    kept = file_plans.plan(
        connection, found, wanted, source=source, reason=reason, channel=audit.CHANNEL_COMMAND
    )
    return report(kept, found)


def report(its_plan: Plan, found: Comparison | None = None) -> Report:
    rows = [stored.row() for stored in its_plan.rows.order_by("position")]
    changes = any(row.verdict is Verdict.WILL for row in rows)
    return Report(
        f"Plan for {_where(its_plan.connection)}.",
        rows,
        _words(its_plan.connection, roster.roles(its_plan.organization), its_plan.names),
        found.absent if found else (),
        prune=bool(found and found.file.prune),
        rest=its_plan.unlisted,
        plan_id=str(its_plan.pk) if changes else "",
        confirm=its_plan.brake_number,
        confirm_reasons=its_plan.brake_reasons,
    )


def _where(connection: Connection) -> str:
    organization = connection.organization
    return f"{organization} ({organization.remote_id}) at {capabilities(organization).label}"


def _words(connection: Connection, roles: dict[str, Role], names: dict[str, str]) -> Words:
    return Words(capabilities(connection.organization), roles, names)


# Applying


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a plan. `left` are the rows that are not done, each with why."""

    progress: Progress
    left: list[PlanRow]
    note: str

    @property
    def whole(self) -> bool:
        return self.progress.done == self.progress.total


def start(its_plan: Plan, connection: Connection, *, confirm: str) -> Job:
    """Start a plan that still fits what is true now, or take up its job again.

    Raises Moved, CannotApply, NotAllowed and ProviderError.
    """
    job = Job.objects.filter(plan=its_plan).select_related("connection", "person").first()
    if job is None:
        patiently(connection, lambda: current.read(connection))
        if sentences := moved(its_plan, connection):
            raise Moved(sentences)
        return plans.apply(
            its_plan,
            connection,
            fingerprint=its_plan.fingerprint,
            typed=confirm,
            # Nobody can sign in here: what lets somebody manage the organization takes its number instead.
            proof=plans.Unattended.NUMBER_TYPED,
            channel=audit.CHANNEL_COMMAND,
        )
    if (job.connection, job.person) != (connection, connection.person):
        raise plans.CannotApply(
            f"This plan was applied by {job.by.name or job.by.email}: it is theirs to go on with."
        )
    jobs.resume(connection)
    return job


def moved(its_plan: Plan, connection: Connection) -> list[str]:
    """What isn't any more as it was when the plan was made, a sentence for each row. Raises ProviderError."""
    rows = [stored.row() for stored in plans.rows(its_plan, Verdict.WILL)]
    provider = provider_for(connection, patient=True)
    roles = roster.roles(connection.organization)
    pinning = [row for row in rows if PINS in row.wanted]

    def read() -> Situation:
        return reads.situation(provider, connection, roles, rows, sent=pinning, beat=lambda: None)

    now = patiently(connection, read)
    words, by_email = _words(connection, roles, its_plan.names), now.roster.by_email()
    found = []
    # What is planned for later is about what earlier rows will have made.
    for row in [row for row in rows if not row.stage]:
        person = now.roster.members.get(row.member_id) or by_email.get(row.email)
        subject = person if row.kind is Kind.MEMBER else now.item(row)
        if is_stale(row, subject):
            found.append(f"{row.name or row.email}: {words.stale(row, subject)}")
    return found


def follow(job: Job, tell: Callable[[Progress, str], bool]) -> Receipt:
    """Be the worker of this job until its end. `tell` hears how far it is, and whether it waits; True asks it to stop.

    A worker process may be quicker; then this looks on.
    """

    def watch(note: str = "") -> None:
        if tell(jobs.progress(job), note):
            jobs.stop(job)

    while True:
        jobs.run(job.pk, watch)
        job.refresh_from_db()
        if job.state in (Job.State.FINISHED, Job.State.PAUSED):
            break
        watch(job.note)
        time.sleep(min(_POLL_S, jobs.waits_s(job) or _POLL_S))
    will = job.plan.rows.filter(verdict=Verdict.WILL).order_by("position")
    left = list(will.exclude(outcome=Outcome.DONE))
    return Receipt(jobs.progress(job), left, job.note)
