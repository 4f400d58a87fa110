"""Several calls under way at a time, within the limits. Threads share the session and the credentials of the moment.

Everything that needs more than the network, such as asking for a place in a window that other machines share, is done
in the thread that asks.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import ProviderError, RateLimited, Refused, seconds
from .http import Api, group_of_call

AT_ONCE = 8
# A job never sleeps longer for a change; lists wait until the next burst may begin.
_SHORT_WAIT_S = 2.0
_LIST_WAIT_S = 15.0


class Ask(NamedTuple):
    method: str
    path: str
    params: dict[str, str] | None = None
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """Credentials that were good a moment ago. A refusal is looked into by whoever can renew them."""

    value: str

    def header(self) -> str:
        return self.value

    def renew(self, refused: str) -> str:
        raise Refused("The sign-in was refused.", 401)


class _Reserved:
    """The place in the window is taken already."""

    def __init__(self, api: Api) -> None:
        self._pace = api.pace

    def take(self, group: str, longest_s: float | None) -> float:
        return 0.0

    def learn(self, group: str, headers: Mapping[str, str]) -> None:
        self._pace.learn(group, headers)


def get_many(api: Api, asked: Sequence[tuple[str, dict[str, str] | None]]) -> list[Any]:
    """The answers to several GETs (path and parameters), in their order. Raises what the first that fails raises."""
    asks = [Ask("GET", path, params) for path, params in asked]
    found = _many(api, asks, _LIST_WAIT_S)
    for answer in found:
        if isinstance(answer, ProviderError):
            raise answer
    return found


def send_many(api: Api, asks: Sequence[Ask]) -> list[Any]:
    """For each change its answer or the ProviderError it ended with. What can't be sent soon is RateLimited."""
    return _many(api, asks, _SHORT_WAIT_S)


def _many(api: Api, asks: Sequence[Ask], longest_s: float) -> list[Any]:
    if not asks:
        return []
    if len(asks) == 1:
        return [_tried(api, asks[0])]
    held = copy(api)
    held.credentials, held.pace, held.patient = _Held(api.credentials.header()), _Reserved(api), True
    waiting: list[Future[Any] | ProviderError] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ask in asks:
            wait_s = api.pace.take(group_of_call(ask.method, ask.path), longest_s)
            if wait_s > longest_s:
                waiting.append(RateLimited(f"{api.name} allows no more calls for {seconds(wait_s)}.", wait_s))
            else:
                waiting.append(pool.submit(_at, time.monotonic() + wait_s, held, ask))
    found = [item if isinstance(item, ProviderError) else item.result() for item in waiting]
    return [
        _tried(api, ask) if isinstance(answer, Refused) and answer.status == 401 else answer
        for ask, answer in zip(asks, found, strict=True)
    ]


def _at(moment: float, api: Api, ask: Ask) -> Any:
    time.sleep(max(0.0, moment - time.monotonic()))
    return _tried(api, ask)


def _tried(api: Api, ask: Ask) -> Any:
    try:
        return api.call(ask.method, ask.path, params=ask.params, body=ask.body)
    except ProviderError as error:
        return error
