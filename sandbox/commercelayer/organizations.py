"""Rules of organizations, of handing one over, and of one's own account.

Source: https://docs.commercelayer.io/provisioning/api-reference/organizations
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.commercelayer import changes
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.documents import Document
from sandbox.commercelayer.errors import ATTRIBUTE, Denied, Invalid, blank, wrong
from sandbox.commercelayer.records import Membership, Organization
from sandbox.commercelayer.schema import SCHEMA

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld


def create(world: CommerceWorld, caller: Caller, document: Document) -> Organization:
    """The caller owns it and is its admin. Raises Invalid."""
    problems = [
        *changes.missing(document.attributes, "name", at=ATTRIBUTE),
        *document.mistyped(SCHEMA["organizations"]),
    ]
    if problems:
        raise Invalid(*problems)
    organization = world.make_organization(**document.attributes)
    world.join(organization, caller.user, organization.role("admin"), owner=True)
    return organization


def update(world: CommerceWorld, caller: Caller, organization: Organization, document: Document) -> None:
    """Raises CommerceError."""
    caller.must_administer(organization)
    problems = [
        *changes.emptied(document.attributes, "name", at=ATTRIBUTE),
        *document.mistyped(SCHEMA["organizations"]),
    ]
    if problems:
        raise Invalid(*problems)
    changes.apply(world, organization, document.attributes, caller.who)


def transfer(
    world: CommerceWorld, caller: Caller, organization: Organization, attributes: dict[str, Any]
) -> None:
    """By the owner, to an active member of the same organization. Raises CommerceError."""
    own = caller.user.member_of(organization)
    if own is None or not own.owner:
        raise Denied
    email = attributes.get("new_owner_email")
    if not isinstance(email, str) or not email:
        raise Invalid(blank("new_owner_email"))
    new = organization.by_email(email)
    if new is None or new.status != "active":
        raise Invalid(wrong("new_owner_email", "is not a member", "invalid", value=email))
    hand_over(world, new, caller.who)


def hand_over(world: CommerceWorld, new: Membership, who: dict[str, Any] | None) -> None:
    """Without asking whether it may be."""
    for old in new.organization.memberships:
        if old.owner and old is not new:
            changes.apply(world, old, {"owner": False}, who)
    changes.apply(world, new, {"owner": True}, who)
    if world.switches.new_owner_becomes_admin:
        changes.apply(world, new, {"role": new.organization.role("admin")}, who)


def update_user(world: CommerceWorld, caller: Caller, document: Document) -> None:
    """One's own account; every membership shows it. Raises Invalid."""
    values = dict(document.attributes)
    problems = [
        *changes.emptied(values, "email", "first_name", "last_name", at=ATTRIBUTE),
        *document.mistyped(SCHEMA["users"]),
    ]
    if problems:
        raise Invalid(*problems)
    if "email" in values:
        known = world.user_by_email(values["email"])
        if known not in (None, caller.user):
            raise Invalid(wrong("email", "has already been taken", "taken", value=values["email"]))
        world.change_email(caller.user, values.pop("email"))
    changes.apply(world, caller.user, values, caller.who)
