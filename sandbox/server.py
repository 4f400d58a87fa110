"""Real HTTP on loopback: sockets, recorded calls, latency and misbehaviour around one app."""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox.calls import Calls
from sandbox.close import Close
from sandbox.control import PREFIX
from sandbox.faults import Fault, Faults, close_failure
from sandbox.limits import Limits
from sandbox.messages import Request, Response
from sandbox.oauth import LOOPBACK
from sandbox.practice import Practice
from sandbox.world import World

log = logging.getLogger(__name__)

LARGEST_BODY = 10 * 1024 * 1024
DRIPS = 20

App = Callable[[Request], Response]


class Server[Allowed]:
    """One app on one loopback port, in threads of its own.

    `calls` records what arrives, `faults` and `latency_s` make it misbehave, `limits` say how
    many calls are allowed, `failure` is how its API answers an error. Raises ValueError for a
    host other machines could reach.
    """

    def __init__(
        self,
        app: App,
        limits: Allowed,
        *,
        name: str = "rehearsal-close",
        failure: Callable[[int], Response] = close_failure,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"The rehearsal listens on 127.0.0.1, localhost or ::1 only, not on {host!r}.")
        self.app = app
        self.name = name
        self.pages: App | None = None
        self.limits = limits
        self.calls = Calls()
        self.faults = Faults(failure)
        self.latency_s = 0.0
        self.stopping = threading.Event()
        self._listener = _Listener(host, port, self)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._listener.server_address[1]}"

    def serve(self, *, poll_s: float = 0.5) -> None:
        """Answer until `stop`, which is noticed within `poll_s`, or an interrupt."""
        self._listener.serve_forever(poll_s)

    def stop(self) -> None:
        """End `serve`, from another thread, then `close`."""
        self.stopping.set()
        self._listener.shutdown()
        self.close()

    def close(self) -> None:
        """Wake everything that waits, free the port, and hang up."""
        self.stopping.set()
        self._listener.server_close()
        self._listener.hang_up()

    def pause(self, seconds: float) -> None:
        """Sleep, unless the server stops."""
        if seconds > 0:
            self.stopping.wait(seconds)


def close_server(world: World, *, host: str = "127.0.0.1", port: int = 0) -> Server[Limits]:
    """The rehearsal Close with its practice pages; not answering yet."""
    limits = Limits()
    server = Server(Close(world, limits), limits, host=host, port=port)
    server.pages = Practice(world, server)
    return server


@contextmanager
def running(world: World, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Server[Limits]]:
    """The rehearsal Close in the background, for as long as the block lasts."""
    with background(close_server(world, host=host, port=port)) as server:
        yield server


@contextmanager
def background[Its](server: Server[Its], *, poll_s: float = 0.005) -> Iterator[Server[Its]]:
    """A server in a thread of its own, for as long as the block lasts; the end is noticed within `poll_s`."""
    thread = threading.Thread(target=server.serve, kwargs={"poll_s": poll_s}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def serve(
    world: World,
    host: str = "127.0.0.1",
    port: int = 8765,
    *,
    latency_s: float = 0.0,
    ready: Callable[[Server[Limits]], None] = lambda server: None,
) -> None:
    """The rehearsal Close in the foreground, until interrupted; `ready` is told once it listens."""
    server = close_server(world, host=host, port=port)
    server.latency_s = latency_s
    ready(server)
    with suppress(KeyboardInterrupt):
        server.serve()
    server.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, server: Server[Any]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.owner = server
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is ordinary here: that is what some rehearsals are about.
        log.debug("connection from %s ended badly", client_address)

    def hang_up(self) -> None:
        """End the kept-alive connections, whose threads would otherwise wait for another request."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet
    server: _Listener

    def exchange(self) -> None:
        """One request, whatever its method."""
        owner, started_at = self.server.owner, time.monotonic()
        request = self._request()
        if request is None:
            return
        if not _is_loopback(request.headers.get("host", "")):
            # A name that merely resolves to this computer is how a web page would get in.
            self._send(Response.json({"error": "The rehearsal answers on loopback names only."}, 421))
        elif owner.pages and request.path.startswith(PREFIX):
            self._send(_answer(owner.pages, request))
        else:
            self._rehearse(request, started_at)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = exchange

    def _rehearse(self, request: Request, started_at: float) -> None:
        owner = self.server.owner
        record = owner.calls.begin(request, started_at)
        owner.pause(owner.latency_s)
        fault = owner.faults.take(request.method, request.path)
        record.fault = fault.kind if fault else None
        response = self._outcome(request, fault)
        record.end(response.status if response else None)
        if response is None:
            self._hang_up(reset=fault is not None and fault.reset)
        elif fault and fault.kind == "drip":
            self._drip(response, fault.seconds)
        else:
            self._send(response, cut=fault is not None and fault.cut)

    def _outcome(self, request: Request, fault: Fault | None) -> Response | None:
        """What the client gets; None is no answer at all."""
        owner = self.server.owner
        if fault and fault.when == "before":
            if fault.kind == "drop":
                return None
            if fault.kind == "fail":
                return fault.answer()
            owner.pause(fault.seconds)
        if owner.stopping.is_set():
            return None
        response = _answer(owner.app, request)
        if fault is None or fault.when == "before":
            return response
        if fault.kind == "drop":
            return None
        if fault.kind == "delay":
            owner.pause(fault.seconds)
        return fault.spoil(response)

    def _request(self) -> Request | None:
        """The whole request; None, and an answer, if it can't be read."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(Response.json({"error": "Request Entity Too Large"}, 413))
            return None
        if "transfer-encoding" in headers:
            self.close_connection = True  # the body stays unread, and would be taken for the next request
        parts = urlsplit(self.path)
        body, address = self.rfile.read(int(length)), self.client_address[0]
        return Request(self.command, parts.path, parts.query, headers, body, address)

    def _send(self, response: Response, *, cut: bool = False) -> None:
        """The answer; `cut` promises twice the body there is, and hangs up."""
        self._head(response, len(response.body) * (2 if cut else 1))
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()
        if cut:
            self._hang_up(reset=False)

    def _drip(self, response: Response, seconds: float) -> None:
        self._head(response, len(response.body))
        self.wfile.flush()
        step = max(1, -(-len(response.body) // DRIPS))
        for start in range(0, len(response.body), step):
            self.server.owner.pause(seconds / DRIPS)
            self.wfile.write(response.body[start : start + step])
            self.wfile.flush()

    def _head(self, response: Response, length: int) -> None:
        self.send_response(response.status)
        if response.content_type:
            self.send_header("content-type", response.content_type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("content-length", str(length))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if not reset:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        # Closing with linger 0 sends RST. The readers hold references to the socket, so that its
        # own close() would wait for them and send FIN first: close what is below it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def version_string(self) -> str:
        return self.server.owner.name

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _answer(app: App, request: Request) -> Response:
    try:
        return app(request)
    except Exception:
        log.exception("%s %s failed in the rehearsal itself", request.method, request.path)
        return Response.json({"error": "The rehearsal itself failed; its log says why."}, 500)


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
