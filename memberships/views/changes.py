"""The pages that make a plan: a new value for the ticked people, invitations, one person's fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.paginator import Page
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from memberships.domain.people import ROLE, Status, Value, group_field
from memberships.forms import InviteForm, MemberForm, ReasonForm, ValueForm
from memberships.forms.groups import MemberGroupsForm
from memberships.forms.metadata import MemberMetadataForm
from memberships.models import MirroredMember, Plan
from memberships.providers import Capabilities, FieldKind
from memberships.providers.errors import ProviderError
from memberships.services import audit, details, groups, proposals, roster, selection, versions
from memberships.services.connections import capabilities
from memberships.services.wording import Words

from .access import ManagerRequest, manager_required
from .paging import Pages
from .review import NOBODY, blast_radius, sent, status_of, to_review, with_roles

HISTORY_PAGE = 50


@manager_required
def choose_value(request: ManagerRequest, field: str) -> HttpResponse:
    """A new value for everyone selected."""
    its_field = next(
        (f for f in capabilities(request.organization).fields if f.name == field and f.bulk), None
    )
    if its_field is None:
        raise Http404
    chosen = selection.members(request.session_key, request.organization)
    if not chosen:
        messages.warning(request, NOBODY)
        return redirect("members")
    roles = roster.roles(request.organization)
    # Whoever loses a role may lose what came with it: what can make up for that is offered beside.
    also = [f for f in capabilities(request.organization).fields if f.kind is FieldKind.PROFILE]
    form = ValueForm(
        sent(request),
        field=its_field,
        roles=roles,
        profiles=_profiles(request, needed=its_field in also or field == ROLE),
        also=also if field == ROLE else (),
    )
    if request.method == "POST" and form.is_valid():
        ids = [row.remote_id for row in chosen]
        if review := to_review(form, partial(proposals.change, request.connection, ids, form.wanted())):
            return review
    context = {
        "form": form,
        "title": "Change role" if field == ROLE else f"Change {its_field.label.lower()}",
        "chosen": with_roles(request, chosen),
        "roles": blast_radius(request) if field == ROLE else [],
    }
    return render(request, "memberships/choose_value.html", context, status=status_of(form))


@manager_required
def leave_or_return(request: ManagerRequest, action: str) -> HttpResponse:
    """Deactivate, reactivate, or invite again everyone selected."""
    if action not in _actions(capabilities(request.organization)):
        raise Http404
    chosen = selection.members(request.session_key, request.organization)
    if not chosen:
        messages.warning(request, NOBODY)
        return redirect("members")
    its_capabilities = capabilities(request.organization)
    title, propose, notes = _actions(its_capabilities)[action]
    form = ReasonForm(sent(request))
    if request.method == "POST" and form.is_valid():
        ids = [row.remote_id for row in chosen]
        if review := to_review(form, partial(propose, request.connection, ids)):
            return review
    context = {
        "form": form,
        "title": title,
        "notes": notes,
        "chosen": with_roles(request, chosen),
        "one_by_one": action == "deactivate" and its_capabilities.work,
    }
    return render(request, "memberships/choose_value.html", context, status=status_of(form))


type _Action = tuple[str, Callable[..., Plan], tuple[str, ...]]


def _actions(its_capabilities: Capabilities) -> dict[str, _Action]:
    """What can be done here with everyone selected, besides new values: its title, its plan, and what to know."""
    leave = "Remove" if its_capabilities.removes else "Deactivate"
    found: dict[str, _Action] = {
        "deactivate": (leave, proposals.deactivation, its_capabilities.deactivation_notes)
    }
    if not its_capabilities.removes:
        found["reactivate"] = ("Reactivate", proposals.reactivation, its_capabilities.reactivation_notes)
    if its_capabilities.resend:
        notes = ("Everybody who has not accepted yet gets the e-mail once more.",)
        found["resend"] = ("Send invitations again", proposals.resending, notes)
    return found


@manager_required
def invite(request: ManagerRequest) -> HttpResponse:
    its_capabilities = capabilities(request.organization)
    its_fields = [its_capabilities.field(name) for name in its_capabilities.invited_with]
    also = {f: _profiles(request) if f.kind is FieldKind.PROFILE else f.choices for f in its_fields}
    form = InviteForm(sent(request), roles=roster.roles(request.organization), also=also)
    if request.method == "POST" and form.is_valid():
        text, role_id = form.cleaned_data["addresses"], form.cleaned_data["role"]
        propose = partial(proposals.invitations, request.connection, text, role_id, form.more())
        if review := to_review(form, propose):
            return review
    context = {"form": form, "roles": blast_radius(request)}
    return render(request, "memberships/invite.html", context, status=status_of(form))


@manager_required
def member(request: ManagerRequest, member_id: str) -> HttpResponse:
    """One person: their fields, edited through the same plan, and their history."""
    row = roster.member(request.organization, member_id)
    if row is None:
        raise Http404
    roles, its_capabilities = roster.roles(request.organization), capabilities(request.organization)
    its_member = row.member()
    current = {field.name: its_member.value(field.name) for field in its_capabilities.fields}
    numbers = _numbers(request, row.user_id, current)
    form = MemberForm(
        sent(request),
        capabilities=its_capabilities,
        roles=roles,
        current=current,
        numbers=numbers,
        profiles=_profiles(request, needed=any(f.kind is FieldKind.PROFILE for f in its_capabilities.fields)),
    )
    its_groups = _groups(request, row)
    for errors in its_groups.errors.values() if its_groups else ():
        form.add_error(None, list(errors))
    its_metadata = MemberMetadataForm(sent(request), member=its_member) if its_capabilities.metadata else None
    keyed_well = its_metadata is None or its_metadata.is_valid()
    if request.method == "POST" and form.is_valid() and keyed_well:
        joined = its_groups.wanted() if its_groups else {}
        keyed = its_metadata.wanted() if its_metadata else {}
        wanted = form.wanted() | {group_field(pk): inside for pk, inside in joined.items()} | keyed
        propose = partial(proposals.change, request.connection, [member_id], wanted)
        if joined:
            propose = partial(propose, title=f"Change {row.name or row.email}.")
        if not wanted:
            form.add_error(None, "Nothing is changed yet: choose another value first.")
        elif review := to_review(form, propose):
            return review
    entries = Pages(audit.of_member(request.organization, member_id, row.email), HISTORY_PAGE)
    history = entries.get_page(request.GET.get("page"))
    words = Words(its_capabilities, roles, request.organization.names)
    context = {
        "form": form,
        "groups": its_groups,
        "metadata": its_metadata,
        "member": row,
        "numbers_known": numbers is not None,
        "more": sorted(row.more.items()),
        "role_name": words.value(ROLE, row.role_id),
        "role_is_listed": row.role_id in roles,
        "roles": blast_radius(request),
        "history": history,
        "timeline": _timeline(request, member_id, history, words),
        "remembered": its_capabilities.versions and "versions" not in request.GET and history.number == 1,
        "fresh": roster.freshness(request.organization),
        "may_leave": its_member.active and its_capabilities.work and its_capabilities.deactivate,
        "pinned_views": its_capabilities.pinned_views,
    }
    fragment = request.htmx and request.method == "GET"
    template = "memberships/member.html#history" if fragment else "memberships/member.html"
    return render(request, template, context, status=status_of(form, *filter(None, [its_metadata])))


def _timeline(request: ManagerRequest, member_id: str, history: Page, words: Words) -> list[Any]:
    """One page of the audit log; on the first, with what the provider itself remembers when that is asked for."""
    entries = list(history.object_list)
    if "versions" not in request.GET or not words.capabilities.versions or history.number > 1:
        return entries
    try:
        return versions.merged(entries, versions.known(request.connection, member_id), words)
    except ProviderError as error:
        messages.warning(request, f"What {words.capabilities.label} remembers could not be read: {error}")
        return entries


def _groups(request: ManagerRequest, row: MirroredMember) -> MemberGroupsForm | None:
    """The groups somebody is in, as far as groups exist and were read."""
    if not capabilities(request.organization).groups or not request.organization.groups_read_at:
        return None
    known = groups.everything(request.organization)
    inside = {group.remote_id for group in known if row.user_id in group.user_ids}
    may_join = row.status != Status.INACTIVE
    return MemberGroupsForm(sent(request), groups=known, inside=inside, may_join=may_join)


def _profiles(request: ManagerRequest, *, needed: bool = True) -> list[tuple[str, str]]:
    """Every membership profile; those people have, when the others can't be read now."""
    if not needed or not any(f.kind is FieldKind.PROFILE for f in capabilities(request.organization).fields):
        return []
    try:
        return details.profiles(request.connection)
    except ProviderError:
        messages.warning(request, "Not all membership profiles could be read: only those in use are offered.")
        return sorted(request.organization.names.items(), key=lambda pair: pair[1].casefold())


def _numbers(
    request: ManagerRequest, user_id: str, current: Mapping[str, Value]
) -> list[tuple[str, str]] | None:
    """A person's phone numbers, when they are asked for or needed to check a choice; else what is known of them."""
    its_fields = [f for f in capabilities(request.organization).fields if f.kind is FieldKind.NUMBER]
    chosen = any(request.POST.get(f.name, "") not in ("", f.posted(current[f.name])) for f in its_fields)
    if chosen or "numbers" in request.GET:
        try:
            return details.numbers(request.connection, user_id)
        except ProviderError as error:
            messages.warning(request, f"Their phone numbers could not be read: {error}")
    return details.known_numbers(request.connection, user_id)
