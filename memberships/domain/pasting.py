"""Who is meant by a list of names and addresses that somebody pastes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import addresses
from .people import Status, searchable


@dataclass(frozen=True, slots=True)
class Known:
    """One person who may be meant. `key` is whatever knows them again."""

    key: int
    name: str
    email: str
    status: Status


@dataclass(frozen=True, slots=True)
class Meant:
    """`keys` of those who were found; the words nobody has, and those that several people have."""

    keys: frozenset[int]
    missing: tuple[str, ...]
    ambiguous: tuple[str, ...]


def meant(text: str, people: Iterable[Known]) -> Meant:
    """An address means whoever has it, a name whoever is called exactly so, whatever its case and accents.

    Who has left counts only where nobody who is here is meant.
    """
    by_word: defaultdict[str, list[Known]] = defaultdict(list)
    for person in people:
        for word in {_folded(person.name), person.email.lower()} - {""}:
            by_word[word].append(person)
    keys: set[int] = set()
    missing: dict[str, None] = {}
    ambiguous: dict[str, None] = {}
    for line in text.splitlines():
        for words, candidates in _entries(line, by_word):
            here = [person for person in candidates if person.status is not Status.INACTIVE] or candidates
            if len(here) == 1:
                keys.add(here[0].key)
            else:
                (ambiguous if here else missing)[words] = None
    return Meant(frozenset(keys), tuple(missing), tuple(ambiguous))


def _entries(line: str, by_word: dict[str, list[Known]]) -> Iterator[tuple[str, list[Known]]]:
    """What stands on a line, each with whom it may mean."""
    last, comma, first = line.partition(",")
    for whole in (line, f"{first} {last}" if comma else ""):
        # A name may have a comma in it, or be written with the last name first.
        if "@" not in whole and (found := by_word.get(_folded(whole))):
            yield line.strip(), found
            return
    for entry in addresses.parse(line):
        word = entry.email or _folded(entry.text)
        yield entry.text.strip(), by_word.get(word, [])


def _folded(name: str) -> str:
    return " ".join(searchable(name).split())
