"""`python -m sandbox`: the rehearsal Close and Commerce Layer, for a dashboard to be tried with."""

import argparse
import logging

from sandbox.commercelayer import rehearsal as commerce
from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld
from sandbox.limits import Limits
from sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from sandbox.rehearsal import ADMIN, NORTHWIND
from sandbox.server import Server, serve
from sandbox.world import World


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1, localhost or ::1")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one")
    parser.add_argument("--commercelayer-port", type=int, help="default: the one after --port")
    parser.add_argument("--people", type=int, default=240, help="how many are in Northwind Rehearsal")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same people and ids")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every call")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    options = parser.parse_args()

    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING)
    world = World.rehearsal(people=options.people, seed=options.seed)
    api_key = world.api_key(world.user_id(ADMIN), world.organization_id(NORTHWIND))

    def ready(server: Server[Limits]) -> None:
        print(f"Rehearsal Close   {server.url}")
        print(f"Practise          {server.url}/_rehearsal/")
        print(f"OAuth app         {CLIENT_ID} / {CLIENT_SECRET}")
        print(f"API key           {api_key}  ({ADMIN})")
        print(f"Commerce Layer    {layer.url}")
        print(
            f"Its client        {commerce.CLIENT_ID} / {commerce.CLIENT_SECRET}  ({commerce.OWNER})",
            flush=True,
        )

    latency_s = options.latency_ms / 1000
    port = options.commercelayer_port
    if port is None:
        port = options.port + 1 if options.port else 0
    try:
        with running(
            CommerceWorld.rehearsal(seed=options.seed),
            host=options.host,
            port=port,
            latency_s=latency_s,
            poll_s=0.5,
        ) as layer:
            serve(world, options.host, options.port, latency_s=latency_s, ready=ready)
    except (ValueError, OSError) as problem:
        parser.exit(2, f"{problem}\n")


if __name__ == "__main__":
    main()
