"""Rules of memberships: creating, changing one or many, deactivating, pinned views.

Source: https://developer.close.com/api/resources/memberships
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox import bodies, fields
from sandbox.errors import Forbidden, Invalid, NotFound, NotPermitted
from sandbox.records import Caller, Membership, Organization, Role

if TYPE_CHECKING:
    from sandbox.world import World

RECORDING = ("enabled", "disabled", "unset")


def create(world: World, caller: Caller, body: Mapping[str, Any]) -> Membership:
    """Ensure an active membership for an email: provision, add, re-activate or leave as it is.

    Raises Forbidden (caller, domain restriction, powerful role) or Invalid.
    """
    organization = caller.organization
    if not caller.manages:
        raise Forbidden("You do not have permission to manage this organization.")
    if not organization.domain_restriction:
        raise Forbidden("Memberships can only be created when new users are restricted to verified domains.")
    fields.only(body, {"email", "role_id"}, world.switches)
    email = _email(body.get("email"))
    role = _role(world, organization, body.get("role_id"))
    if role.manages:
        raise Forbidden("Memberships can not be created with a role that can manage the organization.")
    if email.rpartition("@")[2] not in organization.verified_domains:
        raise Invalid(fields={"email": "The email is not in a verified domain of the organization."})
    user = world.user_by_email(email) or world.provision(email)
    membership = organization.by_user.get(user.id)
    if membership and membership.refusal:
        raise Invalid(membership.refusal)
    if membership is None:
        membership = world.join(organization, user, role)
    elif membership.active:
        if world.switches.create_overwrites_role:
            _check_guards(world, caller, membership, role)
            membership.role = role
            membership.user.changed()
        return membership
    else:
        back_as = role if world.switches.reactivation_takes_role else membership.role
        if back_as.manages:
            raise Forbidden(
                "Memberships can not be re-activated with a role that can manage the organization."
            )
        activate(membership, back_as)
        if not world.switches.reactivation_keeps_groups:
            for group in organization.groups.values():
                group.user_ids = [pk for pk in group.user_ids if pk != user.id]
    if world.switches.create_is_logged:
        log(organization, "activated", membership, by=caller)
    return membership


def update(world: World, caller: Caller, membership: Membership, changes: Mapping[str, Any]) -> None:
    """Change some settings of one membership; nothing changes when any is refused.

    Raises Invalid, NotFound (inactive) or NotPermitted.
    """
    if not membership.active and world.switches.inactive_is_not_found:
        raise NotFound("Membership")
    own = caller.membership is membership and world.switches.own_settings_editable
    if not caller.manages and not (own and "role_id" not in changes):
        raise NotPermitted
    if membership.refusal:
        raise Invalid(fields={next(iter(changes), "role_id"): membership.refusal})
    fields.only(changes, set(_SETTINGS) | {"role_id"}, world.switches)
    cleaned: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, clean in _SETTINGS.items():
        if name in changes:
            try:
                cleaned[name] = clean(world, caller.organization, changes[name])
            except ValueError as problem:
                problems[name] = str(problem)
    if problems:
        raise Invalid(fields=problems)
    if "role_id" in changes:
        cleaned["role"] = role = _role(world, caller.organization, changes["role_id"])
        _check_guards(world, caller, membership, role)
    for name, value in cleaned.items():
        setattr(membership, name, value)
    membership.user.changed()


def update_many(world: World, caller: Caller, ids: str | None, changes: Mapping[str, Any]) -> int:
    """Change several memberships one after another; returns how many.

    `ids` is comma-joined. None means there was no filter Close knows: everyone in sight is
    changed. Unknown ids are skipped. The first refusal stops it, with what was done so far
    as `count`; what was done stays done.
    """
    visible = [
        membership
        for membership in caller.organization.memberships.values()
        if membership.active or not world.switches.inactive_is_not_found
    ]
    wanted = set(ids.split(",")) if ids is not None else None
    # In the order they were created, not the order asked for: nobody promised the latter.
    chosen = [membership for membership in visible if wanted is None or membership.id in wanted]
    limit = world.switches.bulk_refused_from
    if len(chosen) >= limit:
        raise Invalid(f"It's not allowed to update more than {limit} objects at once")
    before = [(membership, _settings(membership)) for membership in chosen]
    for done, membership in enumerate(chosen):
        try:
            update(world, caller, membership, changes)
        except (Invalid, NotPermitted) as refusal:
            if world.switches.bulk_is_atomic:
                _restore(before[:done])
                done = 0
            if isinstance(refusal, Invalid):
                refusal.count = done
            raise
    return len(chosen)


def deactivate(world: World, caller: Caller, membership: Membership) -> None:
    """Remove a person from the organization; groups, settings and role id stay as they are.

    Raises Invalid (oneself, last manager), NotFound (already inactive) or NotPermitted.
    """
    caller.must_manage()
    switches = world.switches
    if not membership.active:
        if switches.inactive_is_not_found:
            raise NotFound("Membership")
        return
    if membership.refusal:
        raise Invalid(membership.refusal)
    if switches.self_deactivation_refused and membership is caller.membership:
        raise Invalid("You can not remove yourself from the organization.")
    if switches.last_manager_deactivation_refused and caller.organization.managers() == [membership]:
        raise Invalid("The last admin of an organization can not be removed.")
    leave(world, caller.organization, membership)
    log(caller.organization, "deactivated", membership, by=caller)


def pinned_views(caller: Caller, membership: Membership) -> list[str]:
    """The ordered view ids; one's own, or anybody's for those who manage the organization."""
    if membership is not caller.membership:
        caller.must_manage()
    return membership.pinned_views


def pin_views(world: World, caller: Caller, membership: Membership, body: Mapping[str, Any]) -> list[str]:
    """Overwrite the whole ordered list. Raises Invalid or NotPermitted."""
    pinned_views(caller, membership)
    fields.only(body, {"saved_view_ids"}, world.switches)
    view_ids = body.get("saved_view_ids")
    if view_ids is None:
        raise Invalid(fields={"saved_view_ids": fields.REQUIRED})
    if not isinstance(view_ids, list) or not all(isinstance(view_id, str) for view_id in view_ids):
        raise Invalid(fields={"saved_view_ids": fields.NOT_A_LIST})
    known = caller.organization.smart_views
    if world.switches.unknown_pinned_views_refused and not all(view_id in known for view_id in view_ids):
        raise Invalid(fields={"saved_view_ids": fields.UNKNOWN})
    membership.pinned_views = view_ids
    return view_ids


def find(organization: Organization, membership_id: str) -> Membership:
    """Raises NotFound, also for other organizations' members."""
    try:
        return organization.memberships[membership_id]
    except KeyError:
        raise NotFound("Membership") from None


