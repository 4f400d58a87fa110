"""The apps a member was given one by one: what goes with a membership that is removed, and can be given again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class App:
    """One app, by the id of its credential, with the role held in it. `filters` narrow what is reached.

    The names are copies for reading.
    """

    credential_id: str
    role_id: str
    name: str
    mode: str = ""
    role_name: str = ""
    filters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        mode = f" ({self.mode})" if self.mode else ""
        narrowed = ", filtered" if self.filters else ""
        return f"{self.name}{mode} as {self.role_name or self.role_id}{narrowed}"

    def is_same(self, other: "App") -> bool:
        """Whatever they are called."""
        mine, its = ((a.credential_id, a.role_id, dict(a.filters)) for a in (self, other))
        return mine == its

    def stored(self) -> str:
        """All of it as one text, the form in which it stands in rows; nothing secret has a place in it."""
        content = {
            "credential": self.credential_id,
            "role": self.role_id,
            "name": self.name,
            "mode": self.mode,
            "role_name": self.role_name,
            "filters": dict(self.filters),
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True)


def restored(stored: str) -> App:
    """Raises ValueError or KeyError for what `App.stored` didn't make."""
    content = json.loads(stored)
    filters = content.get("filters")
    return App(
        content["credential"],
        content["role"],
        content["name"],
        content["mode"],
        content["role_name"],
        filters if isinstance(filters, dict) else {},
    )


def those_held(wanted: Sequence[str], held: Iterable[str]) -> tuple[str, ...]:
    """Which of the wanted apps are among those held, both in their stored form."""
    there = [restored(stored) for stored in held]
    return tuple(one for one in wanted if any(restored(one).is_same(other) for other in there))
