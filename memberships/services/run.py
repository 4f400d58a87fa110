"""One worker's turn at one job: intention, call, re-read, outcome."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from memberships.domain import guards
from memberships.domain.batches import Batch, Pending, Phase, batches
from memberships.domain.guards import Situation
from memberships.domain.people import ROLE, Member
from memberships.domain.plan import Action, Edit, Row, Verdict, at_step, has_arrived, is_so, is_stale
from memberships.models import Cause, Job, Outcome, PlanRow
from memberships.providers import Change, Deactivation, Invitation, Request
from memberships.providers.errors import Disconnected, NotSent, RateLimited, Refused, Unavailable

from . import audit, roster
from .connections import permit, provider_for
from .lease import Lease
from .wording import Words

# After a lost answer, or a yes that can't be seen yet: how long to wait before each further look.
_LOOK_AGAIN_S = (0.5, 1.5, 4.0, 10.0)
_SHORT_WAIT_S = 2.0
# A cause that has nothing to do with the person: asking for each one alone would only repeat it.
_FOR_EVERYBODY = (401, 402, 403)
_REFUSED_IN_A_ROW = 20
_LOST_IN_A_ROW = 3

STOPPED = "Stopped on request."
_NOT_ALLOWED = "You may no longer manage this organization. Nothing was sent."


class Later(Exception):
    """The worker is given back; go on in `wait_s` seconds."""

    def __init__(self, wait_s: float, note: str) -> None:
        super().__init__(note)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a row, and why."""

    outcome: Outcome
    cause: Cause | str = ""
    error: str = ""
    advice: str = ""


_UNSETTLED = (Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN)


