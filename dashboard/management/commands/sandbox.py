"""`manage.py sandbox`: the rehearsal servers alone, for a dashboard to be tried with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.server import Server, serve
from sandbox.world import World


class Command(BaseCommand):
    help = "Serve the rehearsal Close on this machine until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8765, help="0 takes any free one")
        parser.add_argument("--people", type=int, default=240, help="how many people the organization has")
        parser.add_argument("--latency-ms", type=float, default=0, help="added to every call")

    def handle(self, *args: Any, **options: Any) -> None:
        def ready(server: Server) -> None:
            self.stdout.write(f"Rehearsal Close at {server.url}, practise at {server.url}/_rehearsal/")
            self.stdout.flush()

        world = World.rehearsal(people=options["people"])
        try:
            serve(world, "127.0.0.1", options["port"], latency_s=options["latency_ms"] / 1000, ready=ready)
        except OSError as problem:
            raise CommandError(f"{problem}: choose another port with --port.") from None
