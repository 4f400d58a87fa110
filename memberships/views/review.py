"""What pages that make a plan share: the form as it was sent, the people it is for, and the way to the review."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect

from memberships.domain import permissions
from memberships.domain.items import Kind
from memberships.domain.people import ROLE
from memberships.models import MirroredMember, Plan
from memberships.providers.errors import ProviderError
from memberships.services import audit, roster
from memberships.services.connections import capabilities
from memberships.services.current import Gone
from memberships.services.roles import HeldRole, overview
from memberships.services.wording import Words

from .access import ManagerRequest

NOBODY = "Nobody is selected: tick the people you want to change first."


def sent(request: ManagerRequest) -> QueryDict | None:
    """What was sent, also when that is nothing at all; None while the form is only looked at."""
    return request.POST if request.method == "POST" else None


def status_of(*its_forms: forms.Form) -> int:
    return 422 if any(form.errors for form in its_forms) else 200


def to_review(form: forms.Form, propose: Callable[..., Plan]) -> HttpResponse | None:
    """Make the plan and go to its review page; what the provider can't answer stands on the form, with all typed."""
    try:
        plan = propose(reason=form.cleaned_data["reason"], channel=audit.CHANNEL_SCREEN)
    except ProviderError as error:
        form.add_error(None, f"{error} Nothing was sent; try again.")
        return None
    return redirect("plan", plan.pk)


def to_review_of(
    request: ManagerRequest, kind: Kind, form: forms.Form, propose: Callable[..., Plan]
) -> HttpResponse | None:
    """The same for a role or a group, which may be gone by now: then back to the list of those there are."""
    try:
        return to_review(form, propose)
    except Gone:
        messages.warning(
            request, f"This {kind} is not there any more: somebody has deleted it. Nothing was sent."
        )
        return redirect(f"{kind}s")


def with_roles(request: ManagerRequest, chosen: Sequence[MirroredMember]) -> list[tuple[MirroredMember, str]]:
    """The chosen people, each with the name of the role they have."""
    if not chosen:
        return []
    words = Words(capabilities(request.organization), roster.roles(request.organization))
    return [(row, words.value(ROLE, row.role_id)) for row in chosen]


def blast_radius(request: ManagerRequest) -> list[tuple[HeldRole, tuple[str, ...]]]:
    """Each role with the people who have it now and what it lets them do, for where one is chosen."""
    return [(held, permissions.summary(held.role)) for held in overview(request.organization).held]
