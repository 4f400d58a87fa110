"""People's consents, one for each organization: how they come, reach the provider, and are given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.domain.people import Actor, Member, Status
from memberships.models import Connection, Job, MirroredMember, Organization, scope
from memberships.providers import Capabilities, MembershipProvider, registry
from memberships.providers.errors import Disconnected, ProviderError, Refused
from memberships.providers.http import Credentials

from . import api_key, audit, metrics, oauth, tokens
from .client_credentials import StoredSecret
from .configuration import is_served, setting
from .observing import Observed
from .windows import Windows


class NotAllowed(Exception):
    """The person may not manage this organization. `managers` are names of people who can change that."""

    def __init__(self, organization: str, permission: str, managers: tuple[str, ...] = ()) -> None:
        super().__init__(f"{permission} is missing in {organization}")
        self.organization = organization
        self.permission = permission
        self.managers = managers


class NotServed(Exception):
    """This installation is for other organizations."""


class SomebodyElse(Exception):
    """Another person, or for another organization, came back from the consent page than was asked to."""

    def __init__(self, expected: Connection) -> None:
        super().__init__("another person or organization")
        self.expected = expected


_RESULTS = {NotAllowed: "not allowed", NotServed: "not served", SomebodyElse: "somebody else"}


@dataclass(frozen=True, slots=True)
class _JustGranted:
    """Credentials that are not stored yet."""

    access_token: str

    def header(self) -> str:
        return f"Bearer {self.access_token}"

    def renew(self, refused: str) -> str:
        raise Disconnected(oauth.RECONNECT)


def capabilities(organization: Organization) -> Capabilities:
    return registry.capabilities(organization.provider)


def server(organization: Organization | None) -> tuple[Capabilities, str]:
    """Where an organization's people are, and what is there; without one, whom people sign in with."""
    name = organization.provider if organization else registry.SIGN_IN
    return registry.capabilities(name), setting(name, "API_URL")


def address(organization: Organization, path: str) -> str:
    """A page of the provider's own site."""
    site: str = setting(organization.provider, "APP_URL")
    return site.rstrip("/") + path


def provider_for(connection: Connection, *, patient: bool = False) -> MembershipProvider:
    """The remote organization in this person's name. `patient` for jobs, which may wait; pages never do."""
    patient = patient or connection.patient
    stored = StoredSecret if connection.added_by_id else oauth.StoredToken
    organization = connection.organization
    credentials = api_key.of(connection) or stored(connection.pk)
    return client(organization.provider, credentials, organization.remote_id, patient=patient)


def client(
    provider: str,
    credentials: Credentials,
    organization_id: str,
    *,
    patient: bool = False,
    deadline_s: float | None = None,
) -> MembershipProvider:
    """A client with these credentials. `deadline_s` bounds each call, where not as for pages and jobs."""
    usual_s = settings.CALL_DEADLINE_S if patient else settings.PAGE_DEADLINE_S
    limits = getattr(settings, f"{provider.upper()}_WINDOWS", ())
    return registry.client(
        provider,
        setting(provider, "API_URL"),
        credentials,
        organization_id,
        deadline_s=deadline_s or usual_s,
        patient=patient,
        pace=Windows(provider, limits) if limits else None,
        observer=Observed(provider),
    )


def sign_in(token: Mapping[str, Any], expected: Connection | None = None) -> Connection:
    """Keep a fresh consent, if the person may manage the organization they chose.

    `token` is the token endpoint's answer; `expected` is who has to be the one, where somebody signs in again. Raises
    NotAllowed, NotServed, SomebodyElse or ProviderError; then nothing is kept and the consent is given back.
    """
    try:
        organization_id, actor = _checked(token)
        if expected and (organization_id, actor.user_id) != (
            expected.organization.remote_id,
            expected.user_id,
        ):
            raise SomebodyElse(expected)
    except (NotAllowed, NotServed, SomebodyElse, ProviderError) as error:
        metrics.sign_ins.labels(_RESULTS.get(type(error), "failed")).inc()
        oauth.revoke(str(token.get("refresh_token", "")))
        raise
    with transaction.atomic():
        organization, _ = Organization.objects.update_or_create(
            provider=registry.SIGN_IN,
            remote_id=organization_id,
            parent=None,
            defaults={"name": actor.organization_name[:200]},
        )
        connection, _ = Connection.objects.update_or_create(
            organization=organization,
            user_id=actor.user_id,
            defaults={
                "name": actor.name[:300],
                "email": actor.email[:254],
                "access_token": token["access_token"],
                "refresh_token": token["refresh_token"],
                "expires_at": oauth.expiry(token),
                "renewal_lost": False,
                "can_manage": True,
                "checked_at": timezone.now(),
            },
        )
        with scope.within(organization):
            audit.record(organization, [audit.signed_in(connection)])
    metrics.sign_ins.labels("signed in").inc()
    return connection


def _checked(token: Mapping[str, Any]) -> tuple[str, Actor]:
    organization_id = token.get("organization_id")
    if not oauth.is_token(token) or not isinstance(organization_id, str) or not organization_id:
        label = registry.capabilities(registry.SIGN_IN).label
        raise Refused(f"{label}'s answer to the sign-in is incomplete.", 200)
    if not is_served(organization_id):
        raise NotServed(organization_id)
    provider = client(registry.SIGN_IN, _JustGranted(token["access_token"]), organization_id)
    actor = provider.actor()
    if not actor.can_manage:
        raise NotAllowed(
            actor.organization_name, provider.capabilities.manage_permission, _managers(provider)
        )
    return organization_id, actor


def _managers(provider: MembershipProvider) -> tuple[str, ...]:
    """Up to five people who could help; nobody when the provider doesn't tell."""
    try:
        roster = provider.roster()
    except ProviderError:
        return ()
    return _first_names(roster.members[pk] for pk in roster.managers())


def managers(organization: Organization) -> tuple[str, ...]:
    """Up to five people who could help, as far as the mirror knows."""
    return _first_names(organization.members.filter(can_manage=True, status=Status.ACTIVE))


def _first_names(people: Iterable[Member | MirroredMember]) -> tuple[str, ...]:
    return tuple(sorted(person.name or person.email for person in people)[:5])


# The consent


def open_jobs(connection: Connection) -> QuerySet[Job]:
    """What goes on with this connection, or in the name of whose it is: that may be where it is attached."""
    with scope.everyone():
        mine = Job.objects.filter(Q(connection=connection) | Q(person=connection))
    return mine.exclude(state=Job.State.FINISHED)


def keep(connection: Connection, kept: bool) -> None:
    """Does the consent outlive this person's last sign-out, for tokens and schedules?"""
    Connection.objects.filter(pk=connection.actor.pk).update(kept=kept)
    connection.actor.kept = kept


def disconnect(connection: Connection) -> bool:
    """Give the consent back for good: tokens that need it are revoked. False when the provider could not be told."""
    with transaction.atomic():
        for token in tokens.stopping(connection):
            tokens.revoke(token, connection)
        Connection.objects.filter(pk=connection.pk).update(kept=False)
    return give_back(connection)


def give_back(connection: Connection) -> bool:
    """False when the provider could not be told; the consent is forgotten here all the same."""
    refresh_token = connection.refresh_token
    with transaction.atomic():
        audit.record(connection.organization, [audit.disconnected(connection)])
        Connection.objects.filter(pk=connection.pk).update(
            access_token="", refresh_token="", client_secret="", can_manage=False, checked_at=None
        )
        connection.logins.all().delete()
    return oauth.revoke(refresh_token) if refresh_token else True
