"""What goes in and what comes out, as types: calls are checked against them, and OpenAPI is made of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from memberships import models
from memberships.domain.items import Kind
from memberships.domain.people import Status
from memberships.domain.plan import Action, Verdict

MOST_PEOPLE = 20_000
MOST_FIELDS = 100
MOST_LISTED = 500
MOST_BYTES = 5_000_000
PER_PAGE, MOST_PER_PAGE = 100, 500

# No id or name has the character 0 in it, and PostgreSQL can't be asked for one that had.
type Id = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00]*$")]
type Line = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
type Cell = Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*$")]
type Listed = Annotated[list[Line], Meta(max_length=MOST_LISTED)]
type Moment = Annotated[datetime, Meta(tz=True)]
type Value = str | bool | list[str] | None
type Sort = Literal["name", "-name", "email", "-email", "role", "-role"]
type Ended = Literal["done", "refused", "unknown", "not attempted"]


def _one_of(*words: str) -> Meta:
    """For the description: what is answered comes from the models, and is one of theirs."""
    return Meta(extra_json_schema={"enum": sorted(words)})


type PlanKind = Annotated[str, _one_of(*models.Plan.Kind.values)]
type JobState = Annotated[str, _one_of(*models.Job.State.values)]
type Outcome = Annotated[str, _one_of(*models.Outcome.values)]
type Cause = Annotated[str, _one_of("", *models.Cause.values)]


# What is asked


class Nothing(Struct, forbid_unknown_fields=True):
    """No query."""


class Paging(Struct, forbid_unknown_fields=True):
    page: Annotated[int, Meta(ge=1, le=1_000_000, description="Counts from 1.")] = 1
    per_page: Annotated[int, Meta(ge=1, le=MOST_PER_PAGE, description="So many on each page.")] = PER_PAGE


class MembersQuery(Paging):
    """As in the address of the members page."""

    q: Annotated[Line, Meta(description="Part of a name or e-mail address.")] = ""
    role: Annotated[Id, Meta(description="Id of a role.")] = ""
    status: Status | UnsetType = UNSET
    power: Annotated[
        Literal["manage"] | UnsetType, Meta(description="Only who can manage the organization.")
    ] = UNSET
    sort: Sort = "name"


class RowsQuery(Paging):
    verdict: Verdict | UnsetType = UNSET


class OutcomesQuery(Paging):
    outcome: Ended | UnsetType = UNSET


class AuditQuery(Paging):
    """As in the address of the audit log. Dates are whole days in UTC."""

    q: Annotated[Line, Meta(description="Part of the name or address of a person, role or group.")] = ""
    event: Id = ""
    channel: Id = ""
    outcome: Ended | UnsetType = UNSET
    about: Annotated[Id, Meta(description="Id of a role or group.")] = ""
    since: date | UnsetType = UNSET
    until: date | UnsetType = UNSET
    after: Annotated[
        int, Meta(ge=0, le=2**62, description="Only entries with a higher number: what is new since then.")
    ] = 0


class PersonWish(Struct, forbid_unknown_fields=True):
    """What is wanted of one person, known by `id` or else by `email`. What isn't named stays as it is.

    An address nobody has is invited. `fields` go by the names the list of members has for them, values by their ids
    or the words on the screens; null clears.
    """

    id: Id = ""
    email: Annotated[str, Meta(max_length=254, pattern=r"^[^\x00]*$")] = ""
    role: Annotated[Line | UnsetType, Meta(description="Name or id of a role.")] = UNSET
    status: Status | UnsetType = UNSET
    fields: Annotated[dict[Line, Cell | bool | None], Meta(max_length=MOST_FIELDS)] = {}
    groups: Annotated[
        Listed | UnsetType, Meta(description="All groups they are to be in, by names or ids.")
    ] = UNSET
    pinned_views: Annotated[
        Listed | UnsetType,
        Meta(description="All views they are to have pinned, in this order, by names or ids."),
    ] = UNSET


class NewPlan(Struct, forbid_unknown_fields=True):
    """People who are not named are left alone."""

    people: Annotated[list[PersonWish], Meta(min_length=1, max_length=MOST_PEOPLE)]
    reason: Line = ""
    skip_bad: Annotated[
        bool, Meta(description="Plan the rest when entries can't be used, instead of refusing all of it.")
    ] = False


class Approval(Struct, forbid_unknown_fields=True):
    """The plan that is to be applied, exactly as it was read."""

    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Retry(Struct, forbid_unknown_fields=True):
    only_stale: Annotated[bool, Meta(description="Only rows that somebody else had changed meanwhile.")] = (
        False
    )
    reason: Line | UnsetType = UNSET


class Undo(Struct, forbid_unknown_fields=True):
    reason: Line | UnsetType = UNSET


# What is answered


class Page(Struct):
    page: int
    pages: int
    total: int


class Who(Struct):
    name: str
    email: str


class Named(Struct):
    id: str
    name: str


class Member(Struct):
    id: str
    email: str
    name: str
    first_name: str
    last_name: str
    role: Named
    status: Status
    can_manage: Annotated[
        bool, Meta(description="Whether they can manage the organization, whatever their role is called.")
    ]
    owner: bool
    fields: dict[str, Value]
    url: str


class Members(Page):
    """One page of people, as last read from the provider."""

    as_of: Moment
    stale: Annotated[
        bool, Meta(description="Older than it should be: it is being read again, or that failed lately.")
    ]
    items: list[Member]


class Change(Struct):
    """One field. The values are the provider's; the texts are how they read on the screens."""

    field: str
    label: str
    before: Value
    after: Value
    before_text: str
    after_text: str


