"""Connecting an organization of a second provider with a client id and secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms


class AttachForm(forms.Form):
    """Somebody's own credentials. The secret is never shown again, not even after a mistake."""

    client_id = forms.CharField(
        label="Client ID",
        max_length=300,
        error_messages={"required": "Paste the client ID."},
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    client_secret = forms.CharField(
        label="Client secret",
        max_length=300,
        error_messages={"required": "Paste the client secret."},
        widget=forms.PasswordInput({"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_client_id(self) -> str:
        return _without_spaces(self.cleaned_data["client_id"])

    def clean_client_secret(self) -> str:
        return _without_spaces(self.cleaned_data["client_secret"])


def _without_spaces(pasted: str) -> str:
    """Neither has any; a copied one may."""
    return "".join(pasted.split())


class AttachedForm(forms.Form):
    organization = forms.ChoiceField(
        label="Organization",
        error_messages={"required": "Choose an organization.", "invalid_choice": "Choose one of the list."},
    )

    def __init__(self, *args: Any, organizations: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organization"].choices = [("", "Choose"), *organizations]  # type: ignore[attr-defined]
