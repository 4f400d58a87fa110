"""What each resource has, and what may be done with it.

Flags: C given on create, U on update, Q filtered by, S sorted by. Everything can be read. The
organization's settings, about sixty of them, are left out.
Sources: https://docs.commercelayer.io/provisioning/api-reference,
https://github.com/commercelayer/provisioning-sdk (gen/resources.json)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["text", "flag", "number", "moment", "object"]


@dataclass(frozen=True, slots=True)
class Attribute:
    flags: str = ""
    form: Form = "text"


@dataclass(frozen=True, slots=True)
class Relationship:
    """`type` is the resource type at the other end."""

    type: str
    flags: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """`triggers` are attributes that can be sent and are never shown."""

    type: str
    attributes: Mapping[str, Attribute]
    relationships: Mapping[str, Relationship] = field(default_factory=dict)
    triggers: frozenset[str] = frozenset()

    def writable(self, flag: Literal["C", "U"]) -> set[str]:
        return {name for name, attribute in self.attributes.items() if flag in attribute.flags}

    def linkable(self, flag: Literal["C", "U"]) -> set[str]:
        return {name for name, relationship in self.relationships.items() if flag in relationship.flags}

    def filtered_by(self, name: str) -> Attribute | None:
        """The attribute of that name, `id` among them, if one may filter by it."""
        attribute = COMMON_KEYS.get(name) or self.attributes.get(name)
        return attribute if attribute and "Q" in attribute.flags else None

    def sorted_by(self, name: str) -> bool:
        attribute = COMMON_KEYS.get(name) or self.attributes.get(name)
        return attribute is not None and "S" in attribute.flags


COMMON_KEYS = {"id": Attribute("QS")}
DATES = {"created_at": Attribute("QS", "moment"), "updated_at": Attribute("QS", "moment")}
COMMON = {
    **DATES,
    "reference": Attribute("CUQS"),
    "reference_origin": Attribute("CUQS"),
    "metadata": Attribute("CUQ", "object"),
}
VERSIONS = Relationship("versions", many=True)

SCHEMA: dict[str, Resource] = {
    resource.type: resource
    for resource in (
        Resource(
            "users",
            {
                "email": Attribute("UQS"),
                "first_name": Attribute("UQS"),
                "last_name": Attribute("UQS"),
                "time_zone": Attribute("UQ"),
                "otp_required_for_login": Attribute("", "flag"),
                **COMMON,
            },
        ),
        Resource(
            "organizations",
            {
                "name": Attribute("CUQS"),
                "slug": Attribute("QS"),
                "domain": Attribute("QS"),
                "region": Attribute(),
                "subscription_info": Attribute("", "object"),
                **COMMON,
            },
            {
                "memberships": Relationship("memberships", "Q", many=True),
                "roles": Relationship("roles", "Q", many=True),
                "permissions": Relationship("permissions", "Q", many=True),
                "api_credentials": Relationship("api_credentials", "Q", many=True),
            },
        ),
        Resource(
            "memberships",
            {
                "user_email": Attribute("CQ"),
                "user_first_name": Attribute(),
                "user_last_name": Attribute(),
                "status": Attribute("QS"),
                "owner": Attribute("Q", "flag"),
                "test_enabled": Attribute("", "flag"),
                "access_scope": Attribute("CUQ"),
                **COMMON,
            },
            {
                "organization": Relationship("organizations", "CQ"),
                "role": Relationship("roles", "CUQ"),
                "application_memberships": Relationship("application_memberships", "CUQ", many=True),
                "membership_profile": Relationship("membership_profiles", "CUQ"),
                "versions": VERSIONS,
            },
        ),
        Resource(
            "roles",
            {"name": Attribute("CUQ"), "kind": Attribute("Q"), **COMMON},
            {
                "organization": Relationship("organizations", "CQ"),
                "permissions": Relationship("permissions", "Q", many=True),
                "memberships": Relationship("memberships", "Q", many=True),
                "api_credentials": Relationship("api_credentials", "Q", many=True),
                "versions": VERSIONS,
            },
            frozenset({"_add_missing_base_permissions"}),
        ),
        Resource(
            "permissions",
            {
                "can_create": Attribute("CUQ", "flag"),
                "can_read": Attribute("CUQ", "flag"),
                "can_update": Attribute("CUQ", "flag"),
                "can_destroy": Attribute("CUQ", "flag"),
                "subject": Attribute("CQ"),
                "restrictions": Attribute("", "object"),
                **COMMON,
            },
            {
                "organization": Relationship("organizations", "Q"),
                "role": Relationship("roles", "CQ"),
                "versions": VERSIONS,
            },
        ),
        Resource(
            "membership_profiles",
            {
                "name": Attribute("CUQS"),
                "access_scope": Attribute("CUQ"),
                "test_enabled": Attribute("", "flag"),
                **COMMON,
            },
            {
                "organization": Relationship("organizations", "CQ"),
                "application_memberships": Relationship("application_memberships", "CUQ", many=True),
            },
        ),
        Resource(
            "application_memberships",
            {"filters": Attribute("CUQ", "object"), **COMMON},
            {
                "api_credential": Relationship("api_credentials", "CQ"),
                "membership": Relationship("memberships", "CQ"),
                "membership_profile": Relationship("membership_profiles", "CUQ"),
                "organization": Relationship("organizations", "CQ"),
                "role": Relationship("roles", "CUQ"),
            },
        ),
        Resource(
            "api_credentials",
            {
                "name": Attribute("CUQ"),
                "kind": Attribute("CQ"),
                "confidential": Attribute("Q", "flag"),
                "redirect_uri": Attribute("CUQ"),
                "client_id": Attribute("Q"),
                "client_secret": Attribute(),
                "scopes": Attribute("Q"),
                "expires_in": Attribute("CUQ", "number"),
                "mode": Attribute("CQS"),
                "custom": Attribute("CQ", "flag"),
                **COMMON,
            },
            {
                "organization": Relationship("organizations", "CQ"),
                "role": Relationship("roles", "CUQ"),
            },
        ),
        Resource(
            "versions",
            {
                "resource_type": Attribute("Q"),
                "resource_id": Attribute("Q"),
                "event": Attribute(),
                "changes": Attribute("", "object"),
                "who": Attribute("", "object"),
                **COMMON,
            },
        ),
    )
}
