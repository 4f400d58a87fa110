"""What the doctor finds. Imports no settings: they may be what is broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence on one thing, and what to do about it."""

    check: str
    state: str
    sentence: str
    advice: str = ""


def of_settings() -> Finding | None:
    """Why nothing can start, if so."""
    try:
        import_module("dashboard.settings")
    except Exception as problem:
        return Finding(
            "settings", FAIL, str(problem), "README.md lists all settings. Nothing else can be checked."
        )
    return None


def written(findings: Sequence[Finding], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"ok": not failed(findings), "findings": [asdict(f) for f in findings]}, indent=2)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<5} {finding.check:<13} {finding.sentence}")
        if finding.advice:
            lines.append(f"{'':<20}→ {finding.advice}")
    return "\n".join(lines)


def failed(findings: Sequence[Finding]) -> bool:
    return any(finding.state == FAIL for finding in findings)
