"""What the world is made of: records that point at each other. The rules live beside them.

An attribute of schema.py is an attribute here, under the same name; so is a relationship.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Status = Literal["pending", "active"]
Kind = Literal["admin", "read_only", "custom"]

SCOPES = ("live_access", "test_access", "all_access")
TESTING = {"test_access", "all_access"}

# Apps of the Dashboard; each has one credential per mode.
APPS = tuple(
    """
    bundles customers exports gift_cards imports inventory orders price_lists promotions returns
    shipments sku_lists skus stock_transfers subscriptions tags webhooks
    """.split()
)
# What a custom role can have permissions on: some of the Core API's resources.
SUBJECTS = tuple(
    """
    addresses customers gift_cards imports inventory_models markets orders price_lists prices
    promotions returns shipments sku_lists skus stock_items stock_locations tags webhooks
    """.split()
)


class Ids:
    """Ten letters, upper and lower case; the same for the same seed, never the same twice."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)
        self._taken: set[str] = set()

    def make(self) -> str:
        while True:
            made = "".join(self._random.choices(string.ascii_letters, k=10))
            if made not in self._taken:
                self._taken.add(made)
                return made


@dataclass(slots=True, eq=False, kw_only=True)
class Record:
    """What every resource has. `history` is oldest first."""

    id: str
    created_at: datetime
    updated_at: datetime
    reference: str | None = None
    reference_origin: str | None = None
    metadata: dict[str, Any] | None = field(default_factory=dict)
    history: list[Version] = field(default_factory=list, repr=False)

    @property
    def versions(self) -> list[Version]:
        return self.history


@dataclass(slots=True, eq=False, kw_only=True)
class User(Record):
    """A person with an account, who may belong to several organizations or to none."""

    email: str
    first_name: str | None
    last_name: str | None
    time_zone: str | None = "UTC"
    otp_required_for_login: bool = False
    memberships: list[Membership] = field(default_factory=list, repr=False)

    def member_of(self, organization: Organization) -> Membership | None:
        return next((own for own in self.memberships if own.organization is organization), None)

    def administers(self, organization: Organization) -> bool:
        own = self.member_of(organization)
        return own is not None and own.role.kind == "admin"


@dataclass(slots=True, eq=False, kw_only=True)
class Organization(Record):
    """`most_members` None is a plan without a cap."""

    name: str
    slug: str
    domain: str
    region: str = "eu-west-1"
    plan_type: str = "growth"
    most_members: int | None = None
    memberships: list[Membership] = field(default_factory=list, repr=False)
    roles: list[Role] = field(default_factory=list, repr=False)
    permissions: list[Permission] = field(default_factory=list, repr=False)
    api_credentials: list[ApiCredential] = field(default_factory=list, repr=False)
    membership_profiles: list[MembershipProfile] = field(default_factory=list, repr=False)
    application_memberships: list[ApplicationMembership] = field(default_factory=list, repr=False)

    @property
    def subscription_info(self) -> dict[str, Any]:
        return {
            "plan_type": self.plan_type,
            "limits": {"markets": 5, "skus": 10000, "organizations": 2, "memberships": self.most_members},
            "totals": {"organizations": 1, "markets": 0, "memberships": len(self.memberships), "skus": 0},
        }

    def role(self, kind: Kind) -> Role:
        """The built-in role of that kind."""
        return next(role for role in self.roles if role.kind == kind)

    def admins(self) -> list[Membership]:
        """Those who can act: nobody acts who has not accepted yet."""
        return [held for held in self.memberships if held.role.kind == "admin" and held.status == "active"]

    def by_email(self, email: str) -> Membership | None:
        wanted = email.lower()
        return next((held for held in self.memberships if held.user_email.lower() == wanted), None)


