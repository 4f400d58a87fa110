"""The rows of one job and what became of each: all that must survive a crash is written here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils import timezone

from memberships.domain.people import ROLE
from memberships.domain.plan import APPS_STEP, ROLE_STEP, Row, Verdict, at_step
from memberships.models import Cause, Job, Outcome, PlanRow

from . import audit, metrics
from .lease import Lease
from .wording import Words


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a row, and why."""

    outcome: Outcome
    cause: Cause | str = ""
    error: str = ""
    advice: str = ""


UNSETTLED = (Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN)


class Ledger:
    """`stored` are the rows as kept, by primary key; `rows` what each asks for at the step it is at.

    Whatever is written renews the lease in the same transaction: whoever lost it writes nothing.
    """

    def __init__(self, job: Job, lease: Lease, words: Words) -> None:
        self.job = job
        self.lease = lease
        self.words = words
        will = job.plan.rows.filter(verdict=Verdict.WILL).order_by("position")
        self.stored = {row.pk: row for row in will}
        self.rows: dict[int, Row] = {pk: at_step(row.row(), row.step) for pk, row in self.stored.items()}

    def with_outcome(self, outcome: Outcome) -> list[int]:
        return [pk for pk, row in self.stored.items() if row.outcome == outcome]

    def so_far(self, pk: int) -> str:
        """What has to be said of a row that ends halfway."""
        stored = self.stored[pk]
        if not stored.step:
            return ""
        held = stored.via if stored.step == ROLE_STEP else stored.row().wanted.get(ROLE)
        return f"Is back, as {self.words.value(ROLE, held)}. "

    def still_to_come(self, pk: int) -> str:
        """The same of a row that is to go on."""
        left = {ROLE_STEP: "The role is still to be given.", APPS_STEP: "Their apps are still to be given."}
        return self.so_far(pk) + left.get(self.stored[pk].step, "")

    def count(self, **tries: int) -> None:
        Job.objects.filter(pk=self.job.pk).update(**tries)
        for name, number in tries.items():
            setattr(self.job, name, number)

    def put(self, keys: Iterable[int], **fields: object) -> None:
        keys = list(keys)
        if not keys:
            return
        with transaction.atomic():
            self.lease.renew()
            PlanRow.objects.filter(pk__in=keys).update(**fields)
        for pk in keys:
            self.show(pk, **fields)

    def conclude_all(self, keys: Iterable[int], finding: Finding) -> None:
        self.conclude(dict.fromkeys(keys, finding))

    def conclude(self, findings: Mapping[int, Finding]) -> None:
        """Write outcomes and their audit entries in one transaction."""
        if not findings:
            return
        alike: defaultdict[Finding, list[int]] = defaultdict(list)
        for pk, finding in findings.items():
            alike[finding].append(pk)
        now = timezone.now()
        with transaction.atomic():
            self.lease.renew()
            for finding, keys in alike.items():
                PlanRow.objects.filter(pk__in=keys).update(**asdict(finding), settled_at=now)
            entries = [
                entry
                for pk, finding in findings.items()
                for entry in audit.outcomes(
                    self.job, self.rows[pk], finding.outcome, finding.error, self.words
                )
            ]
            audit.record(self.job.organization, entries)
        for finding, keys in alike.items():
            self.tally(finding.outcome, len(keys))
        for pk, finding in findings.items():
            self.show(pk, **asdict(finding), settled_at=now)

    def tally(self, outcome: Outcome, number: int) -> None:
        """Count for the metrics what has become of so many rows."""
        metrics.rows.labels(self.job.organization.provider, outcome.value).inc(number)

    def show(self, pk: int, **fields: object) -> None:
        """What was just written to a row, in the copy at hand."""
        for name, value in fields.items():
            setattr(self.stored[pk], name, value)
