"""An organization's people as a roster file: set against the same people, it asks for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from memberships.domain.people import METADATA, PINS, Member, Status, group_field, metadata_key
from memberships.models import MirroredMember, Organization
from memberships.providers import Capabilities
from memberships.services import roster
from memberships.services.connections import capabilities
from memberships.services.vocabulary import Vocabulary

from . import schema, words
from .contents import GROUPS, VERSION
from .writing import comment, listed, scalar

_ABOUT = """\
# Who is missing here, and what an entry leaves out, is left alone.
"""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes entries of one organization. `group_ids` are all groups where they are to be written, None otherwise."""

    capabilities: Capabilities
    vocabulary: Vocabulary
    # How often each address is somebody's: whose isn't their own alone is known by id.
    addresses: Mapping[str, int] = field(default_factory=dict)
    group_ids: tuple[str, ...] | None = None
    pins: bool = False

    def entry(self, member: Member) -> list[tuple[str, str]]:
        """Keys and values, ready to stand in a file; of who left only that they did."""
        found = []
        if member.email:
            found.append(("email", scalar(member.email)))
        if not member.email or self.addresses.get(member.email, 1) > 1:
            found.append(("id", scalar(member.id)))
        found.append(("status", scalar(member.status.value)))
        return found if member.status is Status.INACTIVE else found + list(self.values(member))

    def values(self, member: Member) -> Iterator[tuple[str, str]]:
        for its_field in self.capabilities.fields:
            value = member.value(its_field.name)
            if value not in (None, "") or its_field.clears:
                yield its_field.name, scalar(words.written(self.vocabulary, its_field, value))
        keyed = {key: str(v) for name, v in sorted(member.settings.items()) if (key := metadata_key(name))}
        if keyed:
            inside = ", ".join(f"{scalar(key)}: {scalar(text)}" for key, text in keyed.items())
            yield METADATA, f"{{{inside}}}"
        if self.group_ids is not None:
            yield GROUPS, listed(self.group_names(member))
        if self.pins and isinstance(pinned := member.value(PINS), tuple):
            yield PINS, listed(map(self.vocabulary.view_name, pinned))

    def group_names(self, member: Member) -> list[str]:
        inside = [pk for pk in self.group_ids or () if member.value(group_field(pk)) is True]
        return sorted(map(self.vocabulary.group_name, inside), key=str.casefold)

    def lines(self, member: Member, indent: str = "  ", keys: Collection[str] = ()) -> str:
        """An entry as it stands in a file. With `keys`, only of these."""
        (key, value), *rest = [pair for pair in self.entry(member) if not keys or pair[0] in keys]
        first = f"{indent}- {key}: {value}{comment(member.name)}\n"
        return first + "".join(f"{indent}  {key}: {value}\n" for key, value in rest)


def of_mirror(organization: Organization) -> Iterator[str]:
    """The file of everybody as the mirror shows them, without what it doesn't: groups and pinned views."""
    can = capabilities(organization)
    members = [row.member() for row in MirroredMember.objects.filter(organization=organization)]
    vocabulary = Vocabulary(can, roster.roles(organization), profiles=organization.names.items())
    addresses = Counter(member.email for member in members)
    return dumped(Writer(can, vocabulary, addresses), organization, members)


def dumped(writer: Writer, organization: Organization, members: Iterable[Member]) -> Iterator[str]:
    """The file, piece by piece."""
    if address := schema.address(organization.provider):
        yield f"# yaml-language-server: $schema={address}\n"
    yield _ABOUT
    yield f"roster: {VERSION}\nprovider: {scalar(organization.provider)}\n"
    yield f"organization: {scalar(organization.remote_id)}{comment(organization.name)}\n\npeople:\n"
    ordered = sorted(members, key=lambda member: (member.email or "\uffff", member.id))
    if not ordered:
        yield "  []\n"
    for member in ordered:
        yield writer.lines(member)
