"""What the members page shows: the state its address carries."""

from dataclasses import dataclass

SORTS = ("name", "email", "role")


@dataclass(frozen=True, slots=True)
class Query:
    """`sort` is one of SORTS, with a minus before it for the other way round. `managers`: only who can manage."""

    q: str = ""
    role: str = ""
    status: str = ""
    sort: str = "name"
    managers: bool = False
