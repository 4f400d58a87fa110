"""New values of membership fields: for the ticked people, or for one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.validators import URLValidator
from django.http import QueryDict

from memberships.domain.people import Role, Value
from memberships.providers import Capabilities, Field, FieldKind

type Choices = Sequence[tuple[str, str]]


def reason() -> forms.CharField:
    return forms.CharField(
        label="Reason",
        max_length=200,
        required=False,
        help_text="Optional. Kept in the audit log: a sentence, or a link to a ticket.",
        error_messages={
            "max_length": "The reason can be %(limit_value)d characters at most; yours has %(show_value)d."
        },
        widget=forms.TextInput,
    )


class ReasonForm(forms.Form):
    """What needs no value, only a reason."""

    reason = reason()


class ValueForm(forms.Form):
    """A new value of one field for the selected members. The server keeps the selection; the form never carries it."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        field: Field,
        roles: Mapping[str, Role],
        profiles: Choices = (),
        also: Sequence[Field] = (),
    ) -> None:
        """`also` are fields that may be set with this one, and are left as they are otherwise."""
        super().__init__(data)
        self.field = field
        self.also = also
        self.fields["value"] = _input(field, _choices(field, roles, (), profiles), empty="Choose")
        if field.kind is FieldKind.ROLE:
            self.fields["value"].label = "New role"
        for other in also:
            choices = _choices(other, roles, (), profiles)
            self.fields[other.name] = _input(other, choices, empty="Leave as it is", required=False)
        self.fields["reason"] = reason()

    def wanted(self) -> dict[str, Value]:
        more = {f.name: f.parse(self.cleaned_data[f.name]) for f in self.also if self.cleaned_data[f.name]}
        return {self.field.name: self.field.parse(self.cleaned_data["value"])} | more


class MemberForm(forms.Form):
    """All editable fields of one person. `numbers` are the phone numbers they take part in, None if not known yet."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        capabilities: Capabilities,
        roles: Mapping[str, Role],
        current: Mapping[str, Value],
        numbers: Choices | None,
        profiles: Choices = (),
    ) -> None:
        super().__init__(data, initial={f.name: f.posted(current.get(f.name)) for f in capabilities.fields})
        self.capabilities = capabilities
        for field in capabilities.fields:
            held = self.initial[field.name]
            choices = _choices(field, roles, numbers or (), profiles)
            if held and held not in dict(choices):
                # A value we don't know stays as it is until another one is chosen.
                unread = field.kind is FieldKind.NUMBER and numbers is None
                choices = [(held, held if unread else f"{held} (unknown)"), *choices]
            may_clear = field.kind in (FieldKind.NUMBER, FieldKind.PROFILE)
            empty = "None" if may_clear else "" if held else "–"
            self.fields[field.name] = _input(field, choices, empty=empty, required=False, held=held)
        self.fields["reason"] = reason()

    def wanted(self) -> dict[str, Value]:
        """Only what was changed on the form: the rest, and what was not on it at all, is nobody's wish."""
        found: dict[str, Value] = {}
        for field in self.capabilities.fields:
            posted = self.cleaned_data[field.name]
            changed = field.name in self.data and posted != self.initial[field.name]
            if changed and (posted or field.clears):
                found[field.name] = field.parse(posted)
        return found


def _choices(field: Field, roles: Mapping[str, Role], numbers: Choices, profiles: Choices) -> Choices:
    match field.kind:
        case FieldKind.PROFILE:
            return profiles
        case FieldKind.ROLE:
            return [(role.id, role.name) for role in roles.values()]
        case FieldKind.NUMBER:
            return numbers
        case _:
            return field.choices


class _Address(forms.URLField):
    """An https address. What the person has already is nobody's wish, so it may be anything."""

    def __init__(self, *, held: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.held = held

    def clean(self, value: Any) -> Any:
        return self.held if self.held and value == self.held else super().clean(value)


def _input(
    field: Field, choices: Choices, *, empty: str, required: bool = True, held: str = ""
) -> forms.Field:
    """The input for a field. `empty` is how no choice reads; without it there is no such option."""
    if field.kind is FieldKind.URL:
        return _Address(
            held=held,
            label=field.label,
            required=False,
            max_length=1000,
            assume_scheme="https",
            validators=[URLValidator(["https"], message="Give an address that starts with https://.")],
            error_messages={"invalid": "Give an address that starts with https://."},
            help_text=field.hint,
            widget=forms.TextInput({"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        )
    if field.kind is FieldKind.TEXT:
        return forms.CharField(
            label=field.label,
            required=False,
            max_length=255,
            help_text=field.hint,
            widget=forms.TextInput({"autocomplete": "off"}),
        )
    return forms.ChoiceField(
        label=field.label,
        required=required,
        choices=[("", empty), *choices] if empty else choices,
        help_text=field.hint,
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
    )