class Run:
    """Everything a job's rows are going through now. What must survive a crash is in the rows, nothing here is."""

    def __init__(self, job: Job, lease: Lease) -> None:
        self.job = job
        self.lease = lease
        self.organization = job.organization
        self.provider = provider_for(job.connection, patient=True)
        self.stored = {row.pk: row for row in job.plan.rows.filter(verdict=Verdict.WILL).order_by("position")}
        self.rows = {pk: at_step(row.row(), row.step) for pk, row in self.stored.items()}
        self.words = Words(self.provider.capabilities, {})
        self.now: Situation
        self.queue: deque[Batch] | None = None
        self.fresh = False  # nothing was sent since everyone was read
        self.behind = False  # something was sent that no read has shown yet
        self.refusals: list[str] = []
        self.lost = 0
        self.note = ""

    def go(self) -> None:
        """Send all that is left and settle what is unknown.

        Raises Later, RateLimited, Refused or Unavailable (can't be read now), Disconnected or LeaseLost: run again
        later.
        """
        if self.must_stop() and not self.with_outcome(Outcome.UNKNOWN):
            self.finish()  # also while the provider can't be asked
            return
        self.look()
        self.take_up_after_a_crash()
        if not self.may_write():
            self.conclude_all(
                self.with_outcome(Outcome.NOT_ATTEMPTED), Finding(Outcome.REFUSED, Cause.GUARD, _NOT_ALLOWED)
            )
        while not self.must_stop() and (batch := self.next_batch()):
            if batch.phase is Phase.SELF and self.with_outcome(Outcome.UNKNOWN):
                self.settle()
            elif not self.fresh and self.concerns_managers(batch.rows):
                self.look()
            elif self.leaves_too_few(batch.rows):
                reason = f"Blocked meanwhile. {guards.too_few(self.now.minimum_managers)}"
                self.conclude_all(
                    [p.key for p in batch.pending], Finding(Outcome.REFUSED, Cause.GUARD, reason)
                )
                self.queue = None
            else:
                self.send(batch)
        self.settle()
        self.finish()

    # What is left

    def with_outcome(self, outcome: Outcome) -> list[int]:
        return [pk for pk, row in self.stored.items() if row.outcome == outcome]

    def leaves_too_few(self, rows: list[Row]) -> bool:
        """Judged as if every request without an answer, of this job or one that waits, will still take effect."""
        if not any(self.now.takes_power(row) for row in rows):
            return False
        unknown = PlanRow.objects.filter(
            plan__organization=self.organization, outcome=Outcome.UNKNOWN, plan__job__finished_at=None
        )
        return guards.leaves_too_few([*rows, *(stored.row() for stored in unknown)], self.now)

    def concerns_managers(self, rows: Iterable[Row]) -> bool:
        """Is someone's part in this organization changed who can manage it now?

        Then it must have been read just before, also what the new role grants: that may have been edited.
        """
        managers = self.now.roster.managers()
        return any(
            row.member_id in managers and (ROLE in row.wanted or row.action is Action.DEACTIVATE)
            for row in rows
        )

    def next_batch(self) -> Batch | None:
        if self.queue is None:
            waiting = [
                Pending(pk, self.rows[pk], self.stored[pk].at_most)
                for pk in self.with_outcome(Outcome.NOT_ATTEMPTED)
            ]
            self.queue = deque(batches(waiting, self.now, self.provider.capabilities.bulk_size))
        return self.queue.popleft() if self.queue else None

    def must_stop(self) -> bool:
        if self.note:
            return True
        if Job.objects.filter(pk=self.job.pk, stop_requested=True).exists():
            self.note = STOPPED
        return bool(self.note)

    def may_write(self) -> bool:
        me = self.now.roster.of_user(self.now.actor_user_id)
        return me is not None and me.active and me.can_manage

    # Reading

    def look(self) -> None:
        """Read everyone. What was sent and shows is done; what moved since the review is refused."""
        self.lease.renew()
        if self.must_read_roles():
            roles = {role.id: role for role in self.provider.roles()}
            self.lease.renew()
        else:
            roles = dict(self.now.roles)
        live = self.provider.roster()
        roster.keep(self.organization, live)
        live = replace(live, members=dict(live.members))
        self.now = Situation(live, roles, self.job.connection.user_id, settings.MINIMUM_MANAGERS)
        self.words.roles = roles
        permit(self.job.connection, self.may_write())
        self.fresh, self.behind, self.queue = True, False, None
        if self.job.unreadable_tries:
            self.count(unreadable_tries=0)
        self.compare()

    def compare(self) -> None:
        """What was sent and shows is done, however late; what is still to be sent and has moved is refused."""
        by_email = self.now.roster.by_email()
        shown: dict[int, Member | None] = {}
        stale = {}
        for pk, row in self.rows.items():
            member = self.now.roster.members.get(row.member_id) or by_email.get(row.email)
            stored = self.stored[pk]
            if stored.outcome in _UNSETTLED and stored.sent_at and has_arrived(row, member):
                shown[pk] = member
            elif stored.outcome == Outcome.NOT_ATTEMPTED and is_stale(row, member):
                words = self.so_far(pk) + self.words.stale(row, member) + _sent_or_not(stored)
                stale[pk] = Finding(Outcome.REFUSED, Cause.STALE, words)
        self.conclude(stale)
        self.arrived(shown)

    def must_read_roles(self) -> bool:
        """What a role grants decides who is still in charge, so it is read again before power is taken."""
        if not hasattr(self, "now"):
            return True
        return self.concerns_managers(self.rows[pk] for pk in self.with_outcome(Outcome.NOT_ATTEMPTED))

    def take_up_after_a_crash(self) -> None:
        """Rows that were about to be sent, of which no answer is known and nothing shows: send them again.

        Every request sets a value and is the same twice as once.
        """
        interrupted = [pk for pk in self.with_outcome(Outcome.UNKNOWN) if not self.stored[pk].error]
        self.put(interrupted, outcome=Outcome.NOT_ATTEMPTED)
        self.compare()

    # Sending

    def send(self, batch: Batch) -> None:
        keys = [p.key for p in batch.pending]
        request = _request(batch, self.provider.capabilities.bulk_size)
        first_time = [pk for pk in keys if not self.stored[pk].sent_at]
        self.put(keys, outcome=Outcome.UNKNOWN, sent_at=timezone.now(), error="", advice="")
        self.fresh = False
        try:
            answer = self.provider.apply(request)
        except Refused as refusal:
            self.lost = 0
            self.refused(keys, refusal)
        except (RateLimited, Disconnected, NotSent):  # before anything was changed
            self.put(keys, outcome=Outcome.NOT_ATTEMPTED)
            self.put(first_time, sent_at=None)
            raise
        except Unavailable as error:
            self.behind = True
            self.put(keys, error=str(error))
            self.lost += 1
            if self.lost >= _LOST_IN_A_ROW:
                self.note = f"Stopped after {self.lost} lost answers in a row: {error}"
            self.look()
        else:
            self.lost, self.refusals = 0, []
            self.answered(keys, answer)

    def answered(self, keys: list[int], answer: Member | None) -> None:
        row = self.rows[keys[0]]
        mine = answer is not None and len(keys) == 1 and row.member_id in ("", answer.id)
        if answer is None or not mine or not has_arrived(row, answer):
            self.behind = True
            return
        known = self.now.roster.members.get(answer.id, answer)
        shown = replace(
            known,
            role_id=answer.role_id,
            status=answer.status,
            can_manage=answer.can_manage,
            settings={**known.settings, **answer.settings},
        )
        self.now.roster.members[answer.id] = shown  # type: ignore[index]
        roster.keep_member(self.organization, shown, row)
        self.arrived({keys[0]: shown})

    def arrived(self, shown: Mapping[int, Member | None]) -> None:
        """These rows show what they ask for. Whoever is back, but not yet with their role, goes on to get it."""
        done = {}
        for pk, member in shown.items():
            whole = self.stored[pk].row()
            if member is None or is_so(whole, member):
                done[pk] = Finding(Outcome.DONE, advice=self.words.differences(whole, member))
            else:
                self.give_role(pk, member)
        self.conclude(done)

    def give_role(self, pk: int, member: Member) -> None:
        """The second step of coming back, written down together with the first."""
        self.queue = None
        held = self.words.value(ROLE, member.role_id)
        had = self.rows[pk].edits[0].before
        back = replace(self.rows[pk], edits=(Edit(ROLE, had, member.role_id),))
        with transaction.atomic():
            self.put(
                [pk],
                step=1,
                via=member.role_id,
                member_id=member.id,
                outcome=Outcome.NOT_ATTEMPTED,
                sent_at=None,
            )
            self.put([pk], error=f"Is back as {held}; the role is still to be given.")
            audit.record(self.organization, audit.outcomes(self.job, back, Outcome.DONE, "", self.words))
        self.rows[pk] = at_step(self.stored[pk].row(), 1)

    def so_far(self, pk: int) -> str:
        """What has to be said of a row that ends halfway."""
        if not self.stored[pk].step:
            return ""
        return f"Is back, as {self.words.value(ROLE, self.stored[pk].via)}. "

    def refused(self, keys: list[int], refusal: Refused) -> None:
        words = str(refusal)
        finding = Finding(Outcome.REFUSED, Cause.REMOTE, words, refusal.advice)
        if len(keys) == 1:
            self.conclude_all(keys, replace(finding, error=self.so_far(keys[0]) + words))
            self.refusals = [*(w for w in self.refusals if w == words), words]
            if len(self.refusals) >= _REFUSED_IN_A_ROW:
                self.note = (
                    f"Stopped after {len(self.refusals)} refusals in a row for the same reason: {words}"
                )
            return
        self.behind = True
        self.look()
        left = [pk for pk in keys if self.stored[pk].outcome == Outcome.UNKNOWN]
        if refusal.status in _FOR_EVERYBODY and len(left) == len(keys):
            self.conclude_all(left, finding)
        else:
            half = (len(keys) + 1) // 2
            self.put(left, outcome=Outcome.NOT_ATTEMPTED, at_most=min(half, max(1, len(left) // 2)))
            self.compare()
        self.queue = None

    # Settling

    def settle(self) -> None:
        """Look until every sent row shows, or has had its time."""
        if self.behind:
            self.look()
        self.queue = None
        while unknown := self.with_outcome(Outcome.UNKNOWN):
            silent = [pk for pk in unknown if not self.stored[pk].error]
            self.put(silent, error=f"{self.provider.capabilities.label} said yes, but it doesn't show yet.")
            tries = self.job.settle_tries
            findings = {}
            if tries == len(_LOOK_AGAIN_S):
                for pk in unknown:
                    error = self.so_far(pk) + self.stored[pk].error
                    error += " Read again several times: the change is not there."
                    findings[pk] = Finding(Outcome.REFUSED, Cause.LOST, error)
                self.conclude(findings)
                break
            self.count(settle_tries=tries + 1)
            if _LOOK_AGAIN_S[tries] > _SHORT_WAIT_S:
                raise Later(
                    _LOOK_AGAIN_S[tries], "Reading again whether the changes without an answer were made."
                )
            time.sleep(_LOOK_AGAIN_S[tries])
            self.look()
        if self.job.settle_tries:  # what is sent later has its own time
            self.count(settle_tries=0)

    def finish(self) -> None:
        with transaction.atomic():
            self.lease.renew()
            Job.objects.filter(pk=self.job.pk).update(
                state=Job.State.FINISHED, note=self.note[:300], not_before=None, finished_at=timezone.now()
            )

    # Writing down

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
            audit.record(self.organization, entries)
        for pk, finding in findings.items():
            self.show(pk, **asdict(finding), settled_at=now)

    def show(self, pk: int, **fields: object) -> None:
        """What was just written to a row, in the copy at hand."""
        for name, value in fields.items():
            setattr(self.stored[pk], name, value)


def _sent_or_not(stored: PlanRow) -> str:
    """The end of the sentence on a row that is left alone: after a crash it may have been sent before it moved."""
    if stored.sent_at:
        return " It was sent before that, without an answer; it is not sent again."
    return " Nothing was sent."


def _request(batch: Batch, bulk_size: int) -> Request:
    row = batch.rows[0]
    match row.action:
        case Action.INVITE | Action.REACTIVATE:
            return Invitation(row.email, str(row.wanted[ROLE]))
        case Action.DEACTIVATE:
            return Deactivation(row.member_id)
        case Action.CHANGE:
            return Change(row.wanted, tuple(row.member_id for row in batch.rows))
