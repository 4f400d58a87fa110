"""The rehearsal Commerce Layer on a port of its own; API and token endpoint share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.commercelayer.api import CommerceLayer, failure
from sandbox.commercelayer.limits import CommerceLimits
from sandbox.commercelayer.world import CommerceWorld
from sandbox.control import Control
from sandbox.server import Server, background


def commercelayer_server(
    world: CommerceWorld, *, host: str = "127.0.0.1", port: int = 0
) -> Server[CommerceLimits]:
    """With the control endpoint of every rehearsal; not answering yet."""
    limits = CommerceLimits(world.switches)
    server = Server(
        CommerceLayer(world, limits),
        limits,
        name="rehearsal-commercelayer",
        failure=failure,
        host=host,
        port=port,
    )
    server.pages = Control(world, server)
    return server


@contextmanager
def running(
    world: CommerceWorld,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    latency_s: float = 0.0,
    poll_s: float = 0.005,
) -> Iterator[Server[CommerceLimits]]:
    """In the background, for as long as the block lasts; `poll_s` as in `background`."""
    server = commercelayer_server(world, host=host, port=port)
    server.latency_s = latency_s
    with background(server, poll_s=poll_s):
        yield server
