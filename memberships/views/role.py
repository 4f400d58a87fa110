"""One role: what it lets whom do; made, cloned, edited and deleted through a plan like everything else."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from memberships.domain import permissions
from memberships.domain.items import NAME, Kind, role_item
from memberships.domain.listing import Query
from memberships.domain.people import ROLE, Role, Status, Value, full_name
from memberships.forms import ReasonForm, RoleForm
from memberships.providers import FieldKind
from memberships.providers.errors import ProviderError
from memberships.services import details, proposals, roster, selection
from memberships.services import roles as its_roles
from memberships.services.connections import capabilities
from memberships.services.roles import HeldRole
from memberships.services.wording import Words

from .access import ManagerRequest, manager_required
from .review import sent, status_of, to_review, to_review_of

PAGE = 50
_SHOWN = ("remote_id", "first_name", "last_name", "email")
_LONGEST_NAME = 200
SYSTEM_ROLE = (
    "This is a system role: {} allows nobody to change or delete it. Clone it, and change the clone."
)


@require_GET
@manager_required
def role(request: ManagerRequest, role_id: str) -> HttpResponse:
    """What it lets people do, who they are, and what can be done with it. Everything is from the mirror.

    Only the names of lead fields are read from the provider, when somebody asks for them.
    """
    held = _held(request, role_id)
    its_capabilities = capabilities(request.organization)
    having = its_roles.active_with(request.organization, [held])
    pages = Paginator(having.values(*_SHOWN), PAGE)
    pages.count = held.people.active
    page = pages.get_page(request.GET.get("people"))
    manage = its_capabilities.manage_permission_name
    everything = _known(request)
    context = {
        "held": held,
        "role": held.role,
        "provider": its_capabilities.label,
        "may": permissions.by_theme(held.role.permissions - {manage}),
        "may_not": permissions.by_theme(everything - held.role.permissions - {manage}),
        "power": permissions.named(manage),
        "settings": _settings(request, held.role),
        "system_role": "" if held.role.editable else SYSTEM_ROLE.format(its_capabilities.label),
        "can_edit": its_capabilities.edits_roles,
        "group": {
            "parameter": "people",
            "count": pages.count,
            "page": page,
            "earlier": {"people": page.number - 1},
            "later": {"people": page.number + 1},
        },
        "people": [
            row | {"name": full_name(row["first_name"], row["last_name"])} for row in page.object_list
        ],
        "fresh": roster.freshness(request.organization),
    }
    return render(request, "memberships/role.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def new(request: ManagerRequest) -> HttpResponse:
    """A new role, like another one if the address says so."""
    _must_edit(request)
    like = _known_roles(request).get(request.GET.get("like", ""))
    if "like" in request.GET and like is None:
        raise Http404
    form = _form(request, like, is_new=True)
    if request.method == "POST" and form.is_valid():
        if review := to_review(form, partial(proposals.new_role, request.connection, form.wanted())):
            return review
    context = {"form": form, "like": like, "title": "New role", "roles": _known_roles(request).values()}
    return _page(request, form, context)


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def edit(request: ManagerRequest, role_id: str) -> HttpResponse:
    held = _held(request, role_id)
    if refusal := _system_role(request, held.role):
        return refusal
    form = _form(request, held.role)
    if request.method == "POST" and form.is_valid():
        if not form.changes:
            form.add_error(None, "Nothing is changed yet: change something first.")
        else:
            wanted, opened = form.wanted(), form.began()
            propose = partial(proposals.edited_role, request.connection, role_id, wanted, opened)
            if review := to_review_of(request, Kind.ROLE, form, propose):
                return review
    return _page(request, form, {"form": form, "held": held, "title": f"Edit {held.role.name}"})


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def delete(request: ManagerRequest, role_id: str) -> HttpResponse:
    held = _held(request, role_id)
    if refusal := _system_role(request, held.role):
        return refusal
    form = ReasonForm(sent(request))
    if request.method == "POST" and form.is_valid():
        if review := to_review_of(
            request, Kind.ROLE, form, partial(proposals.deleted_role, request.connection, role_id)
        ):
            return review
    context = {
        "form": form,
        "held": held,
        "role": held.role,
        "provider": capabilities(request.organization).label,
    }
    return render(request, "memberships/role_delete.html", context, status=status_of(form))


@require_POST
@manager_required
def move_people(request: ManagerRequest, role_id: str) -> HttpResponse:
    """Select everyone who has a role, and ask for the new one."""
    held = _held(request, role_id)
    if not held.people.active:
        messages.info(request, f"Nobody active has the role {held.role.name} any more.")
        return redirect(_address(held.role))
    query = Query(role=role_id, status=Status.ACTIVE.value)
    selection.choose(request.session_key, request.organization, query)
    return redirect("choose-value", ROLE)


# What there is


def _known_roles(request: ManagerRequest) -> dict[str, Role]:
    return roster.roles(request.organization)


def _held(request: ManagerRequest, role_id: str) -> HeldRole:
    """A role with its people. Raises Http404."""
    for held in its_roles.overview(request.organization).held:
        if held.role.id == role_id:
            return held
    raise Http404


def _known(request: ManagerRequest) -> frozenset[str]:
    """Every permission that some role here grants; where roles can be made, also those we have words for."""
    known = permissions.KNOWN if capabilities(request.organization).edits_roles else frozenset()
    return known | permissions.granted(_known_roles(request).values())


def _settings(request: ManagerRequest, its_role: Role) -> list[dict[str, Any]]:
    """The fields of a role besides its name and permissions, as people read them."""
    its_capabilities = capabilities(request.organization)
    its_fields = [f for f in its_capabilities.item_fields.get(Kind.ROLE, ()) if f.name in its_role.settings]
    names, problem = _names(request, its_role)
    words = Words(its_capabilities, {}, names)
    return [
        {
            "label": field.label,
            "text": words.value(field.name, its_role.settings[field.name]),
            "unnamed": field.kind is FieldKind.NAMED and names is None,
            "problem": problem if field.kind is FieldKind.NAMED else "",
        }
        for field in its_fields
        if its_role.settings[field.name]
    ]


def _names(request: ManagerRequest, its_role: Role) -> tuple[dict[str, str] | None, str]:
    """How the ids in a role's settings are called, as far as that is known or asked for now; and why not."""
    found, problem = details.known_role_choices(request.connection), ""
    if found is None and "names" in request.GET:
        try:
            found = details.role_choices(request.connection)
        except ProviderError as error:
            problem = f"Their names could not be read: {error}"
    return (None if found is None else dict(found)), problem


