"""Files that are sent in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files import File

from memberships.domain.sheets import MOST_BYTES, too_large


class SmallFile(forms.FileField):
    """A file whose size is looked at before anything else: of what is far too large, nothing but that was kept."""

    def __init__(self, *, advice: str = "", **kwargs: Any) -> None:
        """`advice`: what to do about a file that is too large."""
        super().__init__(**kwargs)
        self.advice = advice

    def to_python(self, data: Any) -> File[Any] | None:
        file: File[Any] | None = super().to_python(data)
        size = file.size or 0 if file else 0
        if size > MOST_BYTES:
            raise forms.ValidationError(f"{too_large(size)} {self.advice}".rstrip())
        return file
