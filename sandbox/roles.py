"""Rules of roles: who may edit them, and what they refuse.

Source: https://developer.close.com/api/resources/roles
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox import fields
from sandbox.errors import Invalid, NotFound, NotInPlan
from sandbox.records import PERMISSIONS, Caller, Organization, Role

if TYPE_CHECKING:
    from sandbox.world import World

BEHAVIORS = ("require_assignment", "allow_unassigned")
VISIBILITY = ("visibility_user_lcf_ids", "visibility_user_lcf_behavior")
MOST_VISIBILITY_FIELDS = 3


def find(organization: Organization, role_id: str) -> Role:
    """Raises NotFound."""
    try:
        return organization.roles[role_id]
    except KeyError:
        raise NotFound("Role") from None


def create(world: World, caller: Caller, body: Mapping[str, Any]) -> Role:
    """Raises Invalid, NotInPlan or NotPermitted."""
    _must_edit(world, caller)
    for required in ("name", "permissions"):
        if body.get(required) is None:
            raise Invalid(fields={required: fields.REQUIRED})
    now = datetime.fromtimestamp(world.clock(), UTC)
    role = Role("", "", [], caller.organization.id, created_at=now)
    _edit(world, caller.organization, role, body)
    role.id = world.ids.make("role")
    caller.organization.roles[role.id] = role
    return role


def update(world: World, caller: Caller, role: Role, body: Mapping[str, Any]) -> None:
    """Permissions reach everyone who holds the role at once. Raises as `create`."""
    _must_edit(world, caller)
    if not role.editable:
        raise Invalid("System roles can not be edited.")
    _edit(world, caller.organization, role, body)
    for membership in caller.organization.memberships.values():
        if membership.role is role:
            membership.user.changed()


def delete(world: World, caller: Caller, role: Role) -> None:
    """Refused while active members hold it; what that means for people who left is a switch. Raises as `create`."""
    caller.must_manage()
    if not role.editable:
        raise Invalid("System roles can not be deleted.")
    holders = [
        membership for membership in caller.organization.memberships.values() if membership.role is role
    ]
    departed = world.switches.departed_with_deleted_role
    if any(membership.active or departed == "prevent_it" for membership in holders):
        raise Invalid("This role is still assigned to users. Move them to another role first.")
    del caller.organization.roles[role.id]
    for membership in holders if departed == "get_the_least" else ():
        membership.role = caller.organization.roles["restricteduser"]
        membership.user.changed()


def _must_edit(world: World, caller: Caller) -> None:
    caller.must_manage()
    if not world.switches.plan_has_custom_roles:
        raise NotInPlan("Custom roles are not available on your plan.")


def _are_user_fields(organization: Organization, field_ids: Iterable[str] | None) -> bool:
    users = {found.id for found in organization.lead_fields.values() if found.type == "user"}
    return users.issuperset(field_ids or ())


def _edit(world: World, organization: Organization, role: Role, body: Mapping[str, Any]) -> None:
    """All of it or nothing."""
    fields.only(body, {"name", "permissions", *VISIBILITY}, world.switches)
    problems: dict[str, str] = {}
    name = body.get("name", role.name)
    permissions = body.get("permissions", role.permissions)
    field_ids = body.get("visibility_user_lcf_ids", role.visibility_user_lcf_ids)
    behavior = body.get("visibility_user_lcf_behavior", role.visibility_user_lcf_behavior)

    if not isinstance(name, str):
        problems["name"] = fields.NOT_TEXT
    elif not name.strip():
        problems["name"] = fields.REQUIRED
    elif world.switches.same_role_name_refused and any(
        other.name == name and other is not role for other in organization.roles.values()
    ):
        problems["name"] = "A role with this name already exists."
    if not fields.is_texts(permissions):
        problems["permissions"] = fields.NOT_A_LIST
    elif world.switches.unknown_permissions_refused and (strange := set(permissions) - set(PERMISSIONS)):
        problems["permissions"] = f"Unknown permissions: {', '.join(sorted(strange))}."
    if field_ids is not None and not fields.is_texts(field_ids):
        problems["visibility_user_lcf_ids"] = fields.NOT_A_LIST
    elif field_ids and len(field_ids) > MOST_VISIBILITY_FIELDS:
        problems["visibility_user_lcf_ids"] = "List is too long."
    elif world.switches.unknown_visibility_fields_refused and not _are_user_fields(organization, field_ids):
        problems["visibility_user_lcf_ids"] = "Object does not exist."
    if behavior is not None and behavior not in BEHAVIORS:
        problems["visibility_user_lcf_behavior"] = f"Value must be one of {', '.join(BEHAVIORS)}."
    if not problems and "view_all_leads" in permissions and (field_ids or behavior):
        problems = dict.fromkeys(VISIBILITY, "Must be empty for a role that can view all leads.")
    if problems:
        raise Invalid(fields=problems)

    role.name, role.permissions = name, list(permissions)
    role.visibility_user_lcf_ids, role.visibility_user_lcf_behavior = field_ids, behavior
    role.updated_at = datetime.fromtimestamp(world.clock(), UTC)
