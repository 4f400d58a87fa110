"""Who is signed in, for which organization, and whether they may still manage it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.domain.people import Actor, Member, Status
from memberships.models import Connection, Job, Login, MirroredMember, Organization, Selection, scope
from memberships.providers import Capabilities, MembershipProvider, registry
from memberships.providers.errors import Detached, Disconnected, ProviderError, Refused, Unavailable
from memberships.providers.http import Credentials

from . import api_key, audit, metrics, oauth, tokens
from .client_credentials import StoredSecret
from .configuration import served, setting
from .observing import Observed
from .windows import Windows

# While the provider doesn't answer, pages don't wait for it each time.
_ASK_AGAIN = timedelta(seconds=15)
_USE_NOTED = timedelta(seconds=60)


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
    if served() and organization_id not in served():
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


# Sessions


def remember(session_key: str, connection: Connection, browser: str = "") -> None:
    """This session has just come back from the consent page with this connection."""
    now = timezone.now()
    Login.objects.update_or_create(
        session_key=session_key,
        connection=connection,
        defaults={"created_at": now, "used_at": now, "browser": browser},
    )


def move(old_key: str, new_key: str) -> None:
    """A session has got another key: what it was signed in to, and whom it had selected, comes along."""
    Login.objects.filter(session_key=old_key).update(session_key=new_key)
    with scope.everyone():  # this session's own ticks, in whichever organization
        Selection.objects.filter(session_key=old_key).update(session_key=new_key)


def of_session(session_key: str | None) -> list[Connection]:
    """The connections this browser session may use, by organization name. The only way a request gets at one."""
    if not session_key:
        return []
    own: dict[int, Connection] = {}
    for login in _live().filter(session_key=session_key).select_related("connection__organization"):
        own[login.connection.organization_id] = login.connection
        login.connection.login = login
    found = list(own.values())
    if any(connection.organization.has_attached for connection in found):
        attached = Connection.objects.filter(organization__parent__in=own, added_by__isnull=False)
        for connection in attached.select_related("organization"):
            # What the managers of an organization look after besides is used by whoever is signed in to it.
            connection.person = own[connection.organization.parent_id or 0]
            found.append(connection)
    return sorted(found, key=lambda c: (str(c.organization).casefold(), c.pk))


def use(mine: Iterable[Connection]) -> None:
    """Somebody does something with these: their session goes on. Noted once a minute."""
    before = timezone.now() - _USE_NOTED
    stale = [c.login.pk for c in mine if c.login is not None and c.login.used_at < before]
    if stale:
        Login.objects.filter(pk__in=stale).update(used_at=timezone.now())


def signed_in_at(connection: Connection) -> datetime | None:
    """When whoever uses this connection now came back from the consent page, as themselves."""
    return connection.actor.login.created_at if connection.actor.login else None


@dataclass(frozen=True, slots=True)
class Ending:
    """In how many seconds the session ends if nobody uses it; `for_good` when using it would not help."""

    in_s: int
    for_good: bool


def ending(connection: Connection) -> Ending | None:
    login = connection.actor.login
    if login is None:
        return None
    left_s = settings.SESSION_ABSOLUTE_S - int((timezone.now() - login.created_at).total_seconds())
    # The last use is noted once a minute.
    idle_s = settings.SESSION_IDLE_S - int(_USE_NOTED.total_seconds())
    return Ending(max(0, min(left_s, idle_s)), left_s <= idle_s)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. `pk` is what it is called by in addresses: never its key."""

    pk: int
    browser: str
    organizations: tuple[str, ...]
    signed_in_at: datetime
    used_at: datetime
    is_this: bool


def sessions(mine: Iterable[Connection], session_key: str) -> list[Session]:
    """Every session of these people that goes on, this one first, then the one used last."""
    found: dict[str, list[Login]] = {}
    own = [connection for connection in mine if connection.person is None]
    for login in _live().filter(connection__in=own).select_related("connection__organization").order_by("pk"):
        found.setdefault(login.session_key, []).append(login)
    listed = [
        Session(
            logins[0].pk,
            next((login.browser for login in logins if login.browser), ""),
            tuple(sorted({str(login.connection.organization) for login in logins})),
            min(login.created_at for login in logins),
            max(login.used_at for login in logins),
            key == session_key,
        )
        for key, logins in found.items()
    ]
    return sorted(listed, key=lambda session: (not session.is_this, -session.used_at.timestamp()))


def sign_out(session_key: str) -> None:
    """End one session. Someone's last session takes the consent with it, unless something still needs it.

    Their tokens then rest until they sign in again.
    """
    _end(Login.objects.filter(session_key=session_key))


def sign_out_elsewhere(mine: Iterable[Connection], login_pk: int) -> bool:
    """End another session of these people, as far as it is theirs. False when there is none by that number."""
    own = [connection for connection in mine if connection.person is None]
    theirs = Login.objects.filter(connection__in=own)
    chosen = theirs.filter(pk=login_pk).first()
    if chosen is None:
        return False
    _end(theirs.filter(session_key=chosen.session_key))
    return True


