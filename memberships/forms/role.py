"""One role: its name, what it lets people do, and which leads they see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.http import QueryDict

from memberships.domain import permissions
from memberships.domain.items import NAME, PERMISSIONS
from memberships.domain.people import Value
from memberships.domain.permissions import Permission
from memberships.providers import Field, FieldKind

from .values import reason

_LONGEST_NAME = 200

type Choices = Sequence[tuple[str, str]]


class Box(NamedTuple):
    """One permission to tick."""

    permission: Permission
    ticked: bool
    id: str


class _Boxes(forms.CheckboxSelectMultiple):
    """Boxes whose error leads to the first of them."""

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return super().id_for_label(id_, index or "0")


class RoleForm(forms.Form):
    """A role, new or edited. `held` are the values it starts from, by our names."""

    opened = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        its_fields: Sequence[Field],
        held: Mapping[str, Value],
        known: frozenset[str],
        manage: str,
        choices: Choices | None,
        taken: frozenset[str],
        is_new: bool,
    ) -> None:
        """`known` are the permissions to choose from, `manage` is the one to manage the organization; `taken` are the
        names of the other roles. `choices` are those of fields that hold ids; None when they could not be read.
        """
        super().__init__(data, initial={f.name: _posted(held.get(f.name)) for f in its_fields})
        self.initial["opened"] = json.dumps(held)
        self.its_fields, self.held, self.choices, self.taken = its_fields, held, choices, taken
        self.manage, self.is_new = manage, is_new
        self.known = known | {manage, *_list(held.get(PERMISSIONS))}
        for field in its_fields:
            if found := self._input(field):
                self.fields[field.name] = found
        self.fields["reason"] = reason()

    def _input(self, field: Field) -> forms.Field | None:
        match field.kind:
            case FieldKind.TEXT:
                return forms.CharField(
                    label=field.label,
                    max_length=_LONGEST_NAME,
                    error_messages={
                        "required": "Give the role a name.",
                        "max_length": "A name can be %(limit_value)d characters at most; yours has %(show_value)d.",
                    },
                    widget=forms.TextInput({"autocomplete": "off"}),
                )
            case FieldKind.PERMISSIONS:
                return self._boxes(field, [(name, permissions.label(name)) for name in sorted(self.known)])
            case FieldKind.NAMED if self.choices is not None:
                there = dict(self.choices)
                gone = [pk for pk in _list(self.held.get(field.name)) if pk not in there]
                return self._boxes(
                    field, [*there.items(), *((pk, f"{pk} (not found any more)") for pk in gone)]
                )
            case FieldKind.CHOICE:
                return forms.ChoiceField(
                    label=field.label,
                    required=False,
                    choices=[("", "Choose"), *field.choices],
                    help_text=field.hint,
                    error_messages={"invalid_choice": "Choose one of the list."},
                    widget=forms.Select({"autocomplete": "off"}),
                )
            case _:
                return None

    def _boxes(self, field: Field, choices: Choices) -> forms.Field:
        return forms.MultipleChoiceField(
            label=field.label,
            required=False,
            choices=choices,
            help_text=field.hint,
            error_messages={
                "invalid_choice": "%(value)s is not among these any more. Look again at the boxes."
            },
            widget=_Boxes,
        )

    # Checking

    def clean_name(self) -> str:
        name: str = self.cleaned_data[NAME]
        if name in self.taken:
            raise forms.ValidationError(f"There is a role named {name} already.")
        return name

    def clean(self) -> dict[str, Any]:
        good: dict[str, Any] = super().clean() or {}
        for field in self.its_fields:
            counts = field.unless not in good.get(PERMISSIONS, ())
            if counts and field.most and len(good.get(field.name, ())) > field.most:
                self.add_error(field.name, f"Choose {field.most} at most.")
        if PERMISSIONS in good:
            self._check_together(self.wanted())
        return good

    def _check_together(self, wanted: Mapping[str, Value]) -> None:
        """Fields that belong to the absence of one permission are set all together.

        Not insisted on: what can't be chosen, and what an older role never had and is not to get now either.
        """
        together = [f for f in self.its_fields if f.unless and f.unless not in _list(wanted[PERMISSIONS])]
        empty = [field for field in together if not wanted[field.name]]
        if len(empty) == len(together) and (not self.choices or self._never_had(together)):
            return
        for field in empty:
            if field.name in self.fields:
                seen = permissions.label(field.unless)
                self.add_error(field.name, f"Without “{seen[:1].upper()}{seen[1:]}”, this has to be chosen.")

    def _never_had(self, together: Sequence[Field]) -> bool:
        began = self.began()
        was_without = all(field.unless not in _list(began.get(PERMISSIONS)) for field in together)
        return not self.is_new and was_without and not any(began.get(field.name) for field in together)

    # What is wished for

    def wanted(self) -> dict[str, Value]:
        """All values the role is to have."""
        granted = tuple(sorted(self.cleaned_data[PERMISSIONS]))
        found: dict[str, Value] = {}
        for field in self.its_fields:
            posted = self.cleaned_data.get(field.name, self.held.get(field.name))
            if field.name == PERMISSIONS:
                found[field.name] = granted
            elif field.kind is FieldKind.NAMED:
                found[field.name] = () if field.unless in granted else tuple(sorted(_list(posted)))
            else:
                found[field.name] = None if field.unless and field.unless in granted else posted or None
        return found

    def began(self) -> dict[str, Value]:
        """The values that were on the page when it was opened: the wish is where `wanted` differs from them.

        They travel with the form, because somebody else may have changed the role since.
        """
        try:
            found = json.loads(self.cleaned_data.get("opened") or "null")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            found = self.held
        return {name: _value(found.get(name, value)) for name, value in self.held.items()}

    @property
    def changes(self) -> bool:
        began = self.began()
        return any((value or None) != (began.get(name) or None) for name, value in self.wanted().items())

    # What the page shows

    @property
    def themes(self) -> list[tuple[str, list[Box]]]:
        """The permissions by theme; the one to manage the organization stands apart."""
        return [
            (theme, [self._box(permission) for permission in its])
            for theme, its in permissions.by_theme(self.known - {self.manage})
        ]

    @property
    def power(self) -> Box:
        return self._box(permissions.named(self.manage))

    def _box(self, permission: Permission) -> Box:
        ticked = permission.name in (self[PERMISSIONS].value() or ())
        return Box(permission, ticked, f"id_{PERMISSIONS}_{sorted(self.known).index(permission.name)}")

    @property
    def visibility(self) -> list[forms.BoundField]:
        """The inputs that count only without a certain permission."""
        return [self[field.name] for field in self.its_fields if field.unless and field.name in self.fields]

    @property
    def rules_out(self) -> Permission | None:
        """That permission."""
        return next((permissions.named(field.unless) for field in self.its_fields if field.unless), None)


def _list(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def _posted(value: Value) -> str | list[str]:
    return list(value) if isinstance(value, tuple) else str(value or "")


def _value(found: object) -> Value:
    """A value as it comes back from JSON; what makes no sense there counts as nothing."""
    if isinstance(found, list):
        return tuple(sorted(item for item in found if isinstance(item, str)))
    return found if isinstance(found, str) else None
