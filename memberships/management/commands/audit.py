"""`manage.py audit verify`: is the audit log as it was written?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memberships.models import Organization
from memberships.services import audit


class Command(BaseCommand):
    help = (
        "Check the audit log's chain of hashes. Ends with 1 when an entry was changed, removed or reordered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="check every entry, or those of one organization")
        verify.add_argument(
            "--organization", metavar="ID", help="the provider's id; may be left out when there is one"
        )
        verify.add_argument(
            "--head", metavar="N:HASH", help="a head kept elsewhere, as every export prints it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = Organization.objects.order_by("pk")
        if options["organization"]:
            organizations = organizations.filter(remote_id=options["organization"])
        if not organizations:
            raise CommandError("There is no such organization here.")
        known = None
        if options["head"]:
            if len(organizations) > 1:
                raise CommandError("A head belongs to one organization: name it with --organization.")
            try:
                known = audit.Head.parse(options["head"])
            except ValueError as error:
                raise CommandError(str(error)) from None
        broken = False
        for organization in organizations:
            problems = audit.verify(organization, known)
            broken = broken or bool(problems)
            state = "BROKEN" if problems else "whole"
            self.stdout.write(
                f"{organization} ({organization.remote_id}): {state}, head {audit.head(organization)}"
            )
            for problem in problems:
                self.stdout.write(f"  {problem}")
        if broken:
            raise CommandError("The audit log is not as it was written.")
