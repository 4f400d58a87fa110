"""A file that is brought back."""

from __future__ import annotations

from django import forms
from django.core.files.uploadedfile import UploadedFile

from memberships.domain.sheets import MOST_BYTES, too_large

from .values import reason


class ImportForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        error_messages={"required": "Choose a CSV file."},
        widget=forms.FileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    reason = reason()

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(too_large(file.size or 0))
        return file
