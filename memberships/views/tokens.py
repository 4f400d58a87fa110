"""Personal tokens of the HTTP API: the list, making one, revoking one."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from memberships.forms.tokens import TokenForm
from memberships.services import connections, tokens

from .access import ManagerRequest, manager_required


@require_GET
@manager_required
def listed(request: ManagerRequest) -> HttpResponse:
    context = {
        "tokens": tokens.mine(request.connection),
        "organization": request.organization,
        "kept": request.connection.actor.kept,
    }
    return render(request, "memberships/tokens.html", context)


@manager_required
def new(request: ManagerRequest) -> HttpResponse:
    """Make one. The answer to the form shows it, and nothing else ever does: no address, no session."""
    person = request.connection.actor
    form = TokenForm(request.POST if request.method == "POST" else None, initial={"kept": person.kept})
    context = {"form": form, "organization": request.organization, "person": person}
    if request.method == "POST" and form.is_valid():
        made = form.cleaned_data
        try:
            token, text = tokens.make(
                request.connection, name=made["name"], scope=made["scope"], days=made["days"]
            )
        except tokens.NameTaken:
            form.add_error(
                "name",
                "You have a token of this name already. If you made it just now and didn't copy it, revoke it and make "
                "another.",
            )
        else:
            connections.keep(person, made["kept"])
            return render(request, "memberships/token_made.html", context | {"token": token, "text": text})
    return render(request, "memberships/token_form.html", context, status=422 if form.errors else 200)


@manager_required
def revoke(request: ManagerRequest, key: str) -> HttpResponse:
    """First says what it means."""
    token = tokens.mine(request.connection).filter(key=key).first()
    if token is None:
        raise Http404
    if request.method != "POST":
        return render(request, "memberships/token_revoke.html", {"token": token})
    tokens.revoke(token, request.connection)
    messages.success(request, f"{token} is revoked. Whatever uses it is refused from now on.")
    return redirect("tokens")
