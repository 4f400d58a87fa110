"""Whether somebody may still manage their organization, as the provider says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from memberships.domain.people import Status
from memberships.models import Connection, MirroredMember, Organization
from memberships.providers.errors import Detached, Disconnected, ProviderError, Unavailable

from . import api_key, oauth
from .client_credentials import StoredSecret
from .configuration import is_served
from .connections import capabilities, provider_for

# While the provider doesn't answer, pages don't wait for it each time.
_ASK_AGAIN = timedelta(seconds=15)


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


def must_be_served(connection: Connection) -> None:
    """What was begun here doesn't go on once the installation is for other organizations. Raises Disconnected."""
    home = connection.actor.organization
    if not is_served(home.remote_id):
        raise Disconnected(f"This Roster is for other organizations than {home} now.")


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
