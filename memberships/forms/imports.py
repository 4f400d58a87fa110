"""A file that is brought back."""

from __future__ import annotations

from django import forms

from .files import SmallFile
from .values import reason


class ImportForm(forms.Form):
    file = SmallFile(
        label="CSV file",
        advice="Split it.",
        allow_empty_file=True,
        error_messages={"required": "Choose a CSV file."},
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    reason = reason()
