"""`manage.py audit verify`: is the audit log as it was written? `audit resend`: pass it on once more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memberships.models import Organization
from memberships.services import audit, audit_outlets, audit_stream


class Command(BaseCommand):
    help = (
        "Check the audit log's chain of hashes, or pass entries on again. A check ends with 1 when an entry was "
        "changed, removed or reordered."
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

        resend = actions.add_parser("resend", help="pass entries on again, to whoever lost them")
        resend.add_argument(
            "--organization", metavar="ID", help="the provider's id; may be left out for all of them"
        )
        resend.add_argument(
            "--from", dest="number", type=int, default=1, metavar="N", help="the first entry; all by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organizations = Organization.objects.order_by("pk")
        if options["organization"]:
            organizations = organizations.filter(remote_id=options["organization"])
        if not organizations:
            known = options["organization"]
            raise CommandError(
                "There is no such organization here."
                if known
                else "Nobody has signed in yet: no log is kept."
            )
        if options["action"] == "resend":
            self._resend(list(organizations), options["number"])
        else:
            self._verify(list(organizations), options)

    def _resend(self, organizations: list[Organization], number: int) -> None:
        if not audit_outlets.outlets():
            raise CommandError("It is passed on to nobody: set AUDIT_STREAM or AUDIT_WEBHOOK_URL.")
        again = audit_stream.resend(organizations, max(1, number))
        self.stdout.write(f"{again:,} entries are passed on again, by the next worker that looks.")

    def _verify(self, organizations: list[Organization], options: dict[str, Any]) -> None:
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
