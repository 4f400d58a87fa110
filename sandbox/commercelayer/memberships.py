"""Rules of memberships: invite, change, remove, send the invitation again.

Source: https://docs.commercelayer.io/provisioning/api-reference/memberships
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.commercelayer import changes
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.documents import Document
from sandbox.commercelayer.errors import (
    ATTRIBUTE,
    RELATIONSHIP,
    Invalid,
    Problem,
    TooSoon,
    wrong,
)
from sandbox.commercelayer.records import (
    SCOPES,
    ApplicationMembership,
    Email,
    Membership,
    Organization,
    Role,
)
from sandbox.commercelayer.schema import SCHEMA

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld

RESOURCE = SCHEMA["memberships"]
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def create(world: CommerceWorld, caller: Caller, document: Document) -> Membership:
    """An invitation; who has an account is a member at once. Raises CommerceError."""
    organization = changes.place(world, caller, document, "memberships")
    links = changes.linked(world, caller, document, "memberships", organization)
    problems = [
        *changes.missing(document.attributes, "user_email", at=ATTRIBUTE),
        *changes.missing(links, "organization", "role", at=RELATIONSHIP),
        *_mistakes(document),
    ]
    if problems or organization is None:
        raise Invalid(*problems)
    email = document.attributes["user_email"].strip()
    if world.switches.emails_are_lowered:
        email = email.lower()
    if organization.by_email(email):
        taken = wrong("user_email", "has already been taken", "taken", value=email)
        raise changes.refused(world.switches.duplicate_status, taken)
    _must_fit(world, organization)
    apps = links.pop("application_memberships", [])
    values = {name: value for name, value in document.attributes.items() if name != "user_email"}
    membership = world.invite(organization, email, links.pop("role"))
    for name, value in {**values, "membership_profile": links.get("membership_profile")}.items():
        setattr(membership, name, value)
    for app in apps:
        app.membership = membership
    return membership


def update(world: CommerceWorld, caller: Caller, membership: Membership, document: Document) -> None:
    """All of it or nothing. Raises CommerceError."""
    organization = membership.organization
    caller.must_administer(organization)
    links = changes.linked(world, caller, document, "memberships", organization)
    problems = [*changes.emptied(links, "role", at=RELATIONSHIP), *_mistakes(document)]
    if membership.refusal:
        problems.append(wrong("base", membership.refusal, "invalid"))
    if problems:
        raise Invalid(*problems)
    if "role" in links and links["role"] is not membership.role:
        _must_be_changeable(world, caller, membership, links["role"])
    apps = links.pop("application_memberships", None)
    if apps is not None:
        replace_apps(world, membership.application_memberships, apps)
        for app in apps:
            app.membership = membership
    changes.apply(world, membership, {**document.attributes, **links}, caller.who)


def delete(world: CommerceWorld, caller: Caller, membership: Membership) -> None:
    """Admins anybody, others themselves; the owner nobody. Raises CommerceError."""
    switches, own = world.switches, membership.user is caller.user
    if not own:
        caller.must_administer(membership.organization)
    if membership.refusal:
        raise Invalid(wrong("base", membership.refusal, "invalid"))
    if membership.owner and (own or switches.owner_deletion_by_others_refused):
        text = "the owner can't be removed before the ownership is transferred"
        raise changes.refused(switches.guard_status, wrong("owner", text, "invalid"))
    if switches.last_admin_deletion_refused and membership.organization.admins() == [membership]:
        text = "the last admin can't be removed"
        raise changes.refused(switches.guard_status, wrong("role", text, "invalid", at=RELATIONSHIP))
    remove(world, membership, caller.who)


def remove(world: CommerceWorld, membership: Membership, who: dict[str, Any] | None) -> None:
    """Without asking whether it may be."""
    for app in membership.application_memberships:
        world.drop(app)
    changes.remember(world, membership, "destroy", {"user_email": [membership.user_email, None]}, who)
    if membership.user:
        membership.user.memberships.remove(membership)
    world.drop(membership)


def resend(world: CommerceWorld, caller: Caller, membership: Membership) -> None:
    """Raises CommerceError."""
    caller.must_administer(membership.organization)
    if membership.status == "active":
        if world.switches.resend_to_active_status == 422:
            raise Invalid(wrong("status", "is not pending", "invalid", value=membership.status))
        return
    if world.clock() - membership.invited_at < world.switches.resend_again_after_s:
        raise TooSoon(Problem("Too Many Requests", "The invitation was sent only just now.", "THROTTLED"))
    send(world, membership)


def send(world: CommerceWorld, membership: Membership) -> None:
    """An invitation, or to members with an account a word that they are in."""
    membership.invited_at = world.clock()
    world.outbox.append(
        Email(
            membership.user_email,
            membership.organization.id,
            membership.id,
            "invitation" if membership.status == "pending" else "notice",
            membership.invited_at,
        )
    )


def replace_apps(
    world: CommerceWorld, old: list[ApplicationMembership], new: list[ApplicationMembership]
) -> None:
    """The list is the whole list: what is not in it is gone."""
    for app in old:
        if app not in new:
            world.drop(app)


def _must_fit(world: CommerceWorld, organization: Organization) -> None:
    cap = organization.most_members
    if cap is not None and len(organization.memberships) >= cap:
        full = wrong(
            "organization", "has reached its limit of memberships", "limit", at=RELATIONSHIP, count=cap
        )
        raise changes.refused(world.switches.over_cap_status, full)


def _must_be_changeable(world: CommerceWorld, caller: Caller, membership: Membership, role: Role) -> None:
    switches, organization = world.switches, membership.organization
    last = organization.admins() == [membership] and role.kind != "admin"
    for refused, text in (
        (switches.owner_role_change_refused and membership.owner, "can't be changed for the owner"),
        (switches.own_role_change_refused and membership.user is caller.user, "can't be changed by yourself"),
        (switches.last_admin_demotion_refused and last, "can't be changed for the last admin"),
    ):
        if refused:
            raise changes.refused(switches.guard_status, wrong("role", text, "invalid", at=RELATIONSHIP))


def _mistakes(document: Document) -> list[Problem]:
    """What the attributes of either document may have wrong."""
    problems = document.mistyped(RESOURCE)
    email, scope = (document.attributes.get(name) for name in ("user_email", "access_scope"))
    if isinstance(email, str) and email and not ADDRESS.fullmatch(email.strip()):
        problems.append(wrong("user_email", "is invalid", "invalid", value=email))
    if isinstance(scope, str) and scope not in SCOPES:
        problems.append(wrong("access_scope", "is not included in the list", "inclusion", value=scope))
    return problems
