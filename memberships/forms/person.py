"""Somebody of the organization, typed: a combobox that suggests people, and as good a text input without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from memberships.models import MirroredMember

LONGEST = 600

type Find = Callable[[str], tuple[Sequence[MirroredMember], Sequence[MirroredMember]]]
"""From what was typed to who is meant exactly and who might be."""


def typed(member: MirroredMember) -> str:
    """What a suggestion puts into the input: whoever it is found for, it is found again by it."""
    key = member.email or member.remote_id
    return f"{member.name} <{key}>" if member.name else key


class PersonInput(forms.TextInput):
    """`suggested` are the people offered before anything is typed."""

    suggested: Sequence[MirroredMember] = ()

    def __init__(self, *, active: bool) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false"})
        self.active = active

    def render(
        self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        its_id = (attrs or {}).get("id", name)
        list_id = f"{its_id}_people"
        asks = {
            "list": list_id,
            "hx-get": f"{reverse('find-members')}?field={name}{'&active=1' if self.active else ''}",
            "hx-trigger": "input changed delay:150ms",
            "hx-target": f"#{list_id}",
            "hx-swap": "innerHTML",
            "hx-sync": "this:replace",
        }
        written = super().render(name, value, {**(attrs or {}), **asks}, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', written, list_id, options_for(self.suggested))


def options_for(people: Iterable[MirroredMember]) -> SafeString:
    options = [(typed(member), member) for member in people]
    return render_to_string("components/people_options.html", {"options": options})


class PersonField(forms.CharField):
    """Cleans to the person in the mirror; what names nobody, or several people, is answered with who may be meant."""

    widget: PersonInput

    def __init__(self, *, find: Find, active: bool = False, **kwargs: Any) -> None:
        """`find` must look among active people only where `active` says so: the suggestions do."""
        words = {"required": "Give a name or an e-mail address."}
        kwargs["error_messages"] = words | kwargs.get("error_messages", {})
        super().__init__(max_length=LONGEST, widget=PersonInput(active=active), **kwargs)
        self.find = find

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        meant, like = self.find(text)
        if len(meant) == 1:
            return meant[0]
        self.widget.suggested = meant or like
        nobody = "Nobody active here" if self.widget.active else "Nobody here"
        raise forms.ValidationError(_several(text, meant) if meant else _nobody(nobody, text, like))


def _several(text: str, meant: Sequence[MirroredMember]) -> str:
    return f"{len(meant):,} people are called {text}: {_listed(meant)}. Give the e-mail address."


def _nobody(nobody: str, text: str, like: Sequence[MirroredMember]) -> str:
    answer = f"{nobody} {'has the address' if '@' in text else 'is called'} {text}."
    return f"{answer} Did you mean {_listed(like)}?" if like else answer


def _listed(people: Sequence[MirroredMember]) -> str:
    *most, last = map(typed, people)
    return f"{', '.join(most)} or {last}" if most else last
