"""What the world is made of. Plain records; the rules live beside them."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox.errors import NotPermitted

if TYPE_CHECKING:
    from sandbox.events import EventLog
    from sandbox.work import Opportunity, Task

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHORT_IDS = {"group", "ev", "req", "whsub", "pipe"}

MANAGE = "manage_organization"

PERMISSIONS = tuple(
    """
    bulk_delete bulk_edit bulk_email bulk_import bulk_sequence_subscriptions call_coach_barge
    call_coach_listen calling delete_leads delete_own_activities delete_own_opportunities
    delete_own_tasks export manage_customizations manage_email_sequences manage_group_numbers
    manage_organization manage_others_activities manage_others_opportunities manage_others_tasks
    manage_team_email_templates manage_team_smart_views merge_leads view_all_leads
    """.split()
)

USER_PERMISSIONS = tuple(
    """
    bulk_email bulk_import bulk_sequence_subscriptions calling delete_leads delete_own_activities
    delete_own_opportunities delete_own_tasks manage_others_activities manage_others_opportunities
    manage_others_tasks merge_leads view_all_leads
    """.split()
)

SYSTEM_ROLES = {
    "admin": ("Admin", PERMISSIONS),
    "superuser": ("Super User", tuple(name for name in PERMISSIONS if name != MANAGE)),
    "user": ("User", USER_PERMISSIONS),
    "restricteduser": (
        "Restricted User",
        (
            "calling",
            "delete_own_activities",
            "delete_own_opportunities",
            "delete_own_tasks",
            "view_all_leads",
        ),
    ),
}


class Ids:
    """Ids as Close shapes them, `prefix_` and 43 or 22 base62 characters; the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def make(self, prefix: str) -> str:
        length = 22 if prefix in SHORT_IDS else 43
        return f"{prefix}_{''.join(self._random.choices(BASE62, k=length))}"


@dataclass(slots=True, eq=False)
class User:
    """A person, who may belong to several organizations, or to none any more."""

    id: str
    email: str
    first_name: str | None
    last_name: str | None
    phone: str | None
    created_at: datetime
    memberships: list[Membership] = field(default_factory=list, repr=False)

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.first_name, self.last_name) if part)

    @property
    def organization_ids(self) -> list[str]:
        """Where the person is active."""
        return [membership.organization_id for membership in self.memberships if membership.active]

    def changed(self) -> None:
        """Call after any change of the person or of a membership: every row showing them is stale."""
        for membership in self.memberships:
            membership.encoded.clear()


@dataclass(slots=True, eq=False)
class Role:
    """System roles have a slug for an id, no dates, and can not be edited."""

    id: str
    name: str
    permissions: list[str]
    organization_id: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    visibility_user_lcf_ids: list[str] | None = None
    visibility_user_lcf_behavior: str | None = None

    @property
    def editable(self) -> bool:
        return self.id not in SYSTEM_ROLES

    @property
    def manages(self) -> bool:
        return MANAGE in self.permissions


@dataclass(slots=True, eq=False)
class Membership:
    """A person in an organization. `refusal` makes every change of it fail with that text."""

    id: str
    organization_id: str
    user: User
    role: Role
    active: bool = True
    auto_record_calls: str = "unset"
    track_email_opens: bool = True
    default_caller_id: str | None = None
    hangup_recording_url: str | None = None
    may_workflows_impersonate: bool = False
    primary_personal_number: str | None = None
    is_free: bool = False
    onboarding_status: str = "in-progress"
    plan_type: str | None = None
    pinned_views: list[str] = field(default_factory=list)
    refusal: str | None = None
    # Encoded once per change: ten thousand rows are asked for far more often than they change.
    encoded: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def manages(self) -> bool:
        return self.active and self.role.manages


@dataclass(slots=True)
class Group:
    """A named set of users. People who left stay in it."""

    id: str
    name: str
    organization_id: str
    user_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LeadField:
    """A custom field of leads. `several`: it takes more than one value."""

    id: str
    organization_id: str
    name: str
    type: str
    created_at: datetime
    several: bool = False


@dataclass(slots=True)
class PhoneNumber:
    id: str
    organization_id: str
    number: str
    label: str
    participants: list[str]
    is_group_number: bool
    created_at: datetime


@dataclass(slots=True)
class SmartView:
    id: str
    organization_id: str
    name: str
    type: str
    user_id: str | None
    is_shared: bool
    created_at: datetime
    group_ids: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Organization:
    """Everything one organization owns; `by_user` indexes `memberships`, active and inactive."""

    id: str
    name: str
    created_at: datetime
    events: EventLog
    created_by: str | None = None
    domain_restriction: bool = True
    verified_domains: set[str] = field(default_factory=set)
    roles: dict[str, Role] = field(default_factory=dict)
    memberships: dict[str, Membership] = field(default_factory=dict)
    by_user: dict[str, Membership] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    lead_fields: dict[str, LeadField] = field(default_factory=dict)
    phone_numbers: dict[str, PhoneNumber] = field(default_factory=dict)
    smart_views: dict[str, SmartView] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    opportunities: dict[str, Opportunity] = field(default_factory=dict)

    def managers(self) -> list[Membership]:
        """The active people who can manage the organization."""
        return [membership for membership in self.memberships.values() if membership.manages]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, through what. What they may do is fixed when the call begins."""

    organization: Organization
    membership: Membership
    manages: bool
    request_id: str | None = None
    api_key_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def must_manage(self) -> None:
        """Raises NotPermitted."""
        if not self.manages:
            raise NotPermitted
