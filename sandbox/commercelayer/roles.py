"""Rules of roles and of the permissions of custom ones.

Sources: https://docs.commercelayer.io/provisioning/api-reference/roles and /permissions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.commercelayer import changes
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.documents import Document
from sandbox.commercelayer.errors import ATTRIBUTE, RELATIONSHIP, Invalid, wrong
from sandbox.commercelayer.records import SUBJECTS, Permission, Role
from sandbox.commercelayer.schema import SCHEMA

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld

FLAGS = ("can_create", "can_read", "can_update", "can_destroy")
BASE_TRIGGER = "_add_missing_base_permissions"


def create(world: CommerceWorld, caller: Caller, document: Document) -> Role:
    """A custom role without permissions; Enterprise plans only. Raises CommerceError."""
    organization = changes.place(world, caller, document, "roles")
    problems = [
        *changes.missing(document.attributes, "name", at=ATTRIBUTE),
        *changes.missing({"organization": organization}, "organization", at=RELATIONSHIP),
        *document.mistyped(SCHEMA["roles"]),
    ]
    if problems or organization is None:
        raise Invalid(*problems)
    if organization.plan_type != "enterprise":
        refusal = wrong("organization", "has no custom roles in its plan", "plan", at=RELATIONSHIP)
        raise changes.refused(world.switches.role_not_in_plan_status, refusal)
    role = world.make_role(organization, **document.attributes)
    changes.remember(world, role, "create", {"name": [None, role.name]}, caller.who)
    return role


def update(world: CommerceWorld, caller: Caller, role: Role, document: Document) -> None:
    """Raises CommerceError."""
    caller.must_administer(role.organization)
    values = dict(document.attributes)
    base = values.pop(BASE_TRIGGER, None)
    problems = [
        *changes.emptied(values, "name", at=ATTRIBUTE),
        *document.mistyped(SCHEMA["roles"]),
    ]
    if problems:
        raise Invalid(*problems)
    changes.apply(world, role, values, caller.who)
    if base and role.kind == "custom":
        known = {permission.subject for permission in role.permissions}
        for subject in SUBJECTS:
            if subject not in known:
                world.make_permission(role, subject, can_read=True)


def create_permission(world: CommerceWorld, caller: Caller, document: Document) -> Permission:
    """One for each role and subject, for custom roles only. Raises CommerceError."""
    links = changes.linked(world, caller, document, "permissions")
    role: Role | None = links.get("role")
    if role is not None:
        caller.must_administer(role.organization)
    values = document.attributes
    problems = [
        *changes.missing(values, *FLAGS, "subject", at=ATTRIBUTE),
        *changes.missing(links, "role", at=RELATIONSHIP),
        *document.mistyped(SCHEMA["permissions"]),
    ]
    subject: Any = values.get("subject")
    if isinstance(subject, str) and subject and subject not in SUBJECTS:
        problems.append(wrong("subject", "is not included in the list", "inclusion", value=subject))
    if role is not None and role.kind != "custom":
        problems.append(wrong("role", "must be a custom one", "invalid", at=RELATIONSHIP))
    elif role is not None and any(held.subject == subject for held in role.permissions):
        problems.append(wrong("subject", "has already been taken", "taken", value=subject))
    if problems or role is None:
        raise Invalid(*problems)
    return world.make_permission(role, **values)


def update_permission(
    world: CommerceWorld, caller: Caller, permission: Permission, document: Document
) -> None:
    """Raises CommerceError."""
    caller.must_administer(permission.organization)
    problems = [
        *changes.emptied(document.attributes, *FLAGS, at=ATTRIBUTE),
        *document.mistyped(SCHEMA["permissions"]),
    ]
    if problems:
        raise Invalid(*problems)
    changes.apply(world, permission, document.attributes, caller.who)
