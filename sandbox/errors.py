"""Why the world says no; close.py turns each into a status and a body."""

from collections.abc import Mapping, Sequence


class WorldError(Exception):
    """Something Close would refuse."""


class NotFound(WorldError):
    """No such thing, or not in the caller's organization."""

    def __init__(self, noun: str) -> None:
        self.text = f"Empty query: {noun} matching query does not exist."
        super().__init__(self.text)


class NotPermitted(WorldError):
    """The caller's role does not allow it."""


class Forbidden(WorldError):
    """Membership creation, the one place where 403 is documented."""


class NotInPlan(WorldError):
    """The organization's plan does not include it."""


class BadRequest(WorldError):
    """A request that can not be read: paging, filters, JSON."""


class WrongContentType(WorldError):
    """A body that does not say it is JSON."""


class Invalid(WorldError):
    """Validation failed. `count` is how many a bulk update changed before."""

    def __init__(
        self,
        *errors: str,
        fields: Mapping[str, str] | None = None,
        count: int | None = None,
    ) -> None:
        self.errors: Sequence[str] = errors
        self.fields = dict(fields or {})
        self.count = count
        super().__init__(str([*errors, self.fields]))
