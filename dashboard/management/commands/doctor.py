"""`manage.py doctor`: is everything as it has to be, and if not, what to do."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from dashboard import doctor
from dashboard.findings import failed, written


class Command(BaseCommand):
    help = "Look this installation over. Each line is ok, warn or FAIL; ends with 1 when one is FAIL."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *args: Any, **options: Any) -> None:
        found = doctor.findings()
        self.stdout.write(written(found, as_json=options["json"]))
        if failed(found):
            sys.exit(1)
