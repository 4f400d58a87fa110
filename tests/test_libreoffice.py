"""An export opened and saved by the real LibreOffice changes nothing when it comes back."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memberships.domain.people import METADATA, Member, Roster, Status
from memberships.domain.plan import Verdict
from memberships.models import MirroredMember
from memberships.services import current, imports, plans, roster, tables
from memberships.services.connections import capabilities
from memberships.services.wording import Words

_SOFFICE = os.environ.get("ROSTER_LIBREOFFICE") or shutil.which("soffice") or ""
_MISSING = (
    "There is no LibreOffice: `apt-get install libreoffice-calc` brings one, or set ROSTER_LIBREOFFICE to the path of "
    "yours."
)
# How LibreOffice names what its dialogues offer: separator, quote, character set (76 is UTF-8), first line.
_OPENED = "CSV:44,34,76,1"
_SAVED = {",": "44,34,76,1", ";": "59,34,76,1"}
TEXTS = [
    "=1+1", '=HYPERLINK("https://example.com","x")', "+441234", "-5", "@SUM(A1)", "'quoted", "''twice", "'", "(clear)",
    "007", "1E5", "3/4/2026", "2026-01-02", "1.50", "10:30", "12345678901234567890", 'say "so"', "a, b; c\td",
    "two\nlines", "two\r\nlines", "\ttab first", " space around ", "Zoë Müller", "李小龙", "محمد", "👩‍💻", "＝wide",
    "#NAME?", "TRUE", "50%", "€ 5", "x" * 5000,
]  # fmt: skip


@pytest.fixture(scope="module")
def soffice(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command, with a profile of its own."""
    if not _SOFFICE:
        if os.environ.get("ROSTER_LIBREOFFICE_REQUIRED") == "1":
            pytest.fail(_MISSING, pytrace=False)
        pytest.skip(_MISSING)
    profile = tmp_path_factory.mktemp("libreoffice").as_uri()
    return [_SOFFICE, f"-env:UserInstallation={profile}", "--headless", "--norestore", "--nolockcheck"]


def saved(soffice: list[str], file: Path, separator: str) -> bytes:
    """The file as LibreOffice saves it, with this separator."""
    folder = file.parent / f"saved-{ord(separator)}"
    command = [
        *soffice,
        f"--infilter={_OPENED}",
        "--convert-to",
        f"csv:Text - txt - csv (StarCalc):{_SAVED[separator]}",
        "--outdir",
        str(folder),
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / file.name).read_bytes()


def somebody(number: int, text: str) -> Member:
    settings = {"reference": text, "access_scope": "live_access", METADATA: None, "metadata:team": text}
    name = text.replace("\0", "")
    return Member(
        f"pk{number}X",
        f"u{number}",
        f"p{number}@example.com",
        name,
        "",
        "role1",
        Status.ACTIVE,
        settings=settings,
    )


@pytest.mark.parametrize("separator", [",", ";"])
def test_an_export_that_libreoffice_opened_and_saved_is_an_empty_plan(
    separator, soffice, attached, monkeypatch, tmp_path
):
    organization = attached.organization
    everyone = [somebody(number, text) for number, text in enumerate(TEXTS)]
    MirroredMember.objects.filter(organization=organization).delete()
    MirroredMember.objects.bulk_create([roster._mirrored(organization, member) for member in everyone])
    now = Roster("o", "Bluefin", {member.id: member for member in everyone}, datetime.now(UTC))
    live_roles = roster.roles(organization)
    mirrored = MirroredMember.objects.filter(organization=organization).order_by("pk")
    export = "".join(tables.lines(tables.members(mirrored, Words(capabilities(organization), live_roles))))
    file = tmp_path / "members.csv"
    file.write_bytes(export.encode())
    data = saved(soffice, file, separator)
    assert data != export.encode()  # it was LibreOffice that wrote it
    monkeypatch.setattr(current, "read", lambda _: current.Live(now, live_roles, {}))
    sheet = imports.read(organization, data)
    imported = imports.propose(attached, sheet, "members.csv", reason="", channel="test")
    differing = {row.name: row.edits for row in imported.plan.rows.exclude(verdict=Verdict.ALREADY)}
    assert differing == {}
    assert plans.counts(imported.plan)[Verdict.ALREADY] == len(TEXTS)
