"""Finding somebody by what people type: a name, an e-mail address, or both as they are suggested."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet

from memberships.domain.listing import Query
from memberships.domain.people import Status, searchable
from memberships.models import MirroredMember, Organization

from . import roster

MOST = 8
"""So many are suggested."""

# The end of "Ana Ruiz <ana@example.com>"; for people without an address their membership id stands there.
_KEY = re.compile(r"<([^<>\s]+)>\s*$")


def find(
    organization: Organization, text: str, *, active: bool = False
) -> tuple[list[MirroredMember], list[MirroredMember]]:
    """Who is meant by `text` exactly, and who might be: two lists. With `active`, only among active people.

    More than one is meant when several have the same name. Who has left counts only where nobody who is here is meant.
    """
    # PostgreSQL can't look for this character.
    text = text.replace("\0", "").strip()
    if not text:
        return [], []
    everyone = MirroredMember.objects.filter(organization=organization)
    like = roster.members(organization, Query(q=text), {})
    if active:
        everyone, like = everyone.filter(status=Status.ACTIVE), like.filter(status=Status.ACTIVE)
    return _meant(everyone, text), list(like[:MOST])


def _meant(everyone: QuerySet[MirroredMember], text: str) -> list[MirroredMember]:
    named = _KEY.search(text)
    key = named[1] if named else text
    by_key = everyone.filter(Q(email__iexact=key) | Q(remote_id=key))
    found = list(by_key) or list(everyone.filter(sort_name=searchable(text)).order_by("email", "id"))
    return [member for member in found if member.status != Status.INACTIVE] or found
