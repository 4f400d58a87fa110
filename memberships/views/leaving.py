"""The page on which somebody leaves: what they hold, who takes it over, and a plan of all of it."""

from __future__ import annotations

from functools import partial

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from memberships.forms import LeavingForm
from memberships.forms.leaving import FIELDS
from memberships.models import MirroredMember
from memberships.providers.errors import ProviderError
from memberships.services import leaving, people, roster
from memberships.services.connections import capabilities

from .access import ManagerRequest, manager_required
from .review import blast_radius, sent, status_of, to_review


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
@manager_required
def leave(request: ManagerRequest, member_id: str) -> HttpResponse:
    """With `holdings` in the address, what they hold is read; `holdings=again` reads it although it is known."""
    member = roster.member(request.organization, member_id)
    its_capabilities = capabilities(request.organization)
    if member is None or not (its_capabilities.work and its_capabilities.deactivate):
        raise Http404
    if request.htmx and request.method == "GET":
        return render(request, "memberships/leave.html#holdings", _holdings(request, member))
    why_not = leaving.why_not(request.connection, member)
    roles = roster.roles(request.organization)
    form = LeavingForm(
        sent(request),
        leaver=member,
        roles=roles,
        find=partial(people.find, request.organization, active=True),
    )
    if request.method == "POST":
        if why_not:
            form.add_error(None, why_not)
        elif form.is_valid() and (review := _planned(request, form)):
            return review
    context = {
        "form": form,
        "why_not": why_not,
        "notes": its_capabilities.leaving_notes,
        "to_dos": leaving.to_dos(request.organization),
        "roles": [] if why_not else blast_radius(request),
        **_holdings(request, member),
    }
    return render(request, "memberships/leave.html", context, status=status_of(form))


def _planned(request: ManagerRequest, form: LeavingForm) -> HttpResponse | None:
    """Make the plan and go to its review; what stands in its way stands on the form."""
    good = form.cleaned_data
    propose = partial(
        leaving.propose,
        request.connection,
        form.leaver.remote_id,
        form.takers(),
        role_id=good["role"],
        leave_groups=good["leave_groups"],
    )
    try:
        return to_review(form, propose)
    except leaving.Undecided as undecided:
        for kind, problem in undecided.problems.items():
            form.add_error(FIELDS[kind], problem)
    except leaving.NotPossible as problem:
        form.add_error(None, str(problem))
    return None


def _holdings(request: ManagerRequest, member: MirroredMember) -> dict[str, object]:
    """What is known of it; read when the address says so."""
    asked = request.GET.get("holdings")
    if asked == "again":
        leaving.forget_holdings(request.connection, member.remote_id)
    context: dict[str, object] = {"member": member}
    try:
        read = leaving.known_holdings if asked is None else leaving.holdings
        context["holdings"] = read(request.connection, member)
    except ProviderError as error:
        context["problem"] = str(error)
    return context
