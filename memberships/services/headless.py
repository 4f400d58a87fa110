"""Who acts where nobody is signed in to a browser: whoever an API key belongs to, or somebody's stored connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from memberships.domain.people import Actor
from memberships.models import Connection, Organization
from memberships.providers import registry
from memberships.providers.errors import Disconnected

from . import api_key, permission
from .api_key import ApiKey
from .configuration import is_served
from .connections import NotAllowed, NotServed, capabilities, client


class Undecided(Exception):
    """A sentence on why it can't be told which organization is meant, or who acts, and what would tell."""


@contextmanager
def acting(organization_id: str, email: str, key: str) -> Iterator[Connection]:
    """The connection of whoever acts, for as long as the block runs.

    `organization_id` is the provider's id or ours; empty where there is but one. With an `email` the stored connection
    of that person is used, else the API `key`, if there is one. Raises Undecided, NotAllowed, NotServed or
    ProviderError.
    """
    if key and not email:
        with _by_key(organization_id, ApiKey(key)) as connection:
            connection.patient = True
            yield connection
    else:
        connection = _stored(organization_id, email)
        connection.patient = True
        yield connection


# With a key


@contextmanager
def _by_key(wanted: str, key: ApiKey) -> Iterator[Connection]:
    mine = dict(client(registry.SIGN_IN, key, "").organizations())
    known = _matching(wanted) if wanted else []
    # An organization nobody has signed in to yet is known by the key alone.
    organization = _one(known, wanted) if known else None
    home = organization.parent or organization if organization else None
    remote_id = home.remote_id if home else wanted
    if not wanted and len(mine) == 1:
        (remote_id,) = mine
    if not remote_id and mine:
        # The key is good for one of them, but nobody says for which.
        listed = ", ".join(f"{pk} ({name})" for pk, name in mine.items())
        raise Undecided(
            f"Whose API key this is manages {len(mine)} organizations: name one with --organization, of {listed}."
        )
    if remote_id not in mine:
        permission = registry.capabilities(registry.SIGN_IN).manage_permission
        raise NotAllowed(str(home or remote_id or "this organization"), permission)
    if not is_served(remote_id):
        raise NotServed(remote_id)
    connection = _kept(client(registry.SIGN_IN, key, remote_id).actor())
    with api_key.in_hand(connection, key):
        if organization is None or organization.parent_id is None:
            yield connection
        else:
            yield _attached(organization, connection)


def _kept(actor: Actor) -> Connection:
    """The organization and the person as at a sign-in, without any token."""
    with transaction.atomic():
        organization, _ = Organization.objects.update_or_create(
            provider=registry.SIGN_IN,
            remote_id=actor.organization_id,
            parent=None,
            defaults={"name": actor.organization_name},
        )
        connection, _ = Connection.objects.update_or_create(
            organization=organization,
            user_id=actor.user_id,
            defaults={
                "name": actor.name,
                "email": actor.email,
                "can_manage": actor.can_manage,
                "checked_at": timezone.now(),
            },
        )
    return connection


# With a stored connection


def _stored(wanted: str, email: str) -> Connection:
    organizations = _matching(wanted)
    if not wanted:
        organizations = [found for found in organizations if any(_usable(found))]
    organization = _one(organizations, wanted)
    home = organization.parent or organization
    if not is_served(home.remote_id):
        raise NotServed(home.remote_id)
    people = _usable(home)
    if email:
        people = [person for person in people if person.email == email.lower()]
    if not people:
        who = f"{email} is not" if email else "Nobody is"
        raise Undecided(f"{who} connected to {home}: sign in there, or set CLOSE_API_KEY.")
    if len(people) > 1:
        known = ", ".join(sorted(person.email or person.user_id for person in people))
        raise Undecided(f"{len(people)} people are connected: say with --as in whose name, one of {known}.")
    connection = people[0] if organization.parent_id is None else _attached(organization, people[0])
    if not permission.access(connection).allowed:
        raise NotAllowed(str(organization), capabilities(organization).manage_permission)
    return connection


def _attached(organization: Organization, person: Connection) -> Connection:
    connection = (
        organization.connections.filter(added_by__isnull=False).select_related("organization").first()
    )
    if connection is None or not connection.usable:
        raise Disconnected(f"{organization} is no longer connected: connect it again in the dashboard.")
    connection.person = person
    return connection


def _usable(organization: Organization) -> list[Connection]:
    return [c for c in organization.connections.select_related("organization") if c.usable]


def _matching(wanted: str) -> list[Organization]:
    """The organizations with this id, the provider's or ours; without one, all."""
    everything = Organization.objects.select_related("parent").order_by("pk")
    if not wanted:
        return list(everything)
    ours = Q(pk=int(wanted)) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else Q()
    return list(
        everything.filter(Q(remote_id=wanted) | ours) if ours else everything.filter(remote_id=wanted)
    )


def _one(organizations: Iterable[Organization], wanted: str) -> Organization:
    found = list(organizations)
    if len(found) == 1:
        return found[0]
    if not found:
        where = (
            f"There is no organization {wanted} here." if wanted else "No organization is connected here yet."
        )
        raise Undecided(f"{where} Sign in to it once, or set CLOSE_API_KEY.")
    listed = ", ".join(f"{one} ({one.pk})" for one in found)
    raise Undecided(f"{len(found)} organizations are meant: name one with --organization: {listed}.")
