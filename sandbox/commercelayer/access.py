"""Rules of what members reach in the Dashboard: apps one by one, or bundled in profiles.

Sources: https://docs.commercelayer.io/provisioning/api-reference/application_memberships and
/membership_profiles
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.commercelayer import changes
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.documents import Document
from sandbox.commercelayer.errors import ATTRIBUTE, RELATIONSHIP, Invalid, Locked, Problem, wrong
from sandbox.commercelayer.memberships import replace_apps
from sandbox.commercelayer.records import SCOPES, ApplicationMembership, MembershipProfile
from sandbox.commercelayer.schema import SCHEMA

if TYPE_CHECKING:
    from sandbox.commercelayer.world import CommerceWorld


def create_app(world: CommerceWorld, caller: Caller, document: Document) -> ApplicationMembership:
    """One app for a member or for a profile. Raises CommerceError."""
    organization = changes.place(world, caller, document, "application_memberships")
    links = changes.linked(world, caller, document, "application_memberships", organization)
    problems = [
        *changes.missing(links, "organization", "api_credential", "role", at=RELATIONSHIP),
        *document.mistyped(SCHEMA["application_memberships"]),
    ]
    if problems:
        raise Invalid(*problems)
    return world.make_app(**links, **document.attributes)


def update_app(world: CommerceWorld, caller: Caller, app: ApplicationMembership, document: Document) -> None:
    """Raises CommerceError."""
    caller.must_administer(app.organization)
    links = changes.linked(world, caller, document, "application_memberships", app.organization)
    problems = [
        *changes.emptied(links, "role", at=RELATIONSHIP),
        *document.mistyped(SCHEMA["application_memberships"]),
    ]
    if problems:
        raise Invalid(*problems)
    changes.apply(world, app, {**document.attributes, **links}, caller.who)


def delete_app(world: CommerceWorld, caller: Caller, app: ApplicationMembership) -> None:
    """Raises CommerceError."""
    caller.must_administer(app.organization)
    world.drop(app)


def create_profile(world: CommerceWorld, caller: Caller, document: Document) -> MembershipProfile:
    """Raises CommerceError."""
    organization = changes.place(world, caller, document, "membership_profiles")
    links = changes.linked(world, caller, document, "membership_profiles", organization)
    problems = [
        *changes.missing(document.attributes, "name", "access_scope", at=ATTRIBUTE),
        *changes.missing(links, "organization", at=RELATIONSHIP),
        *_mistakes(document),
    ]
    if problems:
        raise Invalid(*problems)
    apps = links.pop("application_memberships", [])
    profile = world.make_profile(**links, **document.attributes)
    for app in apps:
        app.membership_profile = profile
    return profile


def update_profile(
    world: CommerceWorld, caller: Caller, profile: MembershipProfile, document: Document
) -> None:
    """Raises CommerceError."""
    caller.must_administer(profile.organization)
    links = changes.linked(world, caller, document, "membership_profiles", profile.organization)
    problems = [*changes.emptied(document.attributes, "name", at=ATTRIBUTE), *_mistakes(document)]
    if problems:
        raise Invalid(*problems)
    apps = links.pop("application_memberships", None)
    if apps is not None:
        replace_apps(world, profile.application_memberships, apps)
        for app in apps:
            app.membership_profile = profile
    changes.apply(world, profile, document.attributes, caller.who)


def delete_profile(world: CommerceWorld, caller: Caller, profile: MembershipProfile) -> None:
    """Raises CommerceError."""
    caller.must_administer(profile.organization)
    if profile.members and world.switches.used_profile_is_locked:
        raise Locked("The membership profile is still used by memberships.")
    for membership in profile.members:
        membership.membership_profile = None
    for app in profile.application_memberships:
        world.drop(app)
    world.drop(profile)


def _mistakes(document: Document) -> list[Problem]:
    problems = document.mistyped(SCHEMA["membership_profiles"])
    scope: Any = document.attributes.get("access_scope")
    if isinstance(scope, str) and scope and scope not in SCOPES:
        problems.append(wrong("access_scope", "is not included in the list", "inclusion", value=scope))
    return problems