def activate(membership: Membership, role: Role) -> None:
    """Back in, with that role; whoever calls writes the log."""
    membership.active = True
    membership.role = role
    membership.user.changed()


def leave(world: World, organization: Organization, membership: Membership) -> None:
    """Out, with whatever that does to their tokens; whoever calls writes the log."""
    membership.active = False
    membership.user.changed()
    if world.switches.deactivation_revokes_tokens:
        world.grants.revoke(membership.user.id, organization.id)


def log(
    organization: Organization,
    action: str,
    membership: Membership,
    *,
    by: Caller | None = None,
    by_user_id: str | None = None,
    at: datetime | None = None,
) -> None:
    """Only `activated` and `deactivated` exist: role changes leave no trace in Close."""
    data = bodies.membership(membership)
    organization.events.record("membership", action, membership.id, data, by=by, by_user_id=by_user_id, at=at)


def _check_guards(world: World, caller: Caller, membership: Membership, role: Role) -> None:
    """Refusals nobody documents, each behind its switch. Raises Invalid."""
    switches = world.switches
    key = "role" if switches.role_errors_say_role else "role_id"
    if role.id == "admin" and membership.role is not role and not switches.admin_can_be_granted:
        raise Invalid(fields={key: "The admin role can not be granted."})
    if switches.own_role_change_refused and membership is caller.membership and membership.role is not role:
        raise Invalid(fields={key: "You can not change your own role."})
    if switches.last_manager_demotion_refused and not role.manages:
        if caller.organization.managers() == [membership]:
            raise Invalid(fields={key: "The last admin of an organization can not be changed."})


def _settings(membership: Membership) -> dict[str, Any]:
    return {name: getattr(membership, name) for name in (*_SETTINGS, "role")}


def _restore(before: Sequence[tuple[Membership, Mapping[str, Any]]]) -> None:
    for membership, settings in before:
        for name, value in settings.items():
            setattr(membership, name, value)
        membership.user.changed()


def _email(value: Any) -> str:
    if value in (None, ""):
        raise Invalid(fields={"email": fields.REQUIRED})
    if not isinstance(value, str):
        raise Invalid(fields={"email": fields.NOT_TEXT})
    email = value.strip().lower()
    name, at, domain = email.rpartition("@")
    if not (name and at and "." in domain) or any(character.isspace() for character in email):
        raise Invalid(fields={"email": "Invalid email address."})
    return email


def _role(world: World, organization: Organization, value: Any) -> Role:
    key = "role" if world.switches.role_errors_say_role else "role_id"
    if value in (None, ""):
        raise Invalid(fields={key: fields.REQUIRED})
    if not isinstance(value, str):
        raise Invalid(fields={key: fields.NOT_TEXT})
    if value not in organization.roles:
        raise Invalid(fields={key: fields.UNKNOWN})
    return organization.roles[value]


def _recording(world: World, organization: Organization, value: Any) -> str:
    allowed = RECORDING if world.switches.unset_can_be_written_back else RECORDING[:2]
    if value not in allowed:
        raise ValueError(f"Value must be one of {', '.join(allowed)}.")
    return str(value)


def _flag(world: World, organization: Organization, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(fields.NOT_A_FLAG)
    return value


def _phone_number_id(world: World, organization: Organization, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(fields.NOT_TEXT)
    if value is not None and value not in organization.phone_numbers:
        raise ValueError(fields.UNKNOWN)
    return value


def _url(world: World, organization: Organization, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(fields.NOT_TEXT)
    if value is not None and not value.startswith(("https://", "http://")):
        raise ValueError("Invalid URL.")
    return value


_SETTINGS: dict[str, Callable[[World, Organization, Any], Any]] = {
    "auto_record_calls": _recording,
    "default_caller_id": _phone_number_id,
    "hangup_recording_url": _url,
    "may_workflows_impersonate": _flag,
    "track_email_opens": _flag,
}
