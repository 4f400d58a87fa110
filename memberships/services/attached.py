"""Organizations of another provider, attached to one that people sign in to.

They are reached with somebody's own client id and secret, act with that person's rights, and are used by all managers
of the organization they are attached to.
"""

from __future__ import annotations

import msgspec
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from memberships.domain.people import Actor
from memberships.models import Connection, Organization, scope
from memberships.models.secrets import cipher
from memberships.providers import Capabilities, registry
from memberships.providers.errors import Refused

from . import audit, client_credentials, jobs
from .client_credentials import Granted
from .configuration import installed
from .connections import NotAllowed, client

# Somebody who signs in waits for this, at most once.
_INSTALL_CALL_S = 5.0
_INSTALL_AGAIN_S = 3600


def capabilities() -> Capabilities:
    return registry.capabilities(registry.ATTACHED)


class Secret(msgspec.Struct, frozen=True):
    """Somebody's client id and secret, on their way from one form to the next: encrypted, never shown."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "Secret()"

    def seal(self) -> str:
        return cipher().encrypt(msgspec.json.encode(self)).decode()

    @classmethod
    def unseal(cls, sealed: str) -> Secret:
        return msgspec.json.decode(cipher().decrypt(sealed.encode(), ttl=_CHOOSE_WITHIN_S), type=cls)


_CHOOSE_WITHIN_S = 900


def of_installation(person: Connection) -> Secret | None:
    """The credentials in the environment, for the one organization they belong to."""
    client_id, client_secret, whose = installed()
    mine = bool(whose) and whose == person.organization.remote_id
    return Secret(client_id, client_secret) if mine and client_id and client_secret else None


def install(person: Connection) -> Connection | None:
    """After a sign-in: attach the one organization that the credentials in the environment are good for.

    None where there is nothing to do: there are none for this organization, something is or once was attached, or it
    was tried within the hour, so that sign-ins don't wait for a provider that is away. Raises ProviderError, also when
    somebody has to choose among several, or NotAllowed.
    """
    secret = of_installation(person)
    if secret is None:
        return None
    if Organization.objects.filter(provider=registry.ATTACHED, parent=person.organization).exists():
        return None
    if not cache.add(f"attached.install.{person.organization_id}", True, _INSTALL_AGAIN_S):
        return None
    granted = client_credentials.ask(secret.client_id, secret.client_secret, deadline_s=_INSTALL_CALL_S)
    found = client(registry.ATTACHED, granted, "", deadline_s=_INSTALL_CALL_S).organizations()
    if len(found) != 1:
        number = f"{len(found)} organizations" if found else "no organization"
        raise Refused(f"This installation's credentials are an Admin's of {number}.", 403)
    return _attach(person, secret, granted, found[0][0])


def look(secret: Secret) -> list[tuple[str, str]]:
    """Try the credentials: ids and names of the organizations they are an Admin's of.

    Raises Refused with a sentence when they are wrong, or another ProviderError.
    """
    granted = client_credentials.ask(secret.client_id, secret.client_secret)
    return client(registry.ATTACHED, granted, "").organizations()


def attach(person: Connection, secret: Secret, organization_id: str) -> Connection:
    """Keep the credentials for one organization, in place of any there were. Jobs that waited for them go on.

    Raises ProviderError, or NotAllowed when they are no Admin's there.
    """
    granted = client_credentials.ask(secret.client_id, secret.client_secret)
    return _attach(person, secret, granted, organization_id)


def _attach(person: Connection, secret: Secret, granted: Granted, organization_id: str) -> Connection:
    provider = client(registry.ATTACHED, granted, organization_id)
    actor = provider.actor()
    if not actor.can_manage:
        raise NotAllowed(actor.organization_name, provider.capabilities.manage_permission)
    connection = _keep(person, secret, granted, actor)
    with scope.within(connection.organization):
        jobs.resume(connection)
    return connection


def _keep(person: Connection, secret: Secret, granted: Granted, actor: Actor) -> Connection:
    with transaction.atomic():
        organization, _ = Organization.objects.update_or_create(
            provider=registry.ATTACHED,
            remote_id=actor.organization_id,
            parent=person.organization,
            defaults={"name": actor.organization_name},
        )
        Organization.objects.filter(pk=person.organization_id).update(has_attached=True)
        # One connection an organization: whoever enters other credentials takes it over, with the jobs that wait.
        connection = Connection.objects.filter(organization=organization).first() or Connection(
            organization=organization
        )
        connection.user_id, connection.name, connection.email = actor.user_id, actor.name, actor.email
        connection.client_id, connection.client_secret = secret.client_id, secret.client_secret
        connection.access_token, connection.expires_at = granted.access_token, granted.expires_at
        connection.can_manage, connection.checked_at, connection.added_by = True, timezone.now(), person
        connection.save()
        connection.person = person
        with scope.within(organization):
            audit.record(organization, [audit.attached(connection, organization)])
            audit.record(person.organization, [audit.attached(connection, organization)])
    return connection
