"""Routes as values: a method, a path with names in it, and who answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.messages import Response


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with `{names}`, which become the handler's keyword arguments."""

    method: str
    path: str
    handler: Callable[..., Response]
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        object.__setattr__(self, "pattern", re.compile(named))

    def match(self, path: str) -> re.Match[str] | None:
        return self.pattern.fullmatch(path)


def matching(routes: Iterable[Route], path: str) -> list[tuple[Route, dict[str, str]]]:
    """Every route of this path, whatever its method, with the ids in it."""
    return [(route, found.groupdict()) for route in routes if (found := route.match(path))]
