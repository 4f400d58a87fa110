"""The one way out: every remote API call passes through `Api.call`."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .errors import Disconnected, NotSent, RateLimited, Refused, Unavailable, seconds
from .pacing import Pace, Pacing, retry_after_s

CONNECT_TIMEOUT_S = 5.0
LARGEST_ANSWER = 64 * 1024 * 1024
_GET_RETRIES_S = (0.2, 0.6)
_SHORT_WAIT_S = 2.0
# Credentials can be revoked at any time, but not every refusal is worth the question.
_KNOWN_S = 10.0


class Credentials(Protocol):
    """Whose name calls are made in. Both may raise Disconnected, Unavailable or RateLimited."""

    def header(self) -> str:
        """The value of the Authorization header."""
        ...

    def renew(self, refused: str) -> str:
        """`refused` was answered with 401: another header to try, or Disconnected when there is none."""
        ...


class Observer(Protocol):
    """Is told what calls cost. May be called by several threads at once, and must not raise."""

    def answered(self, kind: str, status: int | None, seconds: float) -> None:
        """One exchange is over. `kind` is "read" or "write"; `status` is None where there was no usable answer."""
        ...

    def waited(self, seconds: float) -> None:
        """A call was held back for so long, for the sake of a rate limit."""
        ...


class Unobserved:
    """Nobody wants to know."""

    def answered(self, kind: str, status: int | None, seconds: float) -> None: ...

    def waited(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Service:
    """What there is to know of an API before it is called.

    `path` goes between its host and everything asked of it. `whoami` is a path that anyone with valid credentials may
    read. `explain` finds the provider's own words in the decoded body of a refusal. `wait_after_429_s` is for one that
    doesn't say how long to wait.
    """

    name: str
    path: str
    whoami: str
    explain: Callable[[Any], str]
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_after_429_s: float = 1.0


class Api:
    """A service in one person's name.

    `patient` is for jobs: it waits up to 2 s for a rate limit; a page never waits, and a longer wait is the caller's
    business (RateLimited). `deadline_s` bounds a whole call with all its attempts, however slowly an answer trickles:
    nothing is under way after it. `pace` spreads the calls; without one, only what the provider announces is obeyed.
    `observer` is told of each exchange and each wait.
    """

    def __init__(
        self,
        url: str,
        service: Service,
        credentials: Credentials,
        *,
        deadline_s: float,
        patient: bool = False,
        pace: Pacing | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`url` is the host's address."""
        self.base_url = url.rstrip("/") + service.path
        self.service = service
        self.name = service.name
        self.credentials = credentials
        self.deadline_s = deadline_s
        self.patient = patient
        self.pace: Pacing = pace or Pace()
        self.observer: Observer = observer or Unobserved()
        self._known_good, self._known_until = "", 0.0
        self._session = obey_deadlines(requests.Session())

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:
        """Send one request; return the decoded JSON body ({} where nothing is due: 202, 204, a DELETE's 200).

        Raises RateLimited (429), Refused (other 4xx), Disconnected, NotSent, or Unavailable (5xx, no answer, not
        JSON). GET is retried twice; a change is never sent twice here, except after a 401, which refuses before
        anything is changed.
        """
        retries = iter(_GET_RETRIES_S if method == "GET" else ())
        give_up = time.monotonic() + self.deadline_s
        while True:
            try:
                return self._authorized(give_up, method, path, params, body)
            except Unavailable:
                wait_s = next(retries, None)
                if wait_s is None or time.monotonic() + wait_s > give_up:
                    raise
            time.sleep(wait_s)

    def _authorized(self, give_up: float, method: str, path: str, *rest: Any) -> Any:
        with _nothing_sent():
            header = self.credentials.header()
        try:
            return self._paced(give_up, method, path, header, *rest)
        except Refused as refusal:
            if refusal.status != 401 or (header == self._known_good and self._still_knows(give_up, header)):
                raise
        with _nothing_sent():
            header = self.credentials.renew(header)
        try:
            return self._paced(give_up, method, path, header, *rest)
        except Refused as refusal:
            if refusal.status == 401 and not self._knows(give_up, header):
                raise Disconnected(
                    f"{self.name} no longer accepts this sign-in. Sign in again to reconnect."
                ) from None
            raise

    def _knows(self, give_up: float, header: str) -> bool:
        """Can the provider tell who this is? Then its 401 meant "you may not"."""
        try:
            with _nothing_sent():
                self._paced(give_up, "GET", self.service.whoami, header, None, None)
        except Refused:
            return False
        self._known_good, self._known_until = header, time.monotonic() + _KNOWN_S
        return True

    def _still_knows(self, give_up: float, header: str) -> bool:
        return time.monotonic() < self._known_until or self._knows(give_up, header)

    def _paced(self, give_up: float, method: str, path: str, header: str, *rest: Any) -> Any:
        group = group_of_call(method, path)
        wait_s = self.pace.take(group, _SHORT_WAIT_S if self.patient else None)
        if wait_s > _SHORT_WAIT_S:
            raise RateLimited(f"{self.name} allows no more calls for {seconds(wait_s)}.", wait_s)
        self._wait(wait_s)
        try:
            return self._send(give_up, method, path, header, group, *rest)
        except RateLimited as limit:
            if not self.patient or limit.retry_after_s > _SHORT_WAIT_S:
                raise
            self._wait(limit.retry_after_s)
        return self._send(give_up, method, path, header, group, *rest)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.observer.waited(seconds)
            time.sleep(seconds)

    def _send(
        self,
        give_up: float,
        method: str,
        path: str,
        header: str,
        group: str,
        params: dict[str, str] | None,
        body: dict[str, Any] | None,
    ) -> Any:
        left_s = give_up - time.monotonic()
        if left_s <= 0:
            raise NotSent(f"{self.name} could not be asked within {self.deadline_s:.0f} s.")
        began, status = time.monotonic(), None
        try:
            status, headers, content = exchange(
                self._session,
                self.name,
                left_s,
                method,
                self.base_url + path,
                auth=_Header(header),
                params=params,
                json=body,
                headers=self.service.headers,
            )
        finally:
            self.observer.answered(group.partition(" ")[0], status, time.monotonic() - began)
        self.pace.learn(group, headers)
        if status == 429:
            wait_s = retry_after_s(headers, self.service.wait_after_429_s)
            raise RateLimited(f"{self.name} asks to wait {seconds(wait_s)} before the next call.", wait_s)
        if status >= 500:
            raise Unavailable(f"{self.name} had an internal problem (status {status}).")
        if not content and (status in (202, 204) or (status == 200 and method == "DELETE")):
            return {}
        try:
            answer = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if status >= 400:
            words = self.service.explain(answer)
            raise Refused(words or f"{self.name} refused without a reason (status {status}).", status)
        if status >= 300 or not isinstance(answer, dict):
            raise Unavailable(f"{self.name} gave an answer that can't be understood (status {status}).")
        return answer


