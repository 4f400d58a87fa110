"""Groups: which one, how it is called, who is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django import forms
from django.http import QueryDict

from memberships.models import MirroredGroup

from .values import reason

_LONGEST_NAME = 100
_GONE = "This group is not there any more: choose another."


class GroupFilterForm(forms.Form):
    """Whose groups are shown: active people, if nothing else is said. What makes no sense is left out."""

    q = forms.CharField(
        label="Search", required=False, max_length=200, widget=forms.TextInput({"type": "search"})
    )
    status = forms.ChoiceField(
        label="Status",
        required=False,
        choices=[("active", "Active"), ("inactive", "Inactive"), ("all", "All")],
        widget=forms.Select({"autocomplete": "off"}),
    )

    def asked(self) -> tuple[str, str]:
        """What is searched for, and a status; empty for every status."""
        self.is_valid()
        status = self.cleaned_data.get("status") or "active"
        return self.cleaned_data.get("q", ""), "" if status == "all" else status


class GroupNameForm(forms.Form):
    """A new name."""

    name = forms.CharField(
        label="Name",
        max_length=_LONGEST_NAME,
        error_messages={
            "required": "Give the group a name.",
            "max_length": "A name can be %(limit_value)d characters at most; yours has %(show_value)d.",
        },
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    reason = reason()

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


class NewGroupForm(GroupNameForm):
    """A group, with the `selected` people in it if that is wanted."""

    field_order = ("name", "everyone", "reason")

    def __init__(self, data: QueryDict | None, *, selected: int) -> None:
        super().__init__(data)
        if selected:
            who = "the 1 person" if selected == 1 else f"the {selected:,} people"
            self.fields["everyone"] = forms.BooleanField(
                label=f"Put {who} selected now into it", required=False, initial=True
            )
            self.order_fields(self.field_order)

    def takes_everyone(self) -> bool:
        return bool(self.cleaned_data.get("everyone"))


class ChooseGroupForm(forms.Form):
    """One group for the selected members."""

    def __init__(self, data: QueryDict | None, *, groups: Iterable[MirroredGroup]) -> None:
        super().__init__(data)
        self.fields["value"] = forms.ChoiceField(
            label="Group",
            choices=[("", "Choose"), *((group.remote_id, group.name) for group in groups)],
            error_messages={"required": "Choose a group.", "invalid_choice": _GONE},
            widget=forms.Select({"autocomplete": "off"}),
        )
        self.fields["reason"] = reason()


class MemberGroupsForm(forms.Form):
    """The groups one person is in. It carries what was ticked when it was shown: only what was turned is a wish."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        groups: Iterable[MirroredGroup],
        inside: Collection[str],
        may_join: bool,
    ) -> None:
        """`inside` are the ids of groups the person is in. Who may not join is shown these alone."""
        super().__init__(data)
        self.choices = [(g.remote_id, g.name) for g in groups if may_join or g.remote_id in inside]
        self.inside = [(pk, name) for pk, name in self.choices if pk in inside]
        self.before = {
            pk for pk, _ in self.choices if pk in (inside if data is None else data.getlist("was"))
        }
        self.fields["groups"] = forms.MultipleChoiceField(
            label="Groups",
            required=False,
            choices=self.choices,
            initial=sorted(self.before),
            error_messages={"invalid_choice": _GONE},
        )

    def boxes(self) -> list[dict[str, Any]]:
        """The check boxes as they are to be shown."""
        ticked = self["groups"].value() or []
        return [
            {"id": pk, "name": name, "ticked": pk in ticked, "was": pk in self.before}
            for pk, name in self.choices
        ]

    def wanted(self) -> dict[str, bool]:
        """By group id: is the person to be in it?"""
        now = set(self.cleaned_data["groups"])
        return {pk: pk in now for pk, _ in self.choices if (pk in now) != (pk in self.before)}
