"""Who asks, what they may see and what they may change.

Sources: https://docs.commercelayer.io/provisioning/api-reference (memberships, application_memberships,
membership_profiles)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.commercelayer.errors import Denied
from sandbox.commercelayer.records import (
    ApiCredential,
    ApplicationMembership,
    Membership,
    MembershipProfile,
    Organization,
    Permission,
    Record,
    Role,
    User,
    Version,
)
from sandbox.commercelayer.switches import CommerceSwitches
from sandbox.commercelayer.tokens import Application


@dataclass(frozen=True, slots=True)
class Caller:
    """The user of a token, in all of their organizations."""

    user: User
    application: Application
    switches: CommerceSwitches

    @property
    def who(self) -> dict[str, Any]:
        """As a version remembers it."""
        application = {"id": self.application.id, "kind": self.application.kind, "public": False}
        return {"application": application, "owner": {"type": "User", "id": self.user.id}}

    def sees(self, record: Record) -> bool:
        """Admins see everything of their organizations, others what they share and what is their own."""
        match record:
            case User():
                return record is self.user
            case Organization():
                return self._belongs(record)
            case Role() | Permission() | ApiCredential():
                return self._belongs(record.organization)
            case Membership():
                return (
                    self.user.administers(record.organization)
                    or record.user is self.user
                    or (self.switches.members_see_everybody and self._belongs(record.organization))
                )
            case MembershipProfile():
                return self.user.administers(record.organization) or self._has(record)
            case ApplicationMembership():
                return (
                    self.user.administers(record.organization)
                    or (record.membership is not None and record.membership.user is self.user)
                    or self._has(record.membership_profile)
                )
            case Version():
                return self.user.administers(record.organization)
            case _:
                return False

    def must_administer(self, organization: Organization) -> None:
        """Raises Denied."""
        if not self.user.administers(organization):
            raise Denied

    def _belongs(self, organization: Organization) -> bool:
        return self.user.member_of(organization) is not None

    def _has(self, profile: MembershipProfile | None) -> bool:
        own = self.user.member_of(profile.organization) if profile else None
        return own is not None and own.membership_profile is profile
