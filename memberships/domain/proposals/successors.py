"""Rows that follow from a job: what it left, once more, and the inverse of what it did."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..addresses import Entry
from ..items import MEMBERS, OWNER, WORK, Items, Kind, to_be_made
from ..metadata import is_locked
from ..people import APPS, ROLE, Member, Role, Roster, Status, group_field, group_of, metadata_key
from ..plan import Action, Edit, Row, Verdict
from ..reading import leaves_groups
from . import items as of_items
from .people import (
    changes,
    deactivations,
    given_again,
    invitations,
    invited_again,
    joining,
    reactivations,
    resends,
)

_CHANGED_SINCE = "Changed since by someone else: left as it is."
_GONE = "Is no longer in the organization."
_NO_GROUP = "There is no such group any more."


def again(
    rows: Iterable[Row],
    roster: Roster,
    roles: Mapping[str, Role],
    items: Items | None = None,
    *,
    managers: bool = False,
) -> list[Row]:
    """The same wishes once more, planned on what is true now. `rows` come in the order of their stages.

    `items` are those that the rows are about. `managers`: a role that can manage may be given by an invitation.
    """
    planned: list[Row] = []
    by_email = roster.by_email()
    coming_back: set[str] = set()
    invited: set[str] = set()
    for row in rows:
        member = roster.members.get(row.member_id)
        match row.action:
            case _ if row.kind is not Kind.MEMBER:
                once_more = of_items.again(row, items or {}, _holders(roster))
                found = [_for_active(once_more, roster, coming_back)]
            case Action.REACTIVATE if row.via and member:
                role_id = str(row.wanted[ROLE])
                found = (
                    changes([member], row.wanted)
                    if member.active
                    else reactivations([member], roles, role_id)
                )
            case Action.INVITE if row.email in by_email and isinstance(apps := row.wanted.get(APPS), tuple):
                found = [given_again(by_email[row.email], apps)]
            case Action.INVITE if row.via and (here := by_email.get(row.email)) and here.active:
                found = changes([here], {ROLE: row.wanted[ROLE]})
            case Action.INVITE | Action.REACTIVATE:
                entry = Entry(len(planned) + 1, row.email, row.email, row.name)
                role_id = str(row.wanted[ROLE])
                role = roles.get(role_id, Role(role_id, role_id, frozenset(), can_manage=False))
                through = roles.get(row.via)
                found = invitations([entry], role, roster, roles, managers=managers, through=through)
                more = tuple(edit for edit in row.edits if edit.field != ROLE)
                found = [
                    replace(new, edits=(*new.edits, *more)) if new.action is Action.INVITE else new
                    for new in found
                ]
            case Action.CHANGE if not row.member_id and row.email in by_email:
                found = changes([by_email[row.email]], row.wanted)
            case Action.CHANGE if not row.member_id and row.email in invited:
                found = [row]
            case _ if member is None:
                found = [row.blocked(_GONE)]
            case Action.DEACTIVATE:
                found = deactivations([member], removes=bool(row.kept))
            case Action.RESEND:
                found = resends([member])
            case _ if isinstance(apps := row.wanted.get(APPS), tuple):
                found = [given_again(member, apps)]
            case _ if (awaited := _awaited(row)) is not None:
                makers = [r for r in planned if r.action is Action.CREATE and to_be_made(r.name) == awaited]
                found = joining(makers[0], [member]) if makers else [row.blocked(_NO_GROUP)]
            case _:
                found = changes([member], row.wanted, coming_back=coming_back)
        planned += [replace(new, stage=row.stage) for new in found]
        coming_back |= {
            new.member_id for new in found if new.action is Action.REACTIVATE and new.verdict is Verdict.WILL
        }
        invited |= {new.email for new in found if new.action is Action.INVITE and new.verdict is Verdict.WILL}
    return planned


def undo(
    rows: Sequence[Row],
    roster: Roster,
    roles: Mapping[str, Role],
    items: Items | None = None,
    *,
    clearable: Collection[str] = (),
) -> list[Row]:
    """The inverse of rows that were done, the last stage first. What was changed since is not touched.

    `clearable` are fields that may have no value again; metadata always may.
    """
    by_email = roster.by_email()
    last = max((row.stage for row in rows), default=0)
    left = [roster.members[row.member_id] for row in rows if _deactivates(row, roster)]
    # Who is back before the rest of what was theirs is.
    back_first = {row.member_id for row in reactivations(left, roles) if row.verdict is not Verdict.BLOCKED}
    # Whoever left a group before it was deleted goes into the one that is made in its place.
    remade = {
        row.item_id: (row, of_items.undone(row, items or {}, _holders(roster)))
        for row in rows
        if row.kind is Kind.GROUP and row.action is Action.DELETE
    }
    planned: list[Row] = []
    for row in rows:
        member = roster.members.get(row.member_id) or by_email.get(row.email)
        emptied = [pk for f, value in row.wanted.items() if (pk := group_of(f)) in remade and value is False]
        if emptied and member is not None:
            deleted, made = remade[emptied[0]]
            planned += [replace(new, stage=2 * (last - deleted.stage) + 1) for new in joining(made, [member])]
            continue
        match row.action:
            case _ if row.kind is not Kind.MEMBER:
                its_undoing = of_items.undone(row, items or {}, _holders(roster))
                found = [_for_active(its_undoing, roster, back_first)]
            case Action.RESEND:
                found = [row.blocked("An e-mail can't be taken back.")]
            case Action.DEACTIVATE if member is None and ROLE in row.kept:
                found = [invited_again(row, roles)]
            case _ if member is None:
                found = [row.blocked(_GONE)]
            case Action.DEACTIVATE:
                found = reactivations([member], roles)
            case Action.INVITE | Action.REACTIVATE if (
                member.active and member.value(ROLE) != row.wanted[ROLE]
            ):
                back = Row(Action.DEACTIVATE, Verdict.BLOCKED, member.id, member.email, member.name)
                found = [back.blocked(_CHANGED_SINCE)]
            case Action.INVITE | Action.REACTIVATE:
                found = [*_as_before(row, member, roles), *deactivations([member], removes=True)]
            case _ if APPS in row.wanted:
                found = [row.blocked("Apps that were given again can only be taken away there.")]
            case _:
                found = [_undone(row, member, clearable, may_be_inactive=member.id in back_first)]
        stage = 2 * (last - row.stage)
        planned += [replace(new, stage=stage + number) for number, new in enumerate(found)]
        if row.kind is Kind.GROUP and row.action is Action.DELETE:
            planned += [replace(new, stage=stage + 1) for new in _regrouped(row, found[0], roster)]
    planned = [_emptied(row, planned, roster) for row in planned]
    return sorted(planned, key=lambda row: row.stage)


def _undone(row: Row, member: Member, clearable: Collection[str], *, may_be_inactive: bool) -> Row:
    inverse = tuple(Edit(edit.field, edit.after, edit.before) for edit in row.edits)
    back = Row(Action.CHANGE, Verdict.WILL, member.id, member.email, member.name, inverse)
    if all(member.value(edit.field) == edit.after for edit in inverse):
        return back.already("Already back: nothing is sent.")
    locked = any(is_locked(member, edit.field) for edit in inverse)
    if locked or any(member.value(edit.field) != edit.before for edit in inverse):
        return back.blocked(_CHANGED_SINCE)
    if any(e.after is None and e.field not in clearable and not metadata_key(e.field) for e in inverse):
        return back.blocked("Had no value before, and that can't be set again.")
    if member.status is Status.INACTIVE and not (may_be_inactive or leaves_groups(back)):
        return back.blocked("Inactive: reactivate them first.")
    return back


def _as_before(row: Row, member: Member, roles: Mapping[str, Role]) -> list[Row]:
    """Whoever came back to another role has their old one again before they leave, unless that would give power."""
    held = next((roles.get(str(edit.before)) for edit in row.edits if edit.field == ROLE), None)
    if held is None or held.can_manage or held.id == member.role_id:
        return []
    return changes([member], {ROLE: held.id})


def _deactivates(row: Row, roster: Roster) -> bool:
    return row.action is Action.DEACTIVATE and row.member_id in roster.members


def _for_active(row: Row, roster: Roster, coming_back: Collection[str]) -> Row:
    """Work goes to people who are here, or will be by then."""
    if row.kind not in WORK or row.verdict is not Verdict.WILL:
        return row
    taker = roster.of_user(str(row.wanted[OWNER]))
    if taker is None:
        return row.blocked("Whoever would get it is no longer in the organization.")
    if not taker.active and taker.id not in coming_back:
        return row.blocked(f"{taker.name or taker.email} is not active.")
    return row


def _regrouped(row: Row, creation: Row, roster: Roster) -> list[Row]:
    """Whoever was in a group that was deleted is put into the one that is made in its place."""
    user_ids, by_user = row.kept.get(MEMBERS), roster.by_user()
    user_ids = user_ids if isinstance(user_ids, tuple) else ()
    found = joining(creation, [by_user[pk] for pk in user_ids if pk in by_user])
    lost = Row(Action.CHANGE, Verdict.BLOCKED, edits=found[0].edits if found else (), reason=_GONE)
    return found + [replace(lost, name=pk) for pk in user_ids if pk not in by_user]


def _emptied(row: Row, planned: Iterable[Row], roster: Roster) -> Row:
    """A group that is deleted, with those in it whom the same plan doesn't take out before."""
    inside = row.kept.get(MEMBERS)
    if row.kind is not Kind.GROUP or row.action is not Action.DELETE or not isinstance(inside, tuple):
        return row
    field = group_field(row.item_id)
    leaving = {
        roster.members[r.member_id].user_id
        for r in planned
        if r.verdict is Verdict.WILL and r.wanted.get(field) is False
    }
    left = tuple(pk for pk in inside if pk not in leaving)
    reason = "Others were put into it since: they lose it too." if left else row.reason
    return replace(row, kept={**row.kept, MEMBERS: left}, reason=reason)


def _awaited(row: Row) -> str | None:
    """What stands for the id of the group that a row waits for; None when it waits for none."""
    found = (group_of(field) for field in row.wanted)
    return next((pk for pk in found if pk.startswith(to_be_made(""))), None)


def _holders(roster: Roster) -> Counter[str]:
    """How many active people have each role."""
    return Counter(member.role_id for member in roster.members.values() if member.active)
