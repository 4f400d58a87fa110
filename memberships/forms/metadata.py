"""What is kept with members by keys of one's own: one person's, or one key for many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from memberships.domain.metadata import is_locked, json_text, one_break, problem_with, rest_of
from memberships.domain.people import METADATA, Member, Value, metadata_field, metadata_key

from .values import reason

LONGEST_VALUE = 1000
# A page posts so many fields at most; whoever has more keys has the others changed with “Set metadata”.
_MOST = 100
_TOO_LONG = "A value can be %(limit_value)d characters at most; yours has %(show_value)d."


class _Key(forms.CharField):
    def __init__(self, label: str, **kwargs: Any) -> None:
        widget = forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
        super().__init__(label=label, required=False, strip=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        key = str(value or "").strip(" ")
        if key and (problem := problem_with(key)):
            raise forms.ValidationError(problem)
        return key


class _Text(forms.CharField):
    """A value. What was there when the form was opened may be anything, and stays exactly that."""

    def __init__(self, label: str, held: str | None = None, **kwargs: Any) -> None:
        several = held is not None and ("\n" in held or "\r" in held)
        box = forms.Textarea({"rows": 3}) if several else forms.TextInput()
        box.attrs["autocomplete"] = "off"
        words = {"max_length": _TOO_LONG}
        super().__init__(label=label, required=False, strip=False, error_messages=words, widget=box, **kwargs)
        self.held = held

    def clean(self, value: Any) -> str:
        text = one_break(str(value or ""))
        if self.held is not None and text == one_break(self.held):
            return self.held
        text = text.strip()
        if len(text) > LONGEST_VALUE:
            numbers = {"limit_value": LONGEST_VALUE, "show_value": len(text)}
            raise forms.ValidationError(_TOO_LONG, params=numbers)
        return str(super().clean(text))


@dataclass(frozen=True, slots=True)
class _Line:
    """One key on the form, with the value it had when the form was opened."""

    key: str
    was: str
    field: forms.BoundField


class MemberMetadataForm(forms.Form):
    """The texts kept with one person. It carries what was there when it was shown: only what was changed is a wish."""

    def __init__(self, data: QueryDict | None, *, member: Member) -> None:
        super().__init__(data, prefix=METADATA)
        self.member = member
        held = {key: str(value) for name, value in member.settings.items() if (key := metadata_key(name))}
        self.shown = _posted(data) if data is not None else sorted(held.items())[:_MOST]
        self.left_out = max(0, len(held) - len(self.shown)) if data is None else 0
        for number, (key, was) in enumerate(self.shown):
            self.fields[str(number)] = _Text(key, was)
            self.initial[str(number)] = was
        self.fields["key"] = _Key("New key", help_text="A name of your own, such as team.")
        self.fields["value"] = _Text("Value")

    def lines(self) -> list[_Line]:
        return [_Line(key, was, self[str(number)]) for number, (key, was) in enumerate(self.shown)]

    def read_only(self) -> dict[str, str]:
        """What isn't text, by key, as it is kept."""
        rest = rest_of(self.member.value(METADATA))
        return {key: json_text(value) for key, value in sorted(rest.items())}

    def clean(self) -> dict[str, Any]:
        good = super().clean() or self.cleaned_data
        key, value = good.get("key", ""), good.get("value", "")
        if "key" in self.errors:
            return good
        if value and not key:
            self.add_error("key", "Give the key, too: a value is kept under one.")
        elif key and not value and "value" not in self.errors:
            self.add_error("value", "Give a value for the new key.")
        elif key in dict(self.shown):
            self.add_error("key", f"{key} is there already: change its value above.")
        elif is_locked(self.member, metadata_field(key)):
            self.add_error("key", f"What stands under {key} is more than text: it can only be read here.")
        return good

    def wanted(self) -> dict[str, Value]:
        """By field, what was changed; an emptied one removes its key."""
        good = self.cleaned_data
        typed = [(key, was, good[str(number)]) for number, (key, was) in enumerate(self.shown)]
        found: dict[str, Value] = {metadata_field(key): now or None for key, was, now in typed if now != was}
        return found | ({metadata_field(good["key"]): good["value"]} if good["key"] else {})


class SetMetadataForm(forms.Form):
    """One key for the selected members."""

    value = _Text("Value", help_text="Leave it empty to remove the key from them.")
    reason = reason()

    def __init__(self, data: QueryDict | None, *, known: Iterable[str] = ()) -> None:
        """`known` are the keys offered."""
        super().__init__(data)
        self.known = list(known)
        self.fields["key"] = _Key("Key", help_text="One that is there already, or a new one, such as team.")
        self.fields["key"].widget.attrs["list"] = "known-keys"
        self.order_fields(["key", "value", "reason"])

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if problem := problem_with(key):
            raise forms.ValidationError(problem)
        return key

    def wanted(self) -> dict[str, Value]:
        return {metadata_field(self.cleaned_data["key"]): self.cleaned_data["value"] or None}


def keys_of(everyone: Iterable[Mapping[str, object]]) -> list[str]:
    """The keys that any of these settings have."""
    return sorted({key for settings in everyone for name in settings if (key := metadata_key(name))})


def _posted(data: QueryDict) -> list[tuple[str, str]]:
    """The keys that were on the form, with what they had then. What nobody could have been shown is left out."""
    keys, values = data.getlist(f"{METADATA}-keys"), data.getlist(f"{METADATA}-was")
    pairs = zip(keys[:_MOST], values, strict=False)
    return [(key, was) for key, was in pairs if not problem_with(key)]
