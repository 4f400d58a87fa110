"""What a plan means for the people it is about, in words and numbers for its review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memberships.domain import permissions
from memberships.domain.items import PERMISSIONS, Kind
from memberships.domain.people import ROLE
from memberships.domain.plan import Action, Row, Verdict
from memberships.models import Organization, Plan
from memberships.services import plans, quota, roster, wording
from memberships.services.connections import capabilities
from memberships.services.roles import HeldRole, overview
from memberships.services.roster import Holders
from memberships.services.wording import Words


def notes(organization: Organization, its_plan: Plan) -> list[tuple[str, Sequence[str]]]:
    """What the provider does and doesn't do when people leave or come back, and what goes for many of the rows.

    Where not the same happens to everybody, it is said whom the sentences are about.
    """
    its_capabilities = capabilities(organization)
    will = plans.rows(its_plan, Verdict.WILL)
    if its_plan.kind == Plan.Kind.LEAVE:
        return [("", its_capabilities.leaving_notes)]
    stages = set(will.order_by().values_list("kind", "action", "stage").distinct())
    done = {(kind, action) for kind, action, _ in stages}
    ungrouping = (Kind.GROUP, Action.DELETE) in done
    going = (Kind.MEMBER, Action.DEACTIVATE) in done
    returning = (Kind.MEMBER, Action.REACTIVATE) in done and its_plan.kind != Plan.Kind.INVITE
    inviting = (Kind.MEMBER, Action.INVITE) in done
    invited_back = inviting and its_plan.kind == Plan.Kind.UNDO
    left = quota.told(its_plan)
    back = (
        *(its_capabilities.reactivation_notes if returning else ()),
        *((*its_capabilities.invitation_notes, *its_capabilities.return_notes) if invited_back else ()),
    )
    told = [
        ("Whoever is invited:", its_capabilities.invitation_notes if inviting and not invited_back else ()),
        ("Whoever leaves:", its_capabilities.deactivation_notes if going else ()),
        ("Whoever comes back:", back),
    ]
    # What follows in a later stage is mostly about the same people.
    at_first = {action for kind, action, stage in stages if kind == Kind.MEMBER and stage == 0}
    named = len(at_first) > 1 or sum(bool(sentences) for _, sentences in told) > 1
    of_all = (
        *(its_capabilities.group_deletion_notes if ungrouping else ()),
        *(
            f"{wording.members(number)}: {caution[0].lower()}{caution[1:]}"
            for caution, number in plans.cautions(its_plan).items()
        ),
    )
    told = [(whom if named else "", sentences) for whom, sentences in told]
    return [
        (whom, sentences)
        for whom, sentences in [("", (left,) if left else ()), *told, ("", of_all)]
        if sentences
    ]


def effects(organization: Organization, its_plan: Plan, words: Words) -> list[dict[str, Any]]:
    """For each role people get or lose, and each that is edited: how many people win and lose which permissions."""
    if its_plan.kind == Plan.Kind.LEAVE:  # they lose everything
        return []
    found = []
    for role_id, number in plans.arrivals(its_plan).items():
        change = permissions.difference(None, words.roles.get(role_id))
        whom = f"{wording.people(number)} with the role {words.value(ROLE, role_id)}"
        found.append({"whom": whom, "gained": change.gained, "lost": change.lost})
    for (old_id, new_id), number in plans.moves(its_plan).items():
        whom = f"{wording.people(number)} from {words.value(ROLE, old_id) if old_id else 'nothing'}"
        if ROLE not in its_plan.wanted:
            whom += f" to {words.value(ROLE, new_id)}"
        change = permissions.difference(words.roles.get(old_id), words.roles.get(new_id))
        found.append({"whom": whom, "gained": change.gained, "lost": change.lost})
    if edited := plans.edited_roles(its_plan):
        people = roster.glance(organization).by_role
        found += [_effect_of_edit(row, people.get(row.item_id, Holders())) for row in edited]
    return found


def _effect_of_edit(row: Row, people: Holders) -> dict[str, Any]:
    """What it means for everyone who has a role now that it is edited."""
    if people.active:
        whom = f"{wording.people(people.active)} with the role {row.name}"
    else:
        whom = f"Nobody has the role {row.name} now; whoever gets it"
    edit = next((edit for edit in row.edits if edit.field == PERMISSIONS), None)
    before, after = (edit.before, edit.after) if edit else ((), ())
    change = permissions.changed(*(v if isinstance(v, tuple) else () for v in (before, after)))
    return {
        "whom": whom,
        "gained": change.gained,
        "lost": change.lost,
        "role_id": row.item_id if people.active else "",
    }


def to_move(organization: Organization, its_plan: Plan) -> list[HeldRole]:
    """The roles that can't be deleted because people have them."""
    blocked = plans.rows(its_plan, Verdict.BLOCKED).filter(kind=Kind.ROLE, action=Action.DELETE)
    wanted = set(blocked.values_list("item_id", flat=True))
    if not wanted:
        return []
    held = overview(organization).held
    return [h for h in held if h.role.id in wanted and h.role.editable and h.people.active]