def group_of_call(method: str, path: str) -> str:
    """What a limit counts together: reads or writes of one kind of resource, which the path begins with."""
    return f"{'read' if method == 'GET' else 'write'} {path.split('/', 1)[0]}"


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Around whatever else may fail before, or after a 401 instead of, the call that was asked for."""
    try:
        yield
    except Unavailable as error:
        raise NotSent(str(error)) from None


def exchange(
    http: requests.Session,
    name: str,
    deadline_s: float,
    method: str,
    url: str,
    *,
    largest: int = LARGEST_ANSWER,
    **kwargs: Any,
) -> tuple[int, requests.structures.CaseInsensitiveDict[str], bytes]:
    """One HTTP exchange, complete within `deadline_s`: status, headers, body. Raises Unavailable otherwise."""
    with deadline(deadline_s) as its_deadline:
        try:
            with http.request(
                method,
                url,
                timeout=(min(CONNECT_TIMEOUT_S, deadline_s), deadline_s),
                allow_redirects=False,
                stream=True,
                **kwargs,
            ) as response:
                content = bytearray()
                for chunk in response.iter_content(65536):
                    content += chunk
                    if len(content) > largest:
                        raise Unavailable(f"{name} gave an answer that is too large.")
                if its_deadline.passed:  # a body without a length just ends when its socket is shut
                    raise Unavailable(f"{name} did not answer within {deadline_s:.0f} s.")
                return response.status_code, response.headers, bytes(content)
        except (requests.RequestException, OSError, ValueError) as error:
            if its_deadline.passed or isinstance(error, requests.Timeout):
                raise Unavailable(f"{name} did not answer within {deadline_s:.0f} s.") from None
            if isinstance(error, requests.exceptions.SSLError):
                raise Unavailable(f"{name} can't prove with a certificate who it is.") from None
            # The error's own text can hold the URL; it is of no use to the reader either.
            raise Unavailable(f"{name} can't be reached, or broke off its answer.") from None


def obey_deadlines[S: requests.Session](http: S) -> S:
    """Make a session's calls end at the deadline around them."""
    http.mount("https://", _DeadlineAdapter())
    http.mount("http://", _DeadlineAdapter())
    return http


class _Header(requests.auth.AuthBase):
    """Sets the Authorization header. As plain headers, requests would prefer a password from a netrc file."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self.value
        return request


_calls = threading.local()


class deadline:
    """Shuts the socket of the call it surrounds when time is up.

    A socket timeout only bounds each read, so an answer that comes a byte at a time would hold a worker forever.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> "deadline":
        _calls.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._socket = None
        _calls.deadline = None

    def watch(self, its_socket: socket.socket | None) -> None:
        self._socket = its_socket
        if self.passed:  # before there was a connection: nobody would come by again
            self._expire()

    def _expire(self) -> None:
        self.passed = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._socket = None  # closed meanwhile: the call is over


class _Watched:
    sock: socket.socket | None

    def getresponse(self) -> Any:
        if current := getattr(_calls, "deadline", None):
            current.watch(self.sock)
        return super().getresponse()  # type: ignore[misc]


class _HTTPConnection(_Watched, HTTPConnection): ...


class _HTTPSConnection(_Watched, HTTPSConnection): ...


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
