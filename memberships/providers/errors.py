"""What can go wrong when a provider is asked. The caller's next step decides the class."""

import math


class ProviderError(Exception):
    """`str(error)` is a sentence for a person; it never holds a token."""


class Refused(ProviderError):
    """The provider said no (4xx). One row: nothing changed. A bulk: rows before the culprit may be; re-read."""

    def __init__(self, message: str, status: int, advice: str = "") -> None:
        """`message` is the provider's own words, `advice` ours on what to do about it."""
        super().__init__(message)
        self.status = status
        self.advice = advice


class RateLimited(ProviderError):
    """Too many calls: nothing changed; ask again in `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def seconds(wait_s: float) -> str:
    """For the message: whoever waits for as long as it says is not too early."""
    return f"{max(1, math.ceil(wait_s)):,} s"


class Unavailable(ProviderError):
    """No usable answer (5xx, timeout, not what was documented): a change may or may not be made."""


class NotSent(Unavailable):
    """It did not even come to the call, for want of credentials or time: nothing was changed."""


class Disconnected(ProviderError):
    """The credentials are no longer accepted: nothing can be done until the person connects again."""


class Detached(Disconnected):
    """The same of credentials that somebody entered for everyone: they, or somebody else, must enter some again."""