class PlanRow(Struct):
    """One change of one person, or of a role, group, task or opportunity. `reason` says why not, or what else."""

    position: int
    verdict: Verdict
    action: Action
    kind: Kind
    item_id: str
    member_id: str
    email: str
    name: str
    changes: list[Change]
    reason: str


class PlanRows(Page):
    items: list[PlanRow]


class Counts(Struct):
    """How many rows have which verdict; somebody may have several rows."""

    will: int
    already: int
    blocked: int


class Brake(Struct):
    """The number somebody has to type on the review page, and why."""

    number: int
    reasons: list[str]


class Plan(Struct):
    """A plan: nothing is sent before it is applied. `goal` is what it does, in a sentence."""

    id: UUID
    kind: PlanKind
    state: Literal["open", "applied", "expired"]
    goal: str
    reason: str
    channel: str
    by: Who
    token: str | None
    made_at: Moment
    expires_at: Moment
    fingerprint: str
    counts: Counts
    brake: Brake | None
    gives_power: Annotated[
        bool, Meta(description="Somebody can manage the organization by it who could not before.")
    ]
    needs_review: Annotated[
        bool, Meta(description="No token applies it: somebody has to on its review page.")
    ]
    job_id: UUID | None
    review: Annotated[str, Meta(description="The page on which a person reads and applies it.")]
    rows: PlanRows


class JobRow(PlanRow, kw_only=True):
    outcome: Outcome
    cause: Cause
    error: str
    advice: str
    settled_at: Moment | None


class JobRows(Page):
    items: list[JobRow]


class Progress(Struct):
    """How many rows have which outcome; somebody may have several rows."""

    done: int
    refused: int
    unknown: int
    not_attempted: int


class Job(Struct):
    """The application of a plan, and its receipt. `note` says why it is not running now."""

    id: UUID
    plan_id: UUID
    state: JobState
    note: str
    waits_s: int
    progress: Progress
    by: Who
    token: str | None
    created_at: Moment
    finished_at: Moment | None
    receipt: Annotated[str, Meta(description="The page of the receipt.")]
    rows: JobRows


class AuditEntry(Struct):
    """One thing that happened. Names are as they were then."""

    number: int
    at: Moment
    since: Moment | None
    happened_at: Moment | None
    event: str
    label: str
    channel: str
    actor_id: str
    actor_name: str
    through: str
    member_id: str
    member_name: str
    member_email: str
    item_kind: str
    item_id: str
    item_name: str
    field: str
    before_text: str
    after_text: str
    outcome: str
    error: str
    reason: str
    gained_power: bool
    plan_id: UUID | None
    hash: str


class AuditEntries(Page):
    items: list[AuditEntry]
