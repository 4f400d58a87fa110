"""What people type: cleaned and checked, with a sentence for everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.utils import timezone

from memberships.domain import addresses
from memberships.domain.listing import SORTS, Query
from memberships.domain.people import Role, Status, Value
from memberships.providers import Field

from .leaving import LeavingForm
from .person import PersonField
from .role import RoleForm
from .roles import CompareForm, WhoCanForm
from .values import Choices, MemberForm, ReasonForm, ValueForm, reason

__all__ = [
    "AsOfForm",
    "AuditFilterForm",
    "CompareForm",
    "FilterForm",
    "InviteForm",
    "LeavingForm",
    "MemberForm",
    "PersonField",
    "ReasonForm",
    "RoleForm",
    "ValueForm",
    "WhoCanForm",
]

LONGEST_PASTE = 200_000
MOST_INVITATIONS = 1000


class FilterForm(forms.Form):
    """The members page's address. What makes no sense is left out; a role or status there isn't is nobody's."""

    q = forms.CharField(
        label="Search", required=False, max_length=200, widget=forms.TextInput({"type": "search"})
    )
    role = forms.ChoiceField(label="Role", required=False)
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "All"), *((s.value, s.value.title()) for s in Status)]
    )
    power = forms.ChoiceField(required=False, choices=[("manage", "Can manage")], widget=forms.HiddenInput)
    sort = forms.ChoiceField(
        required=False,
        choices=[(sign + name, name) for name in SORTS for sign in ("", "-")],
        widget=forms.HiddenInput,
    )

    def __init__(
        self, *args: Any, roles: Mapping[str, Role], lost_roles: Iterable[str] = (), **kwargs: Any
    ) -> None:
        """`lost_roles`: ids that people still carry although no role has them."""
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [  # type: ignore[attr-defined]
            ("", "All"),
            *((role.id, role.name) for role in roles.values()),
            *((role_id, role_id) for role_id in lost_roles),
        ]

    def query(self) -> Query:
        self.is_valid()
        good = self.cleaned_data
        return Query(
            q=good.get("q", ""),
            role=good.get("role", self._raw("role")),
            status=good.get("status", self._raw("status")),
            sort=good.get("sort") or "name",
            managers=bool(good.get("power")),
        )

    def _raw(self, name: str) -> str:
        return str(self.data.get(name, ""))[:100].replace("\0", "")


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
    reason = reason()

    def __init__(
        self,
        *args: Any,
        roles: Mapping[str, Role],
        also: Mapping[Field, Choices] | None = None,
        **kwargs: Any,
    ) -> None:
        """`also` are other fields somebody can be invited with, with their choices."""
        super().__init__(*args, **kwargs)
        self.also = also or {}
        self.fields["role"].choices = [("", "Choose a role"), *((r.id, r.name) for r in roles.values())]  # type: ignore[attr-defined]
        for field, choices in self.also.items():
            self.fields[field.name] = forms.ChoiceField(
                label=field.label,
                required=False,
                choices=[("", "As the provider sets it"), *choices],
                help_text=field.hint,
                error_messages={"invalid_choice": "Choose one of the list."},
            )

    def more(self) -> dict[str, Value]:
        """The other fields that were given a value."""
        return {f.name: f.parse(self.cleaned_data[f.name]) for f in self.also if self.cleaned_data[f.name]}

    def others(self) -> list[forms.BoundField]:
        return [self[field.name] for field in self.also]

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


class AsOfForm(forms.Form):
    """A moment of the past, in UTC. `since`: from when on there is something to tell."""

    at = forms.DateTimeField(
        label="As of",
        help_text="A date and a time in UTC.",
        error_messages={
            "required": "Give a date and a time, such as 2026-11-01 10:00.",
            "invalid": "Give a date and a time, such as 2026-11-01 10:00.",
        },
        widget=forms.DateTimeInput({"type": "datetime-local", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, since: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = since

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        # Minutes are typed: the one in which the first read fell belongs to what is known.
        if at < self.since.replace(second=0, microsecond=0):
            raise forms.ValidationError(
                f"Nothing is known of that time: history begins at {self.since:%Y-%m-%d %H:%M} UTC."
            )
        if at > timezone.now():
            raise forms.ValidationError("That is still to come: give a moment of the past.")
        return max(at, self.since)


class AuditFilterForm(forms.Form):
    q = forms.CharField(
        label="Person, role or group",
        required=False,
        max_length=200,
        widget=forms.TextInput({"type": "search"}),
    )
    event = forms.ChoiceField(label="What", required=False)
    channel = forms.ChoiceField(
        label="Where",
        required=False,
        choices=[
            ("", "All"),
            ("dashboard", "Here"),
            ("api", "API"),
            ("command line", "Command line"),
            ("schedule", "Schedule"),
            ("outside", "Outside this dashboard"),
        ],
    )
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
        found: dict[str, Any] = {name: good.get(name, "") for name in ("event", "outcome", "channel")}
        found["text"] = good.get("q", "")
        if since := good.get("since"):
            found["since"] = datetime.combine(since, time.min, UTC)
        if until := good.get("until"):
            found["until"] = datetime.combine(until, time.max, UTC)
        return found
