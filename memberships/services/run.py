"""One worker's turn at one job: intention, call, re-read, outcome."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from memberships.domain import guards
from memberships.domain.batches import Batch, Pending, Phase, batches
from memberships.domain.guards import Situation
from memberships.domain.items import PERMISSIONS, WORK, Item, Kind
from memberships.domain.people import APPS, PINS, ROLE, Member
from memberships.domain.plan import APPS_STEP, ROLE_STEP, Action, Edit, Row, at_step, held_up
from memberships.domain.reading import Subject, has_arrived, is_so, is_stale
from memberships.models import Cause, Job, Outcome, Plan, PlanRow
from memberships.providers import Answer, one_of
from memberships.providers.errors import Disconnected, NotSent, ProviderError, RateLimited, Refused

from . import audit, groups, neighbours, reads, roster
from .connections import provider_for
from .followers import Followers
from .lease import Lease
from .ledger import UNSETTLED, Finding, Ledger
from .permission import access, must_be_backed, must_be_served, permit
from .requests import request
from .wording import Words
from .work import still_theirs

# After a lost answer, or a yes that can't be seen yet: how long to wait before each further look.
_LOOK_AGAIN_S = (0.5, 1.5, 4.0, 10.0)
_SHORT_WAIT_S = 2.0
# A cause that has nothing to do with the person: asking for each one alone would only repeat it.
_FOR_EVERYBODY = (401, 402, 403)
_REFUSED_IN_A_ROW = 20
_LOST_IN_A_ROW = 3
_NOT_REPEATED = (Action.CREATE, Action.RESEND)

STOPPED = "Stopped on request."
_NOT_THERE = " Read again several times: the change is not there."
_UNREADABLE = " Whether the e-mail was sent can't be read back. Trying again may send a second one."
_HELD_UP = "Nothing was sent, because what comes before it was not done."
_NOT_ALLOWED = "You may no longer manage this organization. Nothing was sent."


class Later(Exception):
    """The worker is given back; go on in `wait_s` seconds."""

    def __init__(self, wait_s: float, note: str) -> None:
        super().__init__(note)
        self.wait_s = wait_s


class Run:
    """Everything a job's rows are going through now. What must survive a crash is in the rows, nothing here is."""

    def __init__(self, job: Job, lease: Lease, watch: Callable[[], object] = lambda: None) -> None:
        self.watch = watch
        self.job = job
        self.lease = lease
        self.organization = job.organization
        self.provider = provider_for(job.connection, patient=True)
        self.words = Words(self.provider.capabilities, {}, job.plan.names)
        self.ledger = Ledger(job, lease, self.words)
        self.followers = Followers(self.ledger, self.provider)
        self.now: Situation
        self.queue: deque[Batch] | None = None
        self.fresh = False  # nothing was sent since everyone was read
        self.behind = False  # something was sent that no read has shown yet
        self.refusals: list[str] = []
        self.lost = 0
        self.note = ""
        # All stages before this one are over; these rows of later ones wait for what was not done.
        self.passed = 0
        self.held: set[int] = set()

    def go(self) -> None:
        """Send all that is left and settle what is unknown.

        Raises Later, RateLimited, Refused or Unavailable (can't be read now), Disconnected or LeaseLost: run again
        later.
        """
        must_be_served(self.job.connection)
        must_be_backed(self.job.connection)
        if self.must_stop() and not self.ledger.with_outcome(Outcome.UNKNOWN):
            self.finish()  # also while the provider can't be asked
            return
        self.look()
        self.take_up_after_a_crash()
        neighbours.settle(self.job, self.lease, self.now, self.provider.capabilities)
        if not self.may_write():
            self.ledger.conclude_all(
                self.ledger.with_outcome(Outcome.NOT_ATTEMPTED),
                Finding(Outcome.REFUSED, Cause.GUARD, _NOT_ALLOWED),
            )
        while not self.must_stop() and (batch := self.next_batch()):
            if self.comes_too_early(batch):
                self.settle_stage(batch.stage)
            elif batch.phase is Phase.SELF and self.ledger.with_outcome(Outcome.UNKNOWN):
                self.settle()
            elif not self.fresh and self.concerns_managers(batch.rows):
                self.look()
            elif reason := self.blocked_meanwhile(batch.rows):
                finding = Finding(Outcome.REFUSED, Cause.GUARD, f"Blocked meanwhile. {reason}")
                self.ledger.conclude_all([p.key for p in batch.pending], finding)
                self.queue = None
            elif left_behind := self.left_behind(batch.rows):
                self.note = left_behind
            elif self.look_closer(batch):
                self.send(self.together(batch))
        self.settle()
        self.compare_groups()
        self.finish()

    @property
    def members(self) -> dict[str, Member]:
        """By membership id. What is learnt of them on the way is put there."""
        return self.now.roster.members  # type: ignore[return-value]

    # What is left

    def blocked_meanwhile(self, rows: list[Row]) -> str:
        """Why these rows must not be sent any more, judged on what was just read; empty when nothing is against it."""
        if self.leaves_too_few(rows):
            return guards.too_few(self.now.minimum_managers)
        if not self.job.plan.gives_power and guards.gives_power(rows, self.now):
            # Somebody has edited the role since: what asks for a fresh sign-in was never asked here.
            return (
                "It lets somebody manage the organization now, which it did not at its review: make it again."
            )
        return next(filter(None, (guards.in_the_way(row, self.now) for row in rows)), "")

    def leaves_too_few(self, rows: list[Row]) -> bool:
        """Judged as if every request without an answer, of this job or one that waits, will still take effect."""
        if not any(self.now.takers(row) for row in rows):
            return False
        unknown = PlanRow.objects.filter(
            plan__organization=self.organization, outcome=Outcome.UNKNOWN, plan__job__finished_at=None
        )
        return guards.leaves_too_few([*rows, *(stored.row() for stored in unknown)], self.now)

    def concerns_managers(self, rows: Iterable[Row]) -> bool:
        """Is someone's part in this organization changed who can manage it now, or a role taken away?

        Then it must have been read just before, also what the new role grants: that may have been edited.
        """
        managers = self.now.roster.managers()
        return any(
            row.member_id in managers and (ROLE in row.wanted or row.action is Action.DEACTIVATE)
            if row.kind is Kind.MEMBER
            else (row.kind is Kind.ROLE and row.action is Action.DELETE)
            or (PERMISSIONS in row.wanted and any(m.id in managers for m in self.now.holders(row)))
            for row in rows
        )

    def next_batch(self) -> Batch | None:
        if self.queue is None:
            waiting = [
                Pending(pk, self.ledger.rows[pk], self.ledger.stored[pk].at_most)
                for pk in self.ledger.with_outcome(Outcome.NOT_ATTEMPTED)
                if pk not in self.held
            ]
            self.queue = deque(batches(waiting, self.now, self.provider.capabilities.bulk_sizes))
        return self.queue.popleft() if self.queue else None

    def comes_too_early(self, batch: Batch) -> bool:
        """Is there anything of an earlier stage that isn't known to be over?"""
        return batch.stage > self.passed

    def settle_stage(self, stage: int) -> None:
        """Nothing of a later stage is sent before what it waits for is done; where that can't be, it is left.

        Work that somebody else has finished or moved meanwhile holds nothing up.
        """
        if self.ledger.with_outcome(Outcome.UNKNOWN):
            self.settle()
        self.queue = None
        undone = {
            pk: row
            for pk, row in self.ledger.stored.items()
            if row.stage < stage
            and row.outcome != Outcome.DONE
            and pk not in self.held
            and not (row.kind in WORK and row.cause == Cause.STALE)
        }
        if any(row.outcome in UNSETTLED for row in undone.values()):
            return
        left = set(self.ledger.with_outcome(Outcome.NOT_ATTEMPTED)) - self.held
        waiting = {pk: self.ledger.rows[pk] for pk in left}
        self.held |= held_up(waiting, [self.ledger.rows[pk] for pk in undone])
        if left and left <= self.held:
            self.note = (
                "Stopped, because an earlier step was not done. What comes after it was not attempted."
            )
        else:
            self.passed = stage
            self.compare()

    def left_behind(self, rows: Iterable[Row]) -> str:
        """Why somebody who leaves can't go yet: what has come in for them since the review, in a sentence."""
        if self.job.plan.kind != Plan.Kind.LEAVE:
            return ""
        leaving = [row.member_id for row in rows if row.action is Action.DEACTIVATE]
        leavers = [self.now.roster.members[pk] for pk in leaving if pk in self.now.roster.members]
        found = (still_theirs(self.provider, m, self.job.plan.wanted, self.lease.renew) for m in leavers)
        return next(filter(None, found), "")

    def must_stop(self) -> bool:
        self.watch()
        if self.note:
            return True
        if Job.objects.filter(pk=self.job.pk, stop_requested=True).exists():
            self.note = STOPPED
        return bool(self.note)

    def may_write(self) -> bool:
        person = self.job.person
        if person is not None and not access(person).may_apply:
            return False
        me = self.now.roster.of_user(self.now.actor_user_id)
        return me is not None and me.active and me.can_manage

    # Reading

    def look(self) -> None:
        """Read everyone. What was sent and shows is done; what moved since the review is refused."""
        self.lease.renew()
        if self.must_read_roles():
            its_roles = self.provider.roles()
            roster.keep_roles(self.organization, its_roles)
            roles = {role.id: role for role in its_roles}
            self.lease.renew()
        else:
            roles = dict(self.now.roles)
        rows = [self.ledger.rows[pk] for pk, row in self.ledger.stored.items() if row.outcome in UNSETTLED]
        sent = [self.ledger.rows[pk] for pk in self.ledger.with_outcome(Outcome.UNKNOWN)]
        self.now = reads.situation(
            self.provider, self.job.connection, roles, rows, sent=sent, beat=self.lease.renew
        )
        # What the plan's file asks for can only be stricter.
        minimum = max(self.now.minimum_managers, self.job.plan.minimum_managers)
        self.now = replace(self.now, minimum_managers=minimum)
        self.words.roles = roles
        permit(self.job.connection, self.may_write())
        self.fresh, self.behind, self.queue = True, False, None
        if self.job.unreadable_tries:
            self.ledger.count(unreadable_tries=0)
        self.compare()

    def look_closer(self, batch: Batch) -> bool:
        """Read what costs a call a person only now that it is due. Is the batch still to be sent?"""
        keys = [p.key for p in batch.pending]
        if pinners := reads.pinners(batch.rows):
            self.lease.renew()
            try:
                reads.add_pins(self.provider, self.members, pinners)
            except Refused as refusal:
                self.refused(keys, refusal)
                return False
            self.compare()
        return all(self.ledger.stored[pk].outcome == Outcome.NOT_ATTEMPTED for pk in keys)

    def subject(self, row: Row, by_email: Mapping[str, Member]) -> Subject | None:
        if row.kind is Kind.MEMBER:
            return self.now.roster.members.get(row.member_id) or by_email.get(row.email)
        return self.now.item(row)

    def compare(self) -> None:
        """What was sent and shows is done, however late; what is still to be sent and has moved is refused."""
        by_email = self.now.roster.by_email()
        shown: dict[int, Subject | None] = {}
        stale = {}
        for pk, row in self.ledger.rows.items():
            stored = self.ledger.stored[pk]
            if stored.outcome not in UNSETTLED or stored.stage > self.passed or pk in self.held:
                continue
            subject = self.subject(row, by_email)
            if _is_unread(row, subject):
                continue
            if stored.sent_at and has_arrived(row, subject):
                shown[pk] = subject
            elif stored.outcome == Outcome.NOT_ATTEMPTED and self.now.is_owner(row):
                stale[pk] = Finding(Outcome.REFUSED, Cause.GUARD, guards.OWNS)
            elif stored.outcome == Outcome.NOT_ATTEMPTED and is_stale(row, subject):
                words = self.ledger.so_far(pk) + self.words.stale(row, subject) + _sent_or_not(stored)
                stale[pk] = Finding(Outcome.REFUSED, Cause.STALE, words)
        self.ledger.conclude(stale)
        self.arrived(shown)

    def must_read_roles(self) -> bool:
        """What a role grants decides who is still in charge, so it is read again before power is taken."""
        if not hasattr(self, "now"):
            return True
        if any(row.kind == Kind.ROLE and row.outcome in UNSETTLED for row in self.ledger.stored.values()):
            return True
        return self.concerns_managers(
            self.ledger.rows[pk] for pk in self.ledger.with_outcome(Outcome.NOT_ATTEMPTED)
        )

    def take_up_after_a_crash(self) -> None:
        """Rows that were about to be sent, of which no answer is known and nothing shows: send them again.

        Such a request sets a value and is the same twice as once; what makes something new or sends an e-mail is not.
        """
        interrupted = [
            pk for pk in self.ledger.with_outcome(Outcome.UNKNOWN) if not self.ledger.stored[pk].error
        ]
        made = [pk for pk in interrupted if self.ledger.rows[pk].action in _NOT_REPEATED]
        self.ledger.put(made, error="The worker stopped while this was sent.")
        self.ledger.put([pk for pk in interrupted if pk not in made], outcome=Outcome.NOT_ATTEMPTED)
        self.compare()

    # Sending

    def together(self, batch: Batch) -> list[Batch]:
        """The batch, and others that may be under way with it: nobody loses power, and one person is in each."""
        found = [batch]
        most = self.provider.capabilities.at_once
        while self.queue and len(found) < most and _goes_along(batch) and _goes_along(self.queue[0]):
            if (self.queue[0].stage, self.queue[0].phase) != (batch.stage, batch.phase):
                break
            found.append(self.queue.popleft())
        return found

    def send(self, together: list[Batch]) -> None:
        keys = [[p.key for p in batch.pending] for batch in together]
        everyone = [pk for some in keys for pk in some]
        requests = [request(batch, self.now.roster) for batch in together]
        first_time = {pk for pk in everyone if not self.ledger.stored[pk].sent_at}
        self.ledger.put(everyone, outcome=Outcome.UNKNOWN, sent_at=timezone.now(), error="", advice="")
        self.fresh = False
        if len(requests) == 1:
            answers = [one_of(self.provider, requests[0])]
        else:
            answers = self.provider.apply_many(requests)
        lost = held_up = None
        for some, answer in zip(keys, answers, strict=True):
            match answer:
                case Refused():
                    self.lost = 0
                    self.refused(some, answer)
                case RateLimited() | Disconnected() | NotSent():  # before anything was changed
                    held_up = answer
                    self.ledger.put(some, outcome=Outcome.NOT_ATTEMPTED)
                    self.ledger.put(first_time.intersection(some), sent_at=None)
                    for pk in filter(self.ledger.still_to_come, some):
                        self.ledger.put([pk], error=self.ledger.still_to_come(pk))
                case ProviderError():
                    lost = answer
                    self.ledger.put(some, error=str(answer))
                case _:
                    self.lost, self.refusals = 0, []
                    self.answered(some, answer)
        if lost:
            self.behind = True
            self.lost += 1
            if self.lost >= _LOST_IN_A_ROW:
                self.note = f"Stopped after {self.lost} lost answers in a row: {lost}"
            self.look()
        if held_up:
            raise held_up

    def answered(self, keys: list[int], answer: Answer) -> None:
        row = self.ledger.rows[keys[0]]
        subject = reads.shown_by(answer, row, self.members) if len(keys) == 1 else None
        if subject is None or not has_arrived(row, subject):
            self.behind = True
            return
        if isinstance(subject, Member):
            self.members[subject.id] = subject
            roster.keep_member(self.organization, subject, row)
        else:
            self.now.items[subject.kind, subject.id] = subject  # type: ignore[index]
        self.arrived({keys[0]: subject})

    def arrived(self, shown: Mapping[int, Subject | None]) -> None:
        """These rows show what they ask for. Whoever is back, but not yet with role and apps, goes on to get those."""
        done = {}
        for pk, subject in shown.items():
            whole = self.ledger.stored[pk].row()
            if whole.action is Action.CREATE and isinstance(subject, Item):
                self.made(pk, subject)
            step = self.ledger.stored[pk].step
            if isinstance(subject, Member) and whole.action is Action.INVITE:
                self.followers.arrived(whole.email, subject, self.members)
            if isinstance(subject, Member) and not (
                step or is_so(whole, subject) or _has_role(whole, subject)
            ):
                self.give_role(pk, subject)
            elif isinstance(subject, Member) and step < APPS_STEP and _comes_with_apps(whole):
                self.give_apps(pk, subject)
            else:
                asked = at_step(whole, 0) if step == APPS_STEP else whole
                tell = (self.words.welcome, self.words.otherwise, self.words.differences)
                advice = " ".join(filter(None, (told(asked, subject) for told in tell)))
                done[pk] = Finding(Outcome.DONE, advice=advice)
        self.ledger.conclude(done)
        self.show_in_mirror(done, shown)

    def show_in_mirror(self, done: Iterable[int], shown: Mapping[int, Subject | None]) -> None:
        """Roles and groups as they are now, without a read of everyone."""
        for pk in done:
            subject = shown[pk]
            item = subject if isinstance(subject, Item) else None
            roster.keep_role(self.organization, self.ledger.rows[pk], item, self.now.manage_permission)
            groups.keep_row(self.organization, self.ledger.rows[pk], item)

    def made(self, pk: int, item: Item) -> None:
        """Something new has an id now; rows that wait for it learn it."""
        # Kept before any row has the id: a receipt after a crash names it too.
        self.words.names = {**self.words.names, item.id: item.name}
        Plan.objects.filter(pk=self.job.plan_id).update(names=self.words.names)
        self.ledger.put([pk], item_id=item.id)
        self.ledger.rows[pk] = replace(self.ledger.rows[pk], item_id=item.id)
        self.followers.group_made(item, self.members)

    def give_role(self, pk: int, member: Member) -> None:
        had = self.ledger.rows[pk].edits[0].before
        back = replace(self.ledger.rows[pk], edits=(Edit(ROLE, had, member.role_id),))
        self.go_on(pk, ROLE_STEP, back, member, via=member.role_id)

    def give_apps(self, pk: int, member: Member) -> None:
        self.go_on(pk, APPS_STEP, self.ledger.rows[pk], member)

    def go_on(self, pk: int, step: int, made: Row, member: Member, **fields: object) -> None:
        """A further step of coming back, written down together with the one that was made."""
        self.queue = None
        with transaction.atomic():
            self.ledger.put(
                [pk], step=step, member_id=member.id, outcome=Outcome.NOT_ATTEMPTED, sent_at=None, **fields
            )
            self.ledger.put([pk], error=self.ledger.still_to_come(pk))
            audit.record(self.organization, audit.outcomes(self.job, made, Outcome.DONE, "", self.words))
        self.ledger.rows[pk] = at_step(self.ledger.stored[pk].row(), step)

    def refused(self, keys: list[int], refusal: Refused) -> None:
        words = str(refusal)
        finding = Finding(Outcome.REFUSED, Cause.REMOTE, words, refusal.advice)
        if len(keys) == 1 and refusal.status == 404 and self.ledger.rows[keys[0]].kind in WORK:
            # It went between our read and our call.
            gone = self.words.stale(self.ledger.rows[keys[0]], None)
            self.ledger.conclude_all(keys, Finding(Outcome.REFUSED, Cause.STALE, gone, words))
            return
        if len(keys) == 1:
            self.ledger.conclude_all(keys, replace(finding, error=self.ledger.so_far(keys[0]) + words))
            self.refusals = [*(w for w in self.refusals if w == words), words]
            if len(self.refusals) >= _REFUSED_IN_A_ROW:
                self.note = (
                    f"Stopped after {len(self.refusals)} refusals in a row for the same reason: {words}"
                )
            return
        self.behind = True
        self.look()
        left = [pk for pk in keys if self.ledger.stored[pk].outcome == Outcome.UNKNOWN]
        if refusal.status in _FOR_EVERYBODY and len(left) == len(keys):
            self.ledger.conclude_all(left, finding)
        else:
            half = (len(keys) + 1) // 2
            self.ledger.put(left, outcome=Outcome.NOT_ATTEMPTED, at_most=min(half, max(1, len(left) // 2)))
            self.compare()
        self.queue = None

    # Settling

    def settle(self) -> None:
        """Look until every sent row shows, or has had its time."""
        if self.behind:
            self.look()
        self.queue = None
        while unknown := self.ledger.with_outcome(Outcome.UNKNOWN):
            silent = [pk for pk in unknown if not self.ledger.stored[pk].error]
            self.ledger.put(
                silent, error=f"{self.provider.capabilities.label} said yes, but it doesn't show yet."
            )
            tries = self.job.settle_tries
            findings = {}
            if tries == len(_LOOK_AGAIN_S):
                by_email = self.now.roster.by_email()
                for pk in unknown:
                    error = self.ledger.so_far(pk) + self.ledger.stored[pk].error
                    row = self.ledger.rows[pk]
                    subject = self.subject(row, by_email)
                    if row.action is Action.RESEND:
                        error += _UNREADABLE
                    elif APPS in row.wanted and isinstance(subject, Member):
                        error += self.words.still_missing(row, subject)
                    elif row.action is Action.CREATE and subject is not None:
                        error += f" There is one of this name now. {self.words.otherwise(row, subject)}"
                    else:
                        error += _NOT_THERE
                    findings[pk] = self.off_the_desk(pk) or Finding(Outcome.REFUSED, Cause.LOST, error)
                self.ledger.conclude(findings)
                break
            self.ledger.count(settle_tries=tries + 1)
            if _LOOK_AGAIN_S[tries] > _SHORT_WAIT_S:
                raise Later(
                    _LOOK_AGAIN_S[tries], "Reading again whether the changes without an answer were made."
                )
            time.sleep(_LOOK_AGAIN_S[tries])
            self.look()
        if self.job.settle_tries:  # what is sent later has its own time
            self.ledger.count(settle_tries=0)

    def off_the_desk(self, pk: int) -> Finding | None:
        """What to say of work that was sent and is somebody else's now, or finished, or gone."""
        row, subject = self.ledger.rows[pk], self.now.item(self.ledger.rows[pk])
        if row.kind not in WORK or not is_stale(row, subject):
            return None
        words = self.words.stale(row, subject) + _sent_or_not(self.ledger.stored[pk])
        return Finding(Outcome.REFUSED, Cause.STALE, words)

    def compare_groups(self) -> None:
        """Whoever came back: are they in the groups they were in? An answer doesn't say that, so it is read last."""
        back = {
            pk: self.ledger.stored[pk].row()
            for pk in self.ledger.with_outcome(Outcome.DONE)
            if self.ledger.rows[pk].action is Action.REACTIVATE
        }
        wanted = reads.group_ids(back.values())
        if not wanted:
            return
        changed: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.ledger.rows.values():
            changed[row.member_id].update(row.wanted)
        members = dict(self.now.roster.members)
        concerned = [row.member_id for row in back.values()]
        try:
            reads.add_groups(self.provider, self.organization, members, wanted, concerned, self.lease.renew)
        except Refused as refusal:
            self.ledger.put(
                back, advice=f"Whether they are in their groups again could not be read: {refusal}"
            )
            return
        for pk, row in back.items():
            if row.member_id in members:
                # What this job changes for them besides is no difference that has to be told.
                rest = {name: v for name, v in row.kept.items() if name not in changed[row.member_id]}
                advice = self.words.differences(replace(row, kept=rest), members[row.member_id])
                self.ledger.put([pk], advice=advice)

    def finish(self) -> None:
        self.ledger.put(self.held, error=_HELD_UP)
        with transaction.atomic():
            self.lease.renew()
            Job.objects.filter(pk=self.job.pk).update(
                state=Job.State.FINISHED, note=self.note[:300], not_before=None, finished_at=timezone.now()
            )
        for outcome in UNSETTLED:
            self.ledger.tally(outcome, len(self.ledger.with_outcome(outcome)))


def _sent_or_not(stored: PlanRow) -> str:
    """The end of the sentence on a row that is left alone: after a crash it may have been sent before it moved."""
    if stored.sent_at:
        return " It was sent before that, without an answer; it is not sent again."
    return " Nothing was sent."


def _is_unread(row: Row, subject: Subject | None) -> bool:
    """Is it still to be read what the row is about? Pinned views and apps are, until their turn comes."""
    unread = row.wanted.keys() & {PINS, APPS}
    return (
        isinstance(subject, Member) and row.action is Action.CHANGE and not unread <= subject.settings.keys()
    )


def _goes_along(batch: Batch) -> bool:
    return batch.phase in (Phase.GRANT, Phase.ORDINARY) and len(batch.pending) == 1


def _comes_with_apps(row: Row) -> bool:
    return row.action is Action.INVITE and bool(row.wanted.get(APPS))


def _has_role(row: Row, member: Member) -> bool:
    """Is all that can be given in a second step given?"""
    return row.wanted.get(ROLE) == member.value(ROLE)
