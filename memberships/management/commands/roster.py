"""`manage.py roster dump | plan | apply | drift`: the people of an organization as a file, without a browser."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from memberships.models import Connection
from memberships.providers.errors import ProviderError
from memberships.services import command_line, headless, plans, printing
from memberships.services.command_line import Faulty, Moved, Receipt
from memberships.services.connections import NotAllowed, NotServed
from memberships.services.jobs import Progress
from memberships.services.printing import Report
from memberships.services.rosterfile.document import MOST_BYTES, Unreadable
from memberships.services.storing import NothingLeft

NOTHING_TO_DO, ERROR, CHANGES = 0, 1, 2
_PARTS = ("groups", "pins")
_BAR = 30


class Command(BaseCommand):
    help = (
        "Write, plan, apply and compare a roster file. Ends with 0 when there is nothing to do, or all was done; with "
        "2 when there are changes; with 1 after any error. Only `apply` sends anything."
    )
    code = NOTHING_TO_DO

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        dump = actions.add_parser("dump", help="write everybody as a roster file")
        dump.add_argument(
            "--with",
            dest="parts",
            type=_parts,
            default=(),
            metavar="groups,pins",
            help="also the groups people are in, and their pinned views, which take a call each",
        )
        plan = actions.add_parser("plan", help="keep what a file would change as a plan; sends nothing")
        plan.add_argument("file", metavar="FILE", help="a roster file; - reads it from the standard input")
        plan.add_argument("--reason", default="", help="kept in the audit log: a sentence, or a link")
        apply = actions.add_parser("apply", help="apply a plan, by its id")
        apply.add_argument("plan", metavar="PLAN_ID", type=_plan_id)
        apply.add_argument(
            "--confirm", default="", metavar="N", help="the number that a plan with a brake asks for"
        )
        drift = actions.add_parser("drift", help="say what differs from a file; keeps and sends nothing")
        drift.add_argument("file", metavar="FILE", help="a roster file; - reads it from the standard input")
        for action in (plan, drift):
            action.add_argument("--all", action="store_true", help="also list who is unchanged")
            form = action.add_mutually_exclusive_group()
            form.add_argument("--json", action="store_true", help="for other programs")
            form.add_argument("--markdown", action="store_true", help="for a comment on a pull request")
        for action in (dump, plan, apply, drift):
            action.add_argument(
                "--organization",
                default="",
                metavar="ID",
                help="may be left out when exactly one is connected",
            )
            action.add_argument(
                "--as",
                dest="email",
                default="",
                metavar="EMAIL",
                help="in whose name; without it, whoever the key in CLOSE_API_KEY belongs to, where that is set",
            )

    def run_from_argv(self, argv: list[str]) -> None:
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            # argparse ends with 2 when it doesn't understand; here that would mean changes.
            sys.exit(ERROR if end.code == CHANGES else end.code)
        if self.code:
            sys.exit(self.code)

    def handle(self, *args: Any, **options: Any) -> None:
        act: Callable[[Connection, dict[str, Any]], int] = getattr(self, options["action"])
        try:
            key = os.environ.get("CLOSE_API_KEY", "")
            with headless.acting(options["organization"], options["email"], key) as connection:
                command_line.noted(connection, _told(options))
                self.code = act(connection, options)
        except NotServed:
            raise CommandError("This installation is for other organizations.") from None
        except NotAllowed as error:
            raise CommandError(f"You need {error.permission} in {error.organization}.") from None
        except Faulty as faulty:
            if options.get("json"):
                self.stdout.write(_json(printing.faults_json(faulty.faults)))
            self.stderr.write(printing.faults(faulty.faults))
            raise CommandError(str(faulty)) from None
        except Moved as moved:
            for sentence in moved.sentences:
                self.stderr.write(f"  {printing.seen(sentence)}")
            raise CommandError(str(moved)) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Broken off. Of a plan that was being applied, the same command does the rest."
            ) from None
        except (
            headless.Undecided,
            plans.CannotApply,
            NothingLeft,
            ProviderError,
            Unreadable,
        ) as error:
            raise CommandError(printing.seen(str(error))) from None

    def dump(self, connection: Connection, options: dict[str, Any]) -> int:
        parts = options["parts"]
        for piece in command_line.dumped(
            connection, with_groups="groups" in parts, with_pins="pins" in parts
        ):
            self.stdout.write(piece, ending="")
        return NOTHING_TO_DO

    def plan(self, connection: Connection, options: dict[str, Any]) -> int:
        found = command_line.compared(connection, _read(options["file"]))
        report = command_line.plan(
            connection, found, source=Path(options["file"]).name, reason=options["reason"][:200]
        )
        self._print(replace(report, chosen=_chosen(options)), options)
        return CHANGES if report.changes else NOTHING_TO_DO

    def drift(self, connection: Connection, options: dict[str, Any]) -> int:
        report = command_line.drift(connection, command_line.compared(connection, _read(options["file"])))
        self._print(report, options)
        return CHANGES if report.changes else NOTHING_TO_DO

    def apply(self, connection: Connection, options: dict[str, Any]) -> int:
        plan = plans.find(connection.organization, options["plan"])
        if plan is None:
            raise CommandError(f"There is no plan {options['plan']} in {connection.organization}.")
        try:
            job = command_line.start(plan, connection, confirm=options["confirm"])
        except plans.WrongNumber:
            reasons = printing.seen(" ".join(plan.brake_reasons))
            raise CommandError(f"{reasons} To apply it, add --confirm {plan.brake_number}.") from None
        with _stoppable() as asked_to_stop:
            told = ProgressBar(self.stderr, asked_to_stop)
            receipt = command_line.follow(job, told)
            told.end()
        self._receipt(receipt)
        return NOTHING_TO_DO if receipt.whole else ERROR

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(_json(printing.json(report)))
        elif options["markdown"]:
            self.stdout.write(printing.markdown(report, everybody=options["all"]), ending="")
        else:
            wanted = options["force_color"] or (self.stdout.isatty() and not os.environ.get("NO_COLOR"))
            colour = bool(wanted and not options["no_color"])
            self.stdout.write(printing.text(report, everybody=options["all"], colour=colour), ending="")

    def _receipt(self, receipt: Receipt) -> None:
        for row in receipt.left:
            who = printing.seen(row.name or row.email or row.member_id)
            why = printing.seen(" ".join(filter(None, (row.error, row.advice))))
            self.stdout.write(f"  {row.outcome}  {who}  {why}".rstrip())
        if receipt.note:
            self.stdout.write(printing.seen(receipt.note))
        progress = receipt.progress
        self.stdout.write(
            printing.outcomes(
                {
                    "done": progress.done,
                    "refused": progress.refused,
                    "unknown": progress.unknown,
                    "not attempted": progress.not_attempted,
                }
            )
        )


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


class ProgressBar:
    """How far a job is: a bar on a terminal, else a line whenever another tenth is done or it waits for something."""

    def __init__(self, out: Any, asked_to_stop: Callable[[], bool]) -> None:
        self.out = out
        self.asked_to_stop = asked_to_stop
        self.is_terminal = out.isatty()
        self.last = ""

    def __call__(self, progress: Progress, note: str) -> bool:
        settled, total = progress.settled, progress.total
        shown = f"{settled:,} of {total:,}" + (f", waiting: {printing.seen(note)}" if note else "")
        if self.is_terminal:
            filled = _BAR * settled // max(1, total)
            self.out.write(f"\r\x1b[K[{'#' * filled}{'.' * (_BAR - filled)}] {shown}", ending="")
            self.out.flush()
        else:
            mark = f"{10 * settled // max(1, total)} {note}"
            if mark != self.last:
                self.out.write(shown)
            self.last = mark
        return self.asked_to_stop()

    def end(self) -> None:
        if self.is_terminal:
            self.out.write("\r\x1b[K", ending="")


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl-C asks to stop after the call under way; pressed again, it ends at once, which is safe too."""
    asked = False

    def ask(*_: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = [(number, signal.signal(number, ask)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield lambda: asked
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _told(options: dict[str, Any]) -> str:
    """The command as it stands in the audit log."""
    what = Path(options["file"]).name if "file" in options else options.get("plan", "")
    return f"roster {options['action']} {what}".strip()[:300]


def _read(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None


def _parts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if unknown := set(found) - set(_PARTS):
        raise ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}; there are {' and '.join(_PARTS)}")
    return found


def _chosen(options: dict[str, Any]) -> str:
    """The same choice, for the command that goes on."""
    named = {"--organization": options["organization"], "--as": options["email"]}
    return "".join(f" {name} {shlex.quote(value)}" for name, value in named.items() if value)


def _plan_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is not the id of a plan") from None
