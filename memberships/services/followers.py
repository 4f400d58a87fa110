"""Rows of a job that wait for a group, or for somebody, whom an earlier row of it makes: they learn who that is."""

from __future__ import annotations

from dataclasses import replace

from memberships.domain.items import Item, Kind, to_be_made
from memberships.domain.people import Member, group_field, group_of
from memberships.domain.plan import Action
from memberships.providers import MembershipProvider

from . import reads
from .ledger import Ledger


class Followers:
    """`members` are those of the job, by membership id; what is known of whoever is new is put there."""

    def __init__(self, ledger: Ledger, provider: MembershipProvider) -> None:
        self.ledger = ledger
        self.provider = provider
        self._by_email: dict[str, list[int]] | None = None

    def group_made(self, group: Item, members: dict[str, Member]) -> None:
        """This group has an id now. Nobody is in it yet."""
        awaited, field = group_field(to_be_made(group.name)), group_field(group.id)
        for pk, row in self.ledger.rows.items():
            if awaited not in row.wanted:
                continue
            if member := members.get(row.member_id):
                members[member.id] = replace(member, settings={field: False, **member.settings})
            edits = tuple(replace(edit, field=field) for edit in row.edits)
            self.ledger.put([pk], edits=[[e.field, e.before, e.after] for e in edits])
            self.ledger.rows[pk] = replace(row, edits=edits)

    def arrived(self, email: str, member: Member, members: dict[str, Member]) -> None:
        """Whoever was invited at this address is this member now. They are in no group yet."""
        waiting = self._waiting().pop(email, ())
        rows = {pk: row for pk in waiting if not (row := self.ledger.rows[pk]).member_id}
        if not rows:
            return
        groups_of = {name: False for row in rows.values() for name in row.wanted if group_of(name)}
        members[member.id] = replace(member, settings={**groups_of, **member.settings})
        if reads.pinners(rows.values()):
            reads.add_pins(self.provider, members, [member.id])
        member = members[member.id]
        for pk, row in rows.items():
            edits = tuple(replace(edit, before=member.value(edit.field)) for edit in row.edits)
            name = row.name or member.name
            self.ledger.put(
                [pk], member_id=member.id, name=name, edits=[[e.field, e.before, e.after] for e in edits]
            )
            self.ledger.rows[pk] = replace(row, member_id=member.id, name=name, edits=edits)

    def _waiting(self) -> dict[str, list[int]]:
        """By address: the rows of people who are not here yet."""
        if self._by_email is None:
            self._by_email = {}
            for pk, row in self.ledger.rows.items():
                if row.action is Action.CHANGE and row.kind is Kind.MEMBER and not row.member_id:
                    self._by_email.setdefault(row.email, []).append(pk)
        return self._by_email
