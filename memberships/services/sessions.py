"""Browser sessions: what each is signed in to, how long it goes on, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from memberships.models import Connection, Login, Selection, scope

from . import audit
from .configuration import served
from .connections import give_back, open_jobs

_USE_NOTED = timedelta(seconds=60)
# In the session's own data, which are signed: its key alone opens nothing.
_SIGNED_IN = "signed_in"


def remember(session: SessionBase, connection: Connection, browser: str = "") -> None:
    """This session, which has a key, has just come back from the consent page with this connection."""
    session[_SIGNED_IN] = True
    now = timezone.now()
    Login.objects.update_or_create(
        session_key=session.session_key,
        connection=connection,
        defaults={"created_at": now, "used_at": now, "browser": browser},
    )


def renew(session: SessionBase) -> None:
    """Give a session another key: what it was signed in to, and whom it had selected, comes along."""
    was_signed_in, old_key = _SIGNED_IN in session, session.session_key
    session.cycle_key()
    new_key = session.session_key
    if not was_signed_in or old_key is None or new_key is None:
        return
    Login.objects.filter(session_key=old_key).update(session_key=new_key)
    with scope.everyone():  # this session's own ticks, in whichever organization
        Selection.objects.filter(session_key=old_key).update(session_key=new_key)


def of_session(session: SessionBase) -> list[Connection]:
    """The connections this browser session may use, by organization name. The only way a request gets at one."""
    if _SIGNED_IN not in session:
        return []
    own: dict[int, Connection] = {}
    for login in _live().filter(session_key=session.session_key).select_related("connection__organization"):
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
    for login in _live().filter(_of(mine)).select_related("connection__organization").order_by("pk"):
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
    theirs = Login.objects.filter(_of(mine))
    chosen = theirs.filter(pk=login_pk).first()
    if chosen is None:
        return False
    _end(theirs.filter(session_key=chosen.session_key))
    return True


def sign_out_everywhere(mine: Iterable[Connection]) -> None:
    """End every session of these people, this one too."""
    theirs = Login.objects.filter(_of(mine))
    for connection in Connection.objects.filter(logins__in=theirs).distinct().select_related("organization"):
        with scope.within(connection.organization), transaction.atomic():
            audit.record(connection.organization, [audit.signed_out(connection)])
    _end(theirs)


def _of(mine: Iterable[Connection]) -> Q:
    """Sign-ins of the people whose connections these are, also to organizations they aren't signed in to here."""
    theirs = Q(connection__in=[])
    for own in mine:
        if own.person is None:
            theirs |= Q(
                connection__organization__provider=own.organization.provider, connection__user_id=own.user_id
            )
    return theirs


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
                give_back(connection)


def is_needed(connection: Connection) -> bool:
    """Does anything go on with this consent when the person has signed out everywhere?"""
    return connection.kept or open_jobs(connection).exists()


def forget_old() -> None:
    """Drop sign-ins that have ended by themselves."""
    Login.objects.exclude(_goes_on()).delete()


def _live() -> QuerySet[Login]:
    return Login.objects.filter(_goes_on())


def _goes_on() -> Q:
    """A session ends some time after its sign-in, earlier when nobody uses it, at once when it may not be here."""
    now = timezone.now()
    in_time = Q(
        created_at__gt=now - timedelta(seconds=settings.SESSION_ABSOLUTE_S),
        used_at__gt=now - timedelta(seconds=settings.SESSION_IDLE_S),
    )
    return in_time & Q(connection__organization__remote_id__in=served()) if served() else in_time
