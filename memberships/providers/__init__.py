"""The remote APIs behind one small protocol. No Django here; configuration comes as arguments."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memberships.domain.happenings import Happening
from memberships.domain.items import Item, Items, Kind
from memberships.domain.people import Actor, Role, Roster
from memberships.domain.versions import Version
from memberships.domain.views import View

from .capabilities import Capabilities, Field, FieldKind, ToDo
from .errors import ProviderError
from .requests import (
    Answer,
    Change,
    Creation,
    Deactivation,
    Deletion,
    Grouping,
    Invitation,
    ItemChange,
    Pinning,
    Request,
    Resend,
)

__all__ = [
    "Answer",
    "Capabilities",
    "Change",
    "Creation",
    "Deactivation",
    "Deletion",
    "Field",
    "FieldKind",
    "Grouping",
    "Invitation",
    "ItemChange",
    "MembershipProvider",
    "Pinning",
    "Request",
    "Resend",
    "ToDo",
    "Token",
    "one_of",
]


@dataclass(frozen=True, slots=True)
class Token:
    """What a client id and secret were exchanged for."""

    access_token: str
    expires_in_s: float


class MembershipProvider(Protocol):
    """One organization at one provider, in one person's name. Raises ProviderError and nothing else.

    What the capabilities leave out is never asked for, and need not be answered.
    """

    capabilities: Capabilities

    def actor(self) -> Actor: ...

    def organizations(self) -> list[tuple[str, str]]:
        """Ids and names of the organizations these credentials can manage, where they are good for several."""
        return []

    def roles(self) -> list[Role]: ...

    def roster(self) -> Roster: ...

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        """The phone numbers a person takes part in: id and how it reads. Empty where there is no such thing."""
        return []

    def groups(self) -> list[Item]:
        return []

    def group_members(self, group_id: str) -> frozenset[str] | None:
        """The user ids in a group, people who left included; None when there is no such group."""
        return None

    def views(self) -> list[View]:
        """Every view that can be pinned, as far as this person sees it, in the order of the sidebar."""
        return []

    def pinned_views(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Of each member; one call a person."""
        return {}

    def work(self, kind: Kind, user_id: str) -> list[Item]:
        """The open tasks, or the active opportunities, of one person."""
        return []

    def find_work(self, kind: Kind, item_ids: Collection[str], holders: Collection[str]) -> Items:
        """These tasks or opportunities, done ones too. `holders` are user ids they are likely to be found with."""
        return {}

    def role_choices(self) -> Mapping[str, list[tuple[str, str]]]:
        """For fields of roles whose choices have to be asked for: ids and names."""
        return {}

    def happenings(self, kind: Kind, since: datetime) -> list[Happening]:
        """Who came and went, or what was done to groups, since then and as far back as the provider's log goes."""
        return []

    def versions(self, member_id: str) -> list[Version]:
        """What the provider itself remembers of a member, newest first."""
        return []

    def profiles(self) -> list[tuple[str, str]]:
        """Ids and names of the membership profiles."""
        return []

    def apps(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The apps these members were given one by one, each in its stored form; whoever is gone is left out."""
        return {}

    def seats(self) -> tuple[int, int] | None:
        """How many members there may be, and how many there are; None where nobody says."""
        return None

    def apply(self, request: Request) -> Answer:
        """Send one request. An answer that shows the whole changed member or item is returned and counts as a
        re-read; of a member it may show pinned views alone (an Item). None means that only a re-read can tell."""
        ...

    def apply_many(self, requests: Sequence[Request]) -> list[Answer | ProviderError]:
        """Of each request the answer, or the error it ended with; as many at a time as the provider can take."""
        return [one_of(self, request) for request in requests]


def one_of(provider: MembershipProvider, request: Request) -> Answer | ProviderError:
    """The answer to one request, or the error it ended with."""
    try:
        return provider.apply(request)
    except ProviderError as error:
        return error
