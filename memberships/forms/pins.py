"""One person's pinned views put into another order, and copied to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django import forms
from django.http import QueryDict

from memberships.domain.views import View, moved

from .person import Find, PersonField
from .values import reason

_GONE = "A view you added isn't there any more. It was left out."


class PinsForm(forms.Form):
    """The draft of one person's pinned views. It travels with the form: nothing of it is kept before the review.

    Every button but Review is a step, which gives the same form with the next draft.
    """

    view = forms.ChoiceField(
        label="Add a view",
        required=False,
        error_messages={"invalid_choice": "This view isn't there any more: choose another."},
        widget=forms.Select({"autocomplete": "off"}),
    )
    reason = reason()

    def __init__(self, data: QueryDict | None, *, pinned: Sequence[str], views: Mapping[str, View]) -> None:
        """`pinned` is what the person has now. Besides that, only `views` can be in a draft."""
        super().__init__(data)
        self.views = views
        posted = pinned if data is None else data.getlist("pin")
        known = views.keys() | set(pinned)
        self.draft = tuple(dict.fromkeys(pk for pk in posted if pk in known))
        self.lost = not known.issuperset(posted)
        # After a removal: the entry in whose place the reader goes on.
        self.next = ""
        self._offer()

    def _offer(self) -> None:
        """Every view that isn't in the draft, those of one kind together."""
        kinds: dict[str, list[tuple[str, str]]] = {}
        for view in self.views.values():
            if view.id not in self.draft:
                kinds.setdefault(view.kind, []).append((view.id, view.name))
        self.fields["view"].choices = [("", "Choose a view"), *kinds.items()]  # type: ignore[attr-defined]

    def step(self, pressed: str) -> str:
        """Do what a button says; what that did, in words. What can't be done stands on the form, too."""
        action, _, pk = pressed.partition(":")
        before = self.draft
        self.full_clean()
        if self.lost:
            self.add_error(None, _GONE)
        match action:
            case "up" | "down":
                self.draft = moved(before, pk, -1 if action == "up" else 1)
            case "remove":
                self._remove(pk)
            case "add":
                pk = self.cleaned_data.get("view", "")
                if pk:
                    self.draft = (*before, pk)
                elif not self.has_error("view"):
                    self.add_error("view", "Choose a view first.")
        self._offer()
        wrong = [*self.non_field_errors(), *self.errors.get("view", ())]
        return " ".join(map(str, wrong)) or (self._said(action, pk) if self.draft != before else "")

    def _remove(self, pk: str) -> None:
        if pk not in self.draft:
            return
        place = self.draft.index(pk)
        self.draft = tuple(other for other in self.draft if other != pk)
        if self.draft:
            self.next = self.draft[min(place, len(self.draft) - 1)]
        else:
            self.fields["view"].widget.attrs["data-next"] = True

    def _said(self, action: str, pk: str) -> str:
        name, number = self.views[pk].name if pk in self.views else pk, len(self.draft)
        if action == "remove":
            return f"Removed {name}. {number} left."
        return f"{name} is number {self.draft.index(pk) + 1} of {number}."

    def is_ready(self) -> bool:
        """May the draft be reviewed?"""
        if self.lost:
            self.add_error(None, _GONE)
        return self.is_valid()


class CopyPinsForm(forms.Form):
    """Whose pinned views the selected people get; the server keeps the selection, the form never carries it."""

    def __init__(self, data: QueryDict | None, *, find: Find, initial: str = "") -> None:
        super().__init__(data)
        self.fields["person"] = PersonField(
            label="Copy from",
            find=find,
            initial=initial,
            help_text="A name or an e-mail address. This person's own list stays as it is.",
        )
        self.fields["reason"] = reason()
