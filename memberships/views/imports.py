"""A CSV file that comes back from a spreadsheet: read, planned, and on to the review."""

from __future__ import annotations

from typing import Unpack

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render

from memberships.domain.sheets import CLEAR, Unreadable
from memberships.forms.imports import ImportForm
from memberships.models import Plan
from memberships.services import imports
from memberships.services.connections import capabilities
from memberships.services.storing import Note

from .access import ManagerRequest, manager_required
from .review import status_of, to_review


@manager_required
def import_csv(request: ManagerRequest) -> HttpResponse:
    """What a file wishes for becomes a plan, bad rows included; of the file nothing is kept."""
    posted = request.method == "POST"
    form = ImportForm(request.POST, request.FILES) if posted else ImportForm()
    if posted and form.is_valid():
        if review := _review(request, form):
            return review
    its_capabilities = capabilities(request.organization)
    context = {
        "form": form,
        "clear": CLEAR,
        "fields": [field.label for field in its_capabilities.fields],
        "clearable": [field.label for field in its_capabilities.fields if field.clears],
    }
    return render(request, "memberships/import.html", context, status=status_of(form))


def _review(request: ManagerRequest, form: ImportForm) -> HttpResponse | None:
    file = form.cleaned_data["file"]

    def propose(**note: Unpack[Note]) -> Plan:
        imported = imports.propose(request.connection, sheet, file.name or "the file", **note)
        for notice in imported.notices:
            messages.info(request, notice)
        return imported.plan

    try:
        sheet = imports.read(request.organization, file.read())
    except Unreadable as problem:
        form.add_error("file", str(problem))
        return None
    return to_review(form, propose)
