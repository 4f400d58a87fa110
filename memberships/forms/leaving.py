"""What becomes of somebody's work, role and groups when they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from memberships.domain.items import Kind
from memberships.domain.people import Role
from memberships.domain.proposals import least_role
from memberships.models import MirroredMember

from .person import Find, PersonField
from .values import reason

FIELDS = {Kind.TASK: "tasks_to", Kind.OPPORTUNITY: "opportunities_to"}
"""By kind of work the field that says who takes it."""
_LABELS = {Kind.TASK: "Tasks go to", Kind.OPPORTUNITY: "Opportunities go to"}
_WHAT = {Kind.TASK: "tasks", Kind.OPPORTUNITY: "opportunities"}


def stays(kind: Kind) -> str:
    """The name of the box for leaving this kind of work where it is."""
    return f"{_WHAT[kind]}_stay"


class LeavingForm(forms.Form):
    def __init__(
        self, data: QueryDict | None, *, leaver: MirroredMember, roles: Mapping[str, Role], find: Find
    ) -> None:
        """`find` must look among active people only."""
        super().__init__(data)
        self.leaver = leaver
        self.name = leaver.name or leaver.email
        for kind, its_field in FIELDS.items():
            self.fields[its_field] = PersonField(label=_LABELS[kind], find=find, active=True, required=False)
            self.fields[its_field].help_text = "A name or an e-mail address."
            self.fields[stays(kind)] = forms.BooleanField(
                label=f"Leave their {_WHAT[kind]} with {self.name}", required=False
            )
        held = roles.get(leaver.role_id)
        lesser = [role for role in roles.values() if not role.can_manage]
        self.fields["role"] = forms.ChoiceField(
            label="Lower the role to",
            required=False,
            choices=[("", "Leave it as it is"), *((role.id, role.name) for role in lesser)],
            initial=_lowered(leaver, roles),
            help_text=f"Now {held.name if held else leaver.role_id}. If they ever come back, it is with the new role.",
            error_messages={"invalid_choice": "Choose one of the list."},
        )
        self.fields["leave_groups"] = forms.BooleanField(
            label="Take them out of their groups", required=False, initial=True
        )
        self.fields["reason"] = reason()

    def work(self) -> Sequence[tuple[forms.BoundField, forms.BoundField]]:
        """For each kind of work: who takes it, and the box for leaving it."""
        return [(self[its_field], self[stays(kind)]) for kind, its_field in FIELDS.items()]

    def clean(self) -> dict[str, Any]:
        good = super().clean() or {}
        for kind, its_field in FIELDS.items():
            taker = good.get(its_field)
            if taker is not None and good.get(stays(kind)):
                self.add_error(its_field, f"Either name somebody, or leave them with {self.name}: not both.")
            elif taker is not None and taker.pk == self.leaver.pk:
                self.add_error(its_field, f"{self.name} is the one who leaves: name somebody else.")
        return good

    def takers(self) -> dict[Kind, str]:
        """By kind of work the membership id of who has it afterwards, where that was said."""
        found = {}
        for kind, its_field in FIELDS.items():
            if self.cleaned_data[stays(kind)]:
                found[kind] = self.leaver.remote_id
            elif taker := self.cleaned_data[its_field]:
                found[kind] = taker.remote_id
        return found


def _lowered(leaver: MirroredMember, roles: Mapping[str, Role]) -> str:
    """The id of the role with the fewest permissions, unless theirs has no more."""
    least, held = least_role(roles), roles.get(leaver.role_id)
    if least is None or (held and not held.can_manage and len(held.permissions) <= len(least.permissions)):
        return ""
    return least.id
