"""The roster file of an organization, and how often it is looked at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from memberships.services.drift import HOURS
from memberships.services.rosterfile.document import MOST_BYTES

_EVERY = {1: "Every hour", 24: "Every day", 168: "Every week"}


class RosterFileForm(forms.Form):
    file = forms.FileField(
        label="Roster file",
        help_text="A YAML file of at most 5 MB. It is compared at once; nothing is changed.",
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty.",
            "missing": "Choose a file.",
            "invalid": "Choose a file.",
        },
        widget=forms.FileInput({"accept": ".yaml,.yml,application/yaml"}),
    )

    def clean_file(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if file.size and file.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB.")
        return file


class ScheduleForm(forms.Form):
    hours = forms.TypedChoiceField(
        label="Compare",
        coerce=int,
        choices=[("0", "Only by hand"), *((str(n), _EVERY.get(n, f"Every {n} hours")) for n in HOURS)],
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
    )
