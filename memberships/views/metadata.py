"""One key of metadata for everyone selected."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from memberships.forms.metadata import SetMetadataForm, keys_of
from memberships.services import proposals, selection
from memberships.services.connections import capabilities

from .access import ManagerRequest, manager_required
from .review import NOBODY, sent, status_of, to_review, with_roles


@manager_required
def choose(request: ManagerRequest) -> HttpResponse:
    if not capabilities(request.organization).metadata:
        raise Http404
    chosen = selection.members(request.session_key, request.organization)
    if not chosen:
        messages.warning(request, NOBODY)
        return redirect("members")
    form = SetMetadataForm(sent(request), known=keys_of(row.settings for row in chosen))
    if request.method == "POST" and form.is_valid():
        ids = [row.remote_id for row in chosen]
        if answer := to_review(form, partial(proposals.change, request.connection, ids, form.wanted())):
            return answer
    context = {
        "form": form,
        "title": "Set metadata",
        "suggested": form.known,
        "chosen": with_roles(request, chosen),
    }
    return render(request, "memberships/choose_value.html", context, status=status_of(form))