def sign_out_everywhere(mine: Iterable[Connection]) -> None:
    """End every session of these people, this one too."""
    own = [connection for connection in mine if connection.person is None]
    for connection in own:
        with scope.within(connection.organization), transaction.atomic():
            audit.record(connection.organization, [audit.signed_out(connection)])
    _end(Login.objects.filter(connection__in=own))


def _end(logins: QuerySet[Login]) -> None:
    ended = list(logins.select_related("connection__organization"))
    Login.objects.filter(pk__in=[login.pk for login in ended]).delete()
    forget_old()
    keys = {login.session_key for login in ended}
    empty = keys - set(Login.objects.filter(session_key__in=keys).values_list("session_key", flat=True))
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in empty:
        # With all that was kept in it, such as a sign-in under way.
        store(key).delete()
    for connection in {login.connection for login in ended}:
        with scope.within(connection.organization):
            if not connection.logins.exists() and not is_needed(connection):
                _give_back(connection)


def is_needed(connection: Connection) -> bool:
    """Does anything go on with this consent when the person has signed out everywhere?"""
    return connection.kept or open_jobs(connection).exists()


def forget_old() -> None:
    """Drop sign-ins that have ended by themselves."""
    Login.objects.exclude(_goes_on()).delete()


def _live() -> QuerySet[Login]:
    return Login.objects.filter(_goes_on())


def _goes_on() -> Q:
    """A session ends some time after its sign-in, and earlier when nobody uses it."""
    now = timezone.now()
    return Q(
        created_at__gt=now - timedelta(seconds=settings.SESSION_ABSOLUTE_S),
        used_at__gt=now - timedelta(seconds=settings.SESSION_IDLE_S),
    )


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
    return _give_back(connection)


def _give_back(connection: Connection) -> bool:
    """False when the provider could not be told; the consent is forgotten here all the same."""
    refresh_token = connection.refresh_token
    with transaction.atomic():
        audit.record(connection.organization, [audit.disconnected(connection)])
        Connection.objects.filter(pk=connection.pk).update(
            access_token="", refresh_token="", client_secret="", can_manage=False, checked_at=None
        )
        connection.logins.all().delete()
    return oauth.revoke(refresh_token) if refresh_token else True


# Permission


@dataclass(frozen=True, slots=True)
class Access:
    """May this person see pages, and may they apply? `notice` says why not all is possible."""

    allowed: bool
    may_apply: bool
    notice: str = ""


def access(connection: Connection) -> Access:
    """What the person may do now. Asks the provider when the last answer is older than a minute.

    While it can't be asked, pages stay readable for ten minutes and nothing can be applied. Raises Disconnected, and
    Unavailable after these ten minutes.
    """
    if connection.person is not None:
        person = access(connection.person)
        if not person.may_apply:
            return person
        must_be_backed(connection)
    now = timezone.now()
    if not (connection.usable or api_key.of(connection)):
        if connection.added_by_id:
            raise Detached(str(StoredSecret.ended))
        raise Disconnected(oauth.RECONNECT)
    age = now - connection.checked_at if connection.checked_at else timedelta.max
    if age <= timedelta(seconds=settings.PERMISSION_FRESH_S):
        return Access(connection.can_manage, connection.can_manage)
    notice = f"{capabilities(connection.organization).label} can't be reached."
    if not connection.unanswered_at or now - connection.unanswered_at > _ASK_AGAIN:
        try:
            actor = provider_for(connection).actor()
        except Disconnected:
            raise
        except ProviderError as error:
            Connection.objects.filter(pk=connection.pk).update(unanswered_at=now)
            notice = str(error)
        else:
            permit(connection, actor.can_manage)
            return Access(actor.can_manage, actor.can_manage)
    if connection.can_manage and age > timedelta(seconds=settings.PERMISSION_READABLE_S):
        raise Unavailable(
            f"{notice} Whether you may still manage {connection.organization} has to be known first."
        )
    notice = f"{notice} You can read on for a few minutes, but nothing can be applied."
    return Access(connection.can_manage, False, notice)


def must_be_backed(connection: Connection) -> None:
    """An attached connection acts with somebody's own rights, so it rests once they may no longer manage here.

    Raises Detached.
    """
    by = connection.added_by
    if by is None:
        return
    me = MirroredMember.objects.filter(organization=by.organization_id, user_id=by.user_id)
    # Before everyone is read for the first time, what was said at the sign-in counts.
    known = Organization.objects.filter(pk=by.organization_id, roster_read_at__isnull=False).exists()
    manages = me.filter(can_manage=True, status=Status.ACTIVE).exists() if known else by.can_manage
    if not manages:
        who, where = by.name or by.email, by.organization
        raise Detached(
            f"{who}, whose credentials these are, may no longer manage {where}. Connect "
            f"{connection.organization} again with credentials of your own."
        )


def permit(connection: Connection, can_manage: bool) -> None:
    """Keep what the provider just said about this person's power."""
    connection.can_manage, connection.checked_at, connection.unanswered_at = can_manage, timezone.now(), None
    connection.save(update_fields=["can_manage", "checked_at", "unanswered_at"])
