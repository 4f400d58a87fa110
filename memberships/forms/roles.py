"""Questions about roles. Their addresses carry what was asked, so they can be kept and sent on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from memberships.domain.people import Role
from memberships.domain.permissions import Permission, named

_LONGEST_NAME = 100


class CompareForm(forms.Form):
    """Two different roles. Asked as soon as the address has a word about either, so that an empty form is answered."""

    role = forms.ChoiceField(label="Role")

    def __init__(self, params: QueryDict, *, roles: Iterable[Role]) -> None:
        super().__init__(params if "role" in params or "with" in params else None)
        # "with" is a word of Python's own.
        self.fields["with"] = forms.ChoiceField(label="With")
        for field in self.fields.values():
            field.choices = [("", "Choose a role"), *((role.id, role.name) for role in roles)]  # type: ignore[attr-defined]
            field.error_messages |= {
                "required": "Choose a role.",
                "invalid_choice": "This role is not there any more: choose another.",
            }
            field.widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        good: dict[str, Any] = super().clean() or {}
        if good.get("role") and good.get("role") == good.get("with"):
            self.add_error("with", "Choose two different roles.")
        return good

    def pair(self, roles: Iterable[Role]) -> tuple[Role, Role] | None:
        if not self.is_valid():
            return None
        by_id = {role.id: role for role in roles}
        return by_id[self.cleaned_data["role"]], by_id[self.cleaned_data["with"]]


class WhoCanForm(forms.Form):
    """One permission. `permissions` are those we know of; another one may be asked for all the same."""

    can = forms.CharField(label="Who can", required=False, max_length=_LONGEST_NAME)

    def __init__(self, params: QueryDict, *, permissions: Sequence[Permission]) -> None:
        super().__init__(params)
        choices = [("", "Choose a permission"), *((p.name, _option(p)) for p in permissions)]
        if (asked := self.asked()) and asked not in dict(choices):
            choices.append((asked, _option(named(asked))))
        self.fields["can"].widget = forms.Select({"autocomplete": "off"}, choices)

    def asked(self) -> str:
        return str(self.cleaned_data.get("can", "")) if self.is_valid() else ""


def _option(permission: Permission) -> str:
    """A name that is not ours to word stays exactly as it is."""
    label = permission.label
    return label[:1].upper() + label[1:] if permission.known else label