@dataclass(slots=True, eq=False, kw_only=True)
class Role(Record):
    organization: Organization
    name: str
    kind: Kind = "custom"

    @property
    def permissions(self) -> list[Permission]:
        return [permission for permission in self.organization.permissions if permission.role is self]

    @property
    def memberships(self) -> list[Membership]:
        return [held for held in self.organization.memberships if held.role is self]

    @property
    def api_credentials(self) -> list[ApiCredential]:
        return [credential for credential in self.organization.api_credentials if credential.role is self]


@dataclass(slots=True, eq=False, kw_only=True)
class Permission(Record):
    """What a custom role may do with one resource of the Core API."""

    role: Role
    subject: str
    can_create: bool
    can_read: bool
    can_update: bool
    can_destroy: bool
    restrictions: dict[str, Any] = field(default_factory=dict)

    @property
    def organization(self) -> Organization:
        return self.role.organization


@dataclass(slots=True, eq=False, kw_only=True)
class ApiCredential(Record):
    organization: Organization
    name: str
    kind: str
    mode: Literal["test", "live"]
    client_id: str
    secret: str = field(repr=False)
    role: Role | None = None
    custom: bool = False
    confidential: bool = True
    redirect_uri: str | None = None
    expires_in: int = 7200
    scopes: str = "market:all"


@dataclass(slots=True, eq=False, kw_only=True)
class MembershipProfile(Record):
    """A named bundle of apps."""

    organization: Organization
    name: str
    access_scope: str | None

    @property
    def test_enabled(self) -> bool:
        return self.access_scope in TESTING

    @property
    def application_memberships(self) -> list[ApplicationMembership]:
        apps = self.organization.application_memberships
        return [app for app in apps if app.membership_profile is self]

    @property
    def members(self) -> list[Membership]:
        return [held for held in self.organization.memberships if held.membership_profile is self]


@dataclass(slots=True, eq=False, kw_only=True)
class Membership(Record):
    """An email in an organization, and whose it is once there is an account."""

    organization: Organization
    email: str
    role: Role
    user: User | None = None
    status: Status = "pending"
    owner: bool = False
    access_scope: str | None = "live_access"
    membership_profile: MembershipProfile | None = None
    # What every change of it is refused with, and when its invitation was sent last.
    refusal: str | None = None
    invited_at: float = 0.0

    @property
    def user_email(self) -> str:
        return self.user.email if self.user else self.email

    @property
    def user_first_name(self) -> str | None:
        return self.user.first_name if self.user else None

    @property
    def user_last_name(self) -> str | None:
        return self.user.last_name if self.user else None

    @property
    def test_enabled(self) -> bool:
        return self.access_scope in TESTING

    @property
    def application_memberships(self) -> list[ApplicationMembership]:
        apps = self.organization.application_memberships
        return [app for app in apps if app.membership is self]


@dataclass(slots=True, eq=False, kw_only=True)
class ApplicationMembership(Record):
    """One Dashboard app for one member, or for everybody with a profile."""

    organization: Organization
    api_credential: ApiCredential
    role: Role
    membership: Membership | None = None
    membership_profile: MembershipProfile | None = None
    filters: dict[str, Any] | None = field(default_factory=dict)


@dataclass(slots=True, eq=False, kw_only=True)
class Version(Record):
    """What was done to a membership, role or permission; `changes` are {name: [old, new]}."""

    organization: Organization
    resource_type: str
    resource_id: str
    event: Literal["create", "update", "destroy"]
    changes: dict[str, Any]
    who: dict[str, Any]


# Resource types, as the API calls them
KINDS: dict[str, type[Record]] = {
    "users": User,
    "organizations": Organization,
    "memberships": Membership,
    "roles": Role,
    "permissions": Permission,
    "membership_profiles": MembershipProfile,
    "application_memberships": ApplicationMembership,
    "api_credentials": ApiCredential,
    "versions": Version,
}
TYPES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Email:
    """What would have been sent."""

    to: str
    organization_id: str
    membership_id: str
    kind: Literal["invitation", "notice"]
    at: float
