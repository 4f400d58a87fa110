"""`manage.py rotate_keys`: bring all stored secrets under the newest key, so that the old one can go."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from memberships.services import keys

_LOST = (
    "{lost:,} secrets are opened by none of the keys in TOKEN_ENCRYPTION_KEYS. Put the key back that was dropped; "
    "without it the people concerned have to connect again."
)


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets with the first key of TOKEN_ENCRYPTION_KEYS. Safe while everything runs, and to "
        "run again. Restart all processes with the new key before."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; ends with 1 while an older key is still needed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check()
            return
        result = keys.rotate()
        self.stdout.write(
            f"{result.older:,} secrets were brought under the newest key, {result.newest:,} were already."
        )
        if result.lost:
            raise CommandError(_LOST.format(lost=result.lost))
        left = keys.count().older
        if left:
            raise CommandError(
                f"{left:,} came under an older key meanwhile: a process still runs with the old setting. Restart "
                "it, then run this again."
            )
        if len(settings.TOKEN_ENCRYPTION_KEYS) > 1:
            self.stdout.write(
                "Older keys are no longer needed: take them out of TOKEN_ENCRYPTION_KEYS and restart."
            )

    def _check(self) -> None:
        found = keys.count()
        self.stdout.write(
            f"{found.newest:,} secrets are under the newest key, {found.older:,} under an older one."
        )
        if found.lost:
            raise CommandError(_LOST.format(lost=found.lost))
        if found.older:
            raise CommandError("An older key is still needed: run rotate_keys without --check.")
        self.stdout.write("Older keys are not needed.")
