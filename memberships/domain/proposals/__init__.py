"""From wishes and what is true now to the rows of a plan."""

from .items import creation, deletion, edit, merged, transfers
from .leaving import leaving
from .people import (
    calls,
    changes,
    deactivations,
    invitations,
    joining,
    least_role,
    lesser_role,
    reactivations,
    resends,
)
from .successors import again, undo
from .wishes import Ways
from .wishes import rows as wished

__all__ = [
    "Ways",
    "again",
    "calls",
    "changes",
    "creation",
    "deactivations",
    "deletion",
    "edit",
    "invitations",
    "joining",
    "least_role",
    "leaving",
    "lesser_role",
    "merged",
    "reactivations",
    "resends",
    "transfers",
    "undo",
    "wished",
]
