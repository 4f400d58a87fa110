"""The roster file of an organization, and how often people are compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from .files import SmallFile

_EVERY = {1: "Every hour", 24: "Every day", 168: "Every week"}
_MISSING = "Choose a file."


class RosterFileForm(forms.Form):
    file = SmallFile(
        label="Roster file",
        help_text="A YAML file of at most 5 MB. It is compared at once; nothing is changed.",
        error_messages={
            "required": _MISSING,
            "missing": _MISSING,
            "invalid": _MISSING,
            "empty": "The file is empty.",
        },
        widget=forms.FileInput({"accept": ".yaml,.yml,application/yaml"}),
    )


class ScheduleForm(forms.Form):
    hours = forms.TypedChoiceField(
        label="Compare",
        coerce=int,
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
    )

    def __init__(self, *args: Any, hours: Sequence[int], **kwargs: Any) -> None:
        """`hours`: how often it may be."""
        super().__init__(*args, **kwargs)
        every = [(str(n), _EVERY.get(n, f"Every {n} hours")) for n in hours]
        self.fields["hours"].choices = [("0", "Only by hand"), *every]  # type: ignore[attr-defined]

    def chosen(self) -> str:
        """How often, in words."""
        return str(dict(self.fields["hours"].choices)[str(self.cleaned_data["hours"])])  # type: ignore[attr-defined]
