"""`manage.py sandbox`: the rehearsal servers alone, for a dashboard to be tried with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.commercelayer.rehearsal import CLIENT_ID, CLIENT_SECRET, OWNER
from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld
from sandbox.limits import Limits
from sandbox.server import Server, serve
from sandbox.world import World


class Command(BaseCommand):
    help = "Serve the rehearsal Close and Commerce Layer on this machine until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8765, help="0 takes any free one")
        parser.add_argument(
            "--commercelayer-port",
            type=int,
            help="where Commerce Layer listens; default: the one after --port",
        )
        parser.add_argument("--people", type=int, default=240, help="how many people the organization has")
        parser.add_argument("--latency-ms", type=float, default=0, help="added to every call")

    def handle(self, *args: Any, **options: Any) -> None:
        def ready(server: Server[Limits]) -> None:
            self.stdout.write(f"Rehearsal Close at {server.url}, practise at {server.url}/_rehearsal/")
            self.stdout.write(
                f"Rehearsal Commerce Layer at {layer.url}, "
                f"client {CLIENT_ID} with the secret {CLIENT_SECRET}, which is {OWNER}"
            )
            self.stdout.flush()

        port, layer_port = options["port"], options["commercelayer_port"]
        if layer_port is None:
            layer_port = port + 1 if port else 0
        latency_s = options["latency_ms"] / 1000
        world, commerce_world = (
            World.rehearsal(people=options["people"]),
            CommerceWorld.rehearsal(people=options["people"]),
        )
        try:
            with running(commerce_world, port=layer_port, latency_s=latency_s, poll_s=0.5) as layer:
                serve(world, "127.0.0.1", port, latency_s=latency_s, ready=ready)
        except OSError as problem:
            raise CommandError(f"{problem}: choose others with --port and --commercelayer-port.") from None
