"""`manage.py serve`: the dashboard's web server."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from granian import Granian
from granian.constants import Interfaces

from dashboard import processes


class Command(BaseCommand):
    help = "Serve the dashboard until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=1, help="how many web processes share the port")
        parser.add_argument("--with-worker", action="store_true", help="start one worker process beside it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not processes.is_free(options["host"], options["port"]):
            raise CommandError(f"Port {options['port']} is taken: choose another one with --port.")
        with processes.beside([["worker"]] if options["with_worker"] else []):
            Granian(
                "dashboard.wsgi:application",
                address=options["host"],
                port=options["port"],
                interface=Interfaces.WSGI,
                workers=options["processes"],
                # One that is killed, for want of memory say, is replaced and takes nobody along.
                respawn_failed_workers=True,
                blocking_threads=4,
                websockets=False,
                log_access=settings.DEVELOPMENT and options["verbosity"] > 1,
                log_dictconfig=_its_logs(),
            ).serve()


def _its_logs() -> dict[str, Any]:
    """The server's own few lines, written as all others are."""
    ours = settings.LOGGING
    return {
        "formatters": ours["formatters"],
        "handlers": ours["handlers"],
        "loggers": {
            "_granian": {"handlers": ["console"], "propagate": False},
            "granian.access": {"handlers": ["console"], "propagate": False},
        },
    }
