"""Suggestions for inputs in which somebody is named."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from memberships.forms.person import options_for
from memberships.services import people

from .access import ManagerRequest, manager_required


@require_GET
@manager_required
def find(request: ManagerRequest) -> HttpResponse:
    """Who may be meant by what is typed so far. `field` names the parameter that has it."""
    text = request.GET.get(request.GET.get("field", ""), "")
    _, like = people.find(request.organization, text, active="active" in request.GET)
    return HttpResponse(options_for(like))
