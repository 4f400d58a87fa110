"""Whose rows a request may touch: the one place where organizations are kept apart.

Every model whose rows belong to an organization has `Owned` as its manager. Within a request it adds the organizations
that the request is for to each query, be it for reading, changing or deleting; before the request has said which these
are, it refuses. What a query forgets to say can't show or change another organization's rows.

Workers and commands are not requests: they take each job with its own organization.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from .connections import Organization

# None: every row may be touched. Empty: none yet.
_allowed: ContextVar[frozenset[int] | None] = ContextVar("organizations", default=None)


class Unscoped(RuntimeError):
    """A request asked for rows without having said of which organization: `with scope.within(organization)`."""


class OwnedRows[M: models.Model](models.QuerySet[M]):
    """Rows of the request's organizations.

    Most queries name one of these themselves: they go on from `unscoped`. The same condition twice would lead SQLite to
    a worse index.
    """

    unscoped: models.QuerySet[M] | None = None
    owner = ""
    allowed: frozenset[int] = frozenset()

    def filter(self, *args: Any, **kwargs: Any) -> Self:
        asked = kwargs.get(self.owner)
        if self.unscoped is not None and getattr(asked, "pk", asked) in self.allowed:
            return self.unscoped.filter(*args, **kwargs)  # type: ignore[return-value]
        return super().filter(*args, **kwargs)


class Owned[M: models.Model](models.Manager[M]):
    """For models whose rows belong to an organization, through the field `owner`."""

    owner = "organization"
    _queryset_class = OwnedRows

    def get_queryset(self) -> models.QuerySet[M]:
        rows, allowed = super().get_queryset(), _allowed.get()
        if allowed is None or self._belongs_to_a_row():
            return rows
        if not allowed:
            raise Unscoped(f"{self.model.__name__}: of which organization?")
        scoped = rows.filter(**{f"{self.owner}__in": allowed})
        if isinstance(scoped, OwnedRows):
            # For the next filter only: what is made of that one has no such way back.
            scoped.unscoped, scoped.owner, scoped.allowed = rows, self.owner, allowed
        return scoped

    def _belongs_to_a_row(self) -> bool:
        """Reached from a row that was read in here, such as the rows of a plan: no need to ask whose that is again."""
        of: Any = getattr(self, "instance", None)
        return of is not None and isinstance(type(of)._default_manager, Owned)


class OwnedByPlan[M: models.Model](Owned[M]):
    owner = "plan__organization"


@contextmanager
def nobody() -> Iterator[None]:
    """A request begins: whose it is isn't known yet."""
    with _allow(frozenset()):
        yield


@contextmanager
def within(*organizations: Organization) -> Iterator[None]:
    """For these, and for those they are attached to: whoever may manage there may manage here."""
    known = {pk for o in organizations for pk in (o.pk, o.parent_id) if pk is not None}
    with _allow(frozenset(known)):
        yield


@contextmanager
def everyone() -> Iterator[None]:
    """For what is said of the whole installation, never of one organization's people."""
    with _allow(None):
        yield


@contextmanager
def _allow(organizations: frozenset[int] | None) -> Iterator[None]:
    before = _allowed.set(organizations)
    try:
        yield
    finally:
        _allowed.reset(before)
