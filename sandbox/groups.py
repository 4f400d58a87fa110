"""Rules of groups: named sets of users that grant nothing.

Source: https://developer.close.com/api/resources/groups
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox import bodies, fields
from sandbox.errors import Invalid, NotFound
from sandbox.records import Caller, Group, Organization

if TYPE_CHECKING:
    from sandbox.world import World


def find(organization: Organization, group_id: str) -> Group:
    """Raises NotFound."""
    try:
        return organization.groups[group_id]
    except KeyError:
        raise NotFound("Group") from None


def create(world: World, caller: Caller, body: Mapping[str, Any]) -> Group:
    """Raises Invalid or NotPermitted."""
    caller.must_manage()
    name = _name(caller.organization, body, None)
    group = Group(world.ids.make("group"), name, caller.organization.id)
    caller.organization.groups[group.id] = group
    _log(caller, "created", group)
    return group


def rename(caller: Caller, group: Group, body: Mapping[str, Any]) -> None:
    """Raises Invalid or NotPermitted."""
    caller.must_manage()
    before = bodies.group(group)
    group.name = _name(caller.organization, body, group)
    _log(caller, "updated", group, {"name": before["name"]})


def delete(caller: Caller, group: Group) -> None:
    """Refused while a smart view is shared with it. Raises Invalid or NotPermitted."""
    caller.must_manage()
    if any(group.id in view.group_ids for view in caller.organization.smart_views.values()):
        raise Invalid("This group is referenced by Smart Views or reports and can not be deleted.")
    del caller.organization.groups[group.id]
    _log(caller, "deleted", group)


def add(caller: Caller, group: Group, body: Mapping[str, Any]) -> str:
    """Add an active member by user id; once in, adding again changes nothing."""
    caller.must_manage()
    user_id = body.get("user_id")
    if user_id is None:
        raise Invalid(fields={"user_id": fields.REQUIRED})
    membership = caller.organization.by_user.get(user_id) if isinstance(user_id, str) else None
    if membership is None or not membership.active:
        raise Invalid("Invalid organization members")
    if membership.user.id not in group.user_ids:
        before = bodies.group(group)
        group.user_ids.append(membership.user.id)
        _log(caller, "updated", group, {"members": before["members"]})
    return membership.user.id


def remove(caller: Caller, group: Group, user_id: str) -> None:
    """Taking out somebody who is not in changes nothing."""
    caller.must_manage()
    if user_id in group.user_ids:
        before = bodies.group(group)
        group.user_ids.remove(user_id)
        _log(caller, "updated", group, {"members": before["members"]})


def overwrite(organization: Organization, group: Group, user_ids: list[str], name: str) -> None:
    """What somebody else does in Close: not asked for permission."""
    before = bodies.group(group)
    group.user_ids, group.name = list(user_ids), name or group.name
    previous = {key: value for key, value in before.items() if bodies.group(group)[key] != value}
    organization.events.record("group", "updated", group.id, bodies.group(group), previous=previous)


def drop(organization: Organization, group: Group) -> None:
    """As `overwrite`."""
    del organization.groups[group.id]
    organization.events.record("group", "deleted", group.id, bodies.group(group))


def _name(organization: Organization, body: Mapping[str, Any], group: Group | None) -> str:
    name = body.get("name")
    if name in (None, ""):
        raise Invalid(fields={"name": fields.REQUIRED})
    if not isinstance(name, str):
        raise Invalid(fields={"name": fields.NOT_TEXT})
    if any(other.name == name and other is not group for other in organization.groups.values()):
        raise Invalid(fields={"name": "A group with this name already exists."})
    return name


def _log(caller: Caller, action: str, group: Group, previous: dict[str, Any] | None = None) -> None:
    data = bodies.group(group)
    caller.organization.events.record("group", action, group.id, data, previous=previous, by=caller)
