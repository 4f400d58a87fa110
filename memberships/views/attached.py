"""Attach an organization of the second provider: credentials first, then which organization."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from memberships.forms.attached import AttachedForm, AttachForm
from memberships.providers.errors import ProviderError
from memberships.services import attached
from memberships.services.attached import Secret
from memberships.services.connections import NotAllowed

from .access import OwnRequest, own_manager_required

_KEPT = "attaching"


@own_manager_required
def attach(request: OwnRequest) -> HttpResponse:
    """Take a client id and secret, and try them."""
    installed = attached.of_installation(request.person)
    if request.method == "POST" and installed and "installed" in request.POST:
        problem = _look(request, installed)
        if problem is None:
            return redirect("attach-organization")
        messages.error(request, problem)
        return redirect("attach")
    form = AttachForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        problem = _look(request, Secret(form.cleaned_data["client_id"], form.cleaned_data["client_secret"]))
        if problem is None:
            return redirect("attach-organization")
        form.add_error(None, problem)
    context = {
        "form": form,
        "provider": attached.capabilities(),
        "person": request.person,
        "installed": installed is not None,
    }
    return render(request, "memberships/attach.html", context, status=422 if form.errors else 200)


def _look(request: OwnRequest, secret: Secret) -> str | None:
    """Try the credentials and keep them for the next page; the sentence on why not."""
    try:
        organizations = attached.look(secret)
    except ProviderError as error:
        return str(error)
    if not organizations:
        return (
            "These credentials are good, but their owner is an Admin of no organization. Only an Admin can look after "
            "members."
        )
    request.session[_KEPT] = {"sealed": secret.seal(), "organizations": organizations}
    return None


@own_manager_required
def choose(request: OwnRequest) -> HttpResponse:
    """Which of the organizations the credentials are good for."""
    kept: dict[str, Any] = request.session.get(_KEPT) or {}
    try:
        secret = Secret.unseal(kept.get("sealed", ""))
    except InvalidToken:
        return redirect("attach")
    organizations = [(str(pk), str(name)) for pk, name in kept["organizations"]]
    form = AttachedForm(request.POST if request.method == "POST" else None, organizations=organizations)
    if request.method == "POST" and form.is_valid():
        try:
            connection = attached.attach(request.person, secret, form.cleaned_data["organization"])
        except ProviderError as error:
            form.add_error(None, str(error))
        except NotAllowed as missing:
            form.add_error(None, f"These credentials are no longer an Admin's in {missing.organization}.")
        else:
            del request.session[_KEPT]
            request.session["connection"] = connection.pk
            messages.success(request, f"Connected to {connection.organization}.")
            return redirect("members")
    context = {"form": form, "provider": attached.capabilities()}
    return render(
        request, "memberships/attach_organization.html", context, status=422 if form.errors else 200
    )
