"""What people type: cleaned and checked, with a sentence for everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.http import QueryDict

from memberships.domain import addresses
from memberships.domain.listing import SORTS, Query
from memberships.domain.people import ROLE, Role, Status
from memberships.providers import Capabilities, Field

LONGEST_PASTE = 200_000
MOST_INVITATIONS = 1000


def _reason() -> forms.CharField:
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


class FilterForm(forms.Form):
    """The members page's address. Anything in it that makes no sense is left out rather than refused."""

    q = forms.CharField(
        label="Search", required=False, max_length=200, widget=forms.TextInput({"type": "search"})
    )
    role = forms.ChoiceField(label="Role", required=False)
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "All"), *((s.value, s.value.title()) for s in Status)]
    )
    sort = forms.ChoiceField(
        required=False,
        choices=[(sign + name, name) for name in SORTS for sign in ("", "-")],
        widget=forms.HiddenInput,
    )

    def __init__(self, *args: Any, roles: Mapping[str, Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [("", "All"), *((role.id, role.name) for role in roles.values())]  # type: ignore[attr-defined]
        self.fields["q"].widget.attrs["autocomplete"] = "off"

    def query(self) -> Query:
        self.is_valid()
        good = self.cleaned_data
        return Query(
            good.get("q", ""), good.get("role", ""), good.get("status", ""), good.get("sort") or "name"
        )


class ValueForm(forms.Form):
    """A new value of one field for the selected members. The server keeps the selection; the form never carries it."""

    value = forms.ChoiceField(
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."}
    )
    reason = _reason()

    def __init__(self, *args: Any, field: Field, roles: Mapping[str, Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(r.id, r.name) for r in roles.values()] if field.name == ROLE else list(field.choices)
        self.fields["value"].label = "New role" if field.name == ROLE else field.label
        self.fields["value"].choices = [("", "Choose"), *choices]  # type: ignore[attr-defined]


class MemberForm(forms.Form):
    """All editable fields of one person."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        capabilities: Capabilities,
        roles: Mapping[str, Role],
        current: dict[str, Any],
    ) -> None:
        super().__init__(data, initial=current)
        for field in capabilities.fields:
            choices = [(r.id, r.name) for r in roles.values()] if field.name == ROLE else list(field.choices)
            held = current.get(field.name)
            if held not in dict(choices):
                # A value we don't know stays as it is until another one is chosen.
                choices = [(held or "", f"{held} (unknown)" if held else "–"), *choices]
            self.fields[field.name] = forms.ChoiceField(
                label=field.label,
                choices=choices,
                required=False,
                error_messages={"invalid_choice": "Choose one of the list."},
            )
        self.fields["reason"] = _reason()

    def wanted(self) -> dict[str, Any]:
        """Only what was changed on the form: the rest is nobody's wish."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "reason" and value and value != self.initial.get(name)
        }


class InviteForm(forms.Form):
    addresses = forms.CharField(
        label="Email addresses",
        max_length=LONGEST_PASTE,
        strip=False,
        help_text="Paste them as they are: one on each line, with commas, as “Ana Ruiz <ana@example.com>”, or rows of "
        "a spreadsheet.",
        error_messages={
            "required": "Paste at least one e-mail address.",
            "max_length": "That is too much at once: paste 200,000 characters at most.",
        },
        widget=forms.Textarea({"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="Role",
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role of the list."},
    )
    reason = _reason()

    def __init__(self, *args: Any, roles: Mapping[str, Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [("", "Choose a role"), *((r.id, r.name) for r in roles.values())]  # type: ignore[attr-defined]

    def clean_addresses(self) -> str:
        text: str = self.cleaned_data["addresses"]
        found = addresses.parse(text)
        if not any(entry.email for entry in found):
            raise forms.ValidationError(
                "There is no e-mail address in this. Paste at least one, such as ana@example.com."
            )
        if len(found) > MOST_INVITATIONS:
            raise forms.ValidationError(
                f"These are {len(found):,} entries. Invite {MOST_INVITATIONS:,} at most at a time."
            )
        return text


class AuditFilterForm(forms.Form):
    q = forms.CharField(
        label="Person", required=False, max_length=200, widget=forms.TextInput({"type": "search"})
    )
    event = forms.ChoiceField(label="What", required=False)
    outcome = forms.ChoiceField(
        label="Outcome",
        required=False,
        choices=[("", "All"), ("done", "Done"), ("refused", "Refused"), ("unknown", "Unknown")],
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args: Any, events: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["event"].choices = [("", "All"), *events.items()]  # type: ignore[attr-defined]

    def search(self) -> dict[str, Any]:
        """Arguments for the audit search; a date covers its whole day in UTC."""
        self.is_valid()
        good = self.cleaned_data
        found: dict[str, Any] = {name: good.get(name, "") for name in ("event", "outcome")}
        found["text"] = good.get("q", "")
        if since := good.get("since"):
            found["since"] = datetime.combine(since, time.min, UTC)
        if until := good.get("until"):
            found["until"] = datetime.combine(until, time.max, UTC)
        return found