def _must_edit(request: ManagerRequest) -> None:
    if not capabilities(request.organization).edits_roles:
        raise Http404


def _system_role(request: ManagerRequest, its_role: Role) -> HttpResponse | None:
    """Back to the role, with the reason, when it can't be changed."""
    _must_edit(request)
    if its_role.editable:
        return None
    messages.warning(request, SYSTEM_ROLE.format(capabilities(request.organization).label))
    return redirect(_address(its_role))


def _address(its_role: Role) -> str:
    return f"{reverse('roles')}{quote(its_role.id, safe='')}/"


# The form


def _form(request: ManagerRequest, start: Role | None, *, is_new: bool = False) -> RoleForm:
    its_capabilities = capabilities(request.organization)
    its_fields = its_capabilities.item_fields[Kind.ROLE]
    held: dict[str, Value] = {field.name: None for field in its_fields}
    if start:
        held |= role_item(start).values
        if is_new:
            held[NAME] = f"Copy of {start.name}"[:_LONGEST_NAME]
    others = [r.name for r in _known_roles(request).values() if is_new or start is None or r.id != start.id]
    return RoleForm(
        sent(request),
        its_fields=its_fields,
        held=held,
        known=_known(request),
        manage=its_capabilities.manage_permission_name,
        choices=details.role_choices_if_told(request.connection),
        taken=frozenset(others),
        is_new=is_new,
    )


def _page(request: ManagerRequest, form: RoleForm, context: dict[str, Any]) -> HttpResponse:
    context |= {"provider": capabilities(request.organization).label}
    return render(request, "memberships/role_form.html", context, status=status_of(form))
