"""A personal token: what it is for, what it may do, how long it is good."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from memberships.models import Scope
from memberships.models.tokens import LIFETIMES_DAYS

_SCOPES = (
    (Scope.READ, "Read: members, plans, receipts and the audit log"),
    (Scope.PROPOSE, "Propose: that, and make plans, which wait for somebody to apply them here"),
    (Scope.APPLY, "Apply: that, and apply plans that need neither a number typed nor a fresh sign-in"),
)


class KeepForm(forms.Form):
    """Does the connection outlive the last sign-out?"""

    kept = forms.BooleanField(
        label="Keep connected when I sign out, for tokens and schedules", required=False
    )


class TokenForm(KeepForm):
    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="What it is for: the audit log names it beside you.",
        error_messages={
            "required": "Give the token a name.",
            "max_length": "A name can be %(limit_value)d characters at most; yours has %(show_value)d.",
        },
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label="It may",
        choices=[("", "Choose"), *_SCOPES],
        error_messages={
            "required": "Choose what it may do.",
            "invalid_choice": "Choose one of the list.",
        },
        widget=forms.Select({"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label="Good for",
        coerce=int,
        choices=[("", "Choose"), *((days, f"{days} days") for days in LIFETIMES_DAYS)],
        error_messages={
            "required": "Choose how long it is good for.",
            "invalid_choice": "Choose one of the list.",
        },
        widget=forms.Select({"autocomplete": "off"}),
    )

    field_order = ("name", "scope", "days", "kept")

    def __init__(self, data: QueryDict | None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_scope(self) -> Scope:
        return Scope(self.cleaned_data["scope"])
