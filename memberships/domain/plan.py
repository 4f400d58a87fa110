"""A plan: row by row what would change, what is already so, and what can't be done and why. Nothing here sends."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .items import Kind
from .people import APPS, ROLE, Value


class Action(StrEnum):
    CHANGE = "change"
    INVITE = "invite"
    REACTIVATE = "reactivate"
    DEACTIVATE = "deactivate"
    CREATE = "create"
    DELETE = "delete"
    RESEND = "resend"


class Verdict(StrEnum):
    WILL = "will"
    ALREADY = "already"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Edit:
    field: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Row:
    """One change of one person, or of one role, group, task or opportunity; or one pasted text that is nobody.

    `member_id` is whom it concerns: empty for someone the provider doesn't know, and for roles and groups; of work it
    is who has it now. `item_id` is the id of what isn't a person. `email` identifies people who are invited; `name` is
    a copy for reading. `reason` explains ALREADY and BLOCKED, and may say of WILL what else is good to know. `via` is a
    role somebody comes back with first, because theirs can't be given at once. `kept` is what was so before they left
    or it was deleted. A row of a later `stage` waits until all of the earlier ones are done.
    """

    action: Action
    verdict: Verdict
    member_id: str = ""
    email: str = ""
    name: str = ""
    edits: tuple[Edit, ...] = ()
    reason: str = ""
    via: str = ""
    kept: Mapping[str, Value] = field(default_factory=dict)
    kind: Kind = Kind.MEMBER
    item_id: str = ""
    stage: int = 0

    @property
    def wanted(self) -> dict[str, Value]:
        return {edit.field: edit.after for edit in self.edits}

    def blocked(self, reason: str) -> "Row":
        return replace(self, verdict=Verdict.BLOCKED, reason=reason)

    def already(self, reason: str) -> "Row":
        return replace(self, verdict=Verdict.ALREADY, reason=reason)


ROLE_STEP, APPS_STEP = 1, 2
"""What may be left to do for someone who is back."""


def at_step(row: Row, step: int) -> Row:
    """What a row asks for now: someone who comes back is first back, then given their role and their apps."""
    if step == APPS_STEP:
        return replace(row, action=Action.CHANGE, edits=(Edit(APPS, (), row.wanted[APPS]),))
    if row.via and step == ROLE_STEP:
        return replace(row, action=Action.CHANGE, edits=(Edit(ROLE, row.via, row.wanted[ROLE]),))
    if row.via:
        return replace(row, edits=(Edit(ROLE, row.edits[0].before, row.via),))
    if row.action is Action.INVITE:
        return replace(row, edits=tuple(edit for edit in row.edits if edit.field != APPS))
    return row


def fingerprint(organization_id: str, rows: Sequence[Row]) -> str:
    """SHA-256 over everything that would be sent and about whom: two plans are the same exactly when this is."""
    content = [
        [
            row.action,
            row.verdict,
            row.kind,
            row.item_id,
            row.member_id,
            row.email,
            row.via,
            row.stage,
            [[e.field, e.before, e.after] for e in row.edits],
        ]
        for row in rows
    ]
    canonical = json.dumps([organization_id, content], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
