"""What a provider itself remembers of one member."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """One remembered change: the provider's word for it, when in its own notation, who, and old and new values."""

    event: str
    at: str
    who: str
    changes: Mapping[str, tuple[object, object]]
