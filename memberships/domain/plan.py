"""A plan: row by row what would change, what is already so, and what can't be done and why. Nothing here sends."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
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
    or it was deleted. A row of a later `stage` waits until the earlier ones are done; people don't wait for each other.
    Somebody who is only invited by the same plan has no id in rows of a later stage: they are known by `email`.
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
        at_first = Edit(ROLE, row.edits[0].before, row.via)
        return replace(row, edits=(at_first, *(e for e in row.edits if e.field not in (ROLE, APPS))))
    if row.action is Action.INVITE:
        return replace(row, edits=tuple(edit for edit in row.edits if edit.field != APPS))
    return row


def held_up[Key](waiting: Mapping[Key, Row], undone: Iterable[Row]) -> set[Key]:
    """Which of the rows that wait can't be sent, because what has to be before them is `undone` for good.

    People don't wait for each other: each waits for what comes before in their own name, and for what isn't a person.
    """
    held: set[Key] = set()
    in_the_way = list(undone)
    for stage in sorted({row.stage for row in waiting.values()}):
        before = [row for row in in_the_way if row.stage < stage]
        things = any(row.kind is not Kind.MEMBER for row in before)
        people = {key for row in before for key in (row.member_id, row.email) if key}
        stopped = [
            key
            for key, row in waiting.items()
            if row.stage == stage
            and before
            and (things or row.kind is not Kind.MEMBER or not people.isdisjoint((row.member_id, row.email)))
        ]
        held.update(stopped)
        in_the_way += [waiting[key] for key in stopped]
    return held


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
