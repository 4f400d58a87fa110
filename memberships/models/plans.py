"""Plans, their rows with what became of each, and the jobs that apply them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from memberships.domain.items import Kind
from memberships.domain.people import Value
from memberships.domain.plan import Action, Edit, Row, Verdict

from .connections import Connection, Organization
from .scope import Owned, OwnedByPlan


class Plan(models.Model):
    """Something an admin may apply once, as reviewed, until it expires."""

    class Kind(models.TextChoices):
        CHANGE = "change"
        INVITE = "invite"
        DEACTIVATE = "deactivate"
        REACTIVATE = "reactivate"
        RESEND = "resend"
        LEAVE = "leave"
        ROLE = "role"
        GROUP = "group"
        FILE = "file"
        DRIFT = "drift"
        UNDO = "undo"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="plans")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="plans")
    # Who made it, where that isn't whose connection it is.
    person = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, related_name="+")
    # With which token, where nobody made it in a browser.
    token = models.ForeignKey("Token", on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    # The job this plan retries or undoes.
    origin = models.ForeignKey("Job", on_delete=models.PROTECT, null=True, related_name="successors")
    # What all rows get, by field: shown as one sentence; each row carries its own edits.
    wanted = models.JSONField(default=dict)
    # What it does in a sentence, where `wanted` can't say; empty otherwise.
    title = models.CharField(max_length=400, blank=True)
    # By id: how groups, views and people in its rows are called, as copies that stay when they are gone.
    names = models.JSONField(default=dict)
    # So many more people of a file are as it wants them: no row is kept for them, there may be thousands.
    unlisted = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    channel = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=64)
    # The number to type before it is applied, and why; 0 when none is needed.
    brake_number = models.PositiveIntegerField(default=0)
    brake_reasons = models.JSONField(default=list)
    # Somebody can manage the organization by it who could not before: applying it takes a fresh sign-in.
    gives_power = models.BooleanField(default=False)
    # How many people must stay able to manage, where the file it comes from asks for more than the installation does.
    minimum_managers = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    objects = Owned()

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def from_file(self) -> bool:
        """Does it say of each person what they should be? Then everyone waits for themselves alone."""
        return self.kind in (self.Kind.FILE, self.Kind.DRIFT)

    @property
    def by(self) -> Connection:
        """Who answers for it."""
        return self.person or self.connection


class Outcome(models.TextChoices):
    NOT_ATTEMPTED = "not attempted"
    UNKNOWN = "unknown"
    DONE = "done"
    REFUSED = "refused"


class Cause(models.TextChoices):
    """Why a row is not done: what to do next depends on it."""

    STALE = "stale"
    GUARD = "guard"
    REMOTE = "remote"
    LOST = "lost"


class PlanRow(models.Model):
    """One row of a plan and what became of it. `outcome` means something for rows that WILL only."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    action = models.CharField(max_length=20, choices=[(a.value, a.value) for a in Action])
    verdict = models.CharField(max_length=10, choices=[(v.value, v.value) for v in Verdict])
    kind = models.CharField(max_length=20, choices=[(k.value, k.value) for k in Kind], default=Kind.MEMBER)
    item_id = models.CharField(max_length=100, blank=True)
    # Rows of a later stage wait until all of the earlier ones are done.
    stage = models.PositiveSmallIntegerField(default=0)
    member_id = models.CharField(max_length=100, blank=True)
    email = models.CharField(max_length=254, blank=True)
    name = models.TextField(blank=True)
    edits = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    via = models.CharField(max_length=100, blank=True)
    kept = models.JSONField(default=dict)

    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.NOT_ATTEMPTED)
    # How far someone who comes back in two steps is.
    step = models.PositiveSmallIntegerField(default=0)
    # The intention: written before the call. A row found sent and unknown after a crash is settled by reading.
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=10, choices=Cause, blank=True)
    error = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    # The largest bulk this row may still be part of; halved when a bulk is refused.
    at_most = models.PositiveIntegerField(null=True)

    objects = OwnedByPlan()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "position"], name="plan_row_once")]
        indexes = [
            models.Index(fields=["plan", "verdict", "outcome", "position"], name="plan_row_by_outcome"),
            models.Index(fields=["sent_at"], name="plan_row_by_sending"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.name or self.email}"

    @classmethod
    def of(cls, plan: Plan, position: int, row: Row) -> PlanRow:
        return cls(
            plan=plan,
            position=position,
            action=row.action.value,
            verdict=row.verdict.value,
            member_id=row.member_id,
            email=row.email,
            name=row.name,
            edits=[[e.field, e.before, e.after] for e in row.edits],
            reason=row.reason,
            via=row.via,
            kept=dict(row.kept),
            kind=row.kind.value,
            item_id=row.item_id,
            stage=row.stage,
        )

    def row(self) -> Row:
        return Row(
            Action(self.action),
            Verdict(self.verdict),
            self.member_id,
            self.email,
            self.name,
            tuple(Edit(field, as_value(before), as_value(after)) for field, before, after in self.edits),
            self.reason,
            self.via,
            {field: as_value(value) for field, value in self.kept.items()},
            Kind(self.kind),
            self.item_id,
            self.stage,
        )


def as_value(stored: Any) -> Value:
    """A value as it comes back from JSON, which knows no tuples."""
    return tuple(stored) if isinstance(stored, list) else stored


class Job(models.Model):
    """The one application of a plan. Who works on it is the organization's writer lease; counts come from the rows."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"
        PAUSED = "paused"
        FINISHED = "finished"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="job")
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="jobs")
    # Whose name and token it runs with: the person who pressed Apply.
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="jobs")
    person = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, related_name="+")
    token = models.ForeignKey("Token", on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    # Why it is not running now, for people to read, and when it is to be picked up again.
    note = models.CharField(max_length=300, blank=True)
    not_before = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    # It runs with an API key that is stored nowhere: no worker can take it up, only the command that has the key.
    by_key = models.BooleanField(default=False)
    # When the queue was last told about it, and how often unknown rows were read again without an answer.
    offered_at = models.DateTimeField(null=True)
    settle_tries = models.PositiveIntegerField(default=0)
    unreadable_tries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = Owned()

    class Meta:
        indexes = [models.Index(fields=["state", "not_before"], name="job_by_state")]

    def __str__(self) -> str:
        return f"job {self.id}"

    @property
    def by(self) -> Connection:
        """Who answers for it."""
        return self.person or self.connection

    @property
    def finished(self) -> bool:
        return self.state == self.State.FINISHED
