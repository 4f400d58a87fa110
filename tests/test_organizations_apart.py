"""One organization's admin asks every address for what belongs to another one: there is nothing, and nothing happens.

Besides, each query is held to the request's organizations in one place: what a view forgot to say shows nothing.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.http import HttpResponse
from django.test import Client, RequestFactory

from dashboard.middleware import OneOrganization
from memberships.models import (
    AuditEntry,
    Connection,
    DriftWatch,
    Job,
    Login,
    MirroredGroup,
    MirroredMember,
    MirroredRole,
    Organization,
    Plan,
    PlanRow,
    RosterFile,
    Selection,
    scope,
)
from memberships.models.scope import Owned, Unscoped
from memberships.services import jobs, plans
from sandbox.rehearsal import HARBOR, NORTHWIND
from tests.steps import people
from tests.test_access import ADDRESSES, Ids, address, content, ids  # noqa: F401 - a fixture

OWNED = (
    AuditEntry,
    DriftWatch,
    Job,
    MirroredGroup,
    MirroredMember,
    MirroredRole,
    Plan,
    PlanRow,
    RosterFile,
    Selection,
)
# Reached through the session or a token alone, by workers alone, or of no organization.
NOT_OWNED = {"Connection", "Cursor", "Login", "Organization", "Sink", "Token", "Window", "Worker"}

# No id stands in these addresses, but one may be sent along. What is not listed here has an id, and answers 404.
WITHOUT_ID = {
    *(
        "login",
        "start",
        "callback",
        "home",
        "connections",
        "sessions",
        "switch",
        "attach",
        "attach-organization",
    ),
    *("members", "freshness", "refresh", "find-members", "select", "export-members", "as-of", "export-as-of"),
    *(
        "choose-value",
        "join-group",
        "leave-group",
        "metadata",
        "deactivate",
        "reactivate",
        "resend",
        "invite",
    ),
    *("copy-pins", "roles", "roles-freshness", "refresh-roles", "new-role"),
    *("groups", "groups-freshness", "refresh-groups", "clean-up-groups", "new-group"),
    *("audit", "acknowledge", "export-audit", "tokens", "new-token", "import-csv", "paste"),
    *("drift", "upload-roster-file", "check-drift", "schedule-drift", "choose-drift", "first-roster-file"),
    "roster-schema",
    *("api:list_members", "api:create_plan", "api:list_audit", "api:openapi", "api:nowhere"),
}
LEAVING = {"logout", "end-sessions"}


def has_id(name: str) -> bool:
    return bool(set(ADDRESSES[name].pattern.converters) - {"field", "provider"})


def test_every_address_has_its_case():
    assert {name for name in ADDRESSES if not has_id(name)} == WITHOUT_ID | LEAVING


def sent_along(its_ids: Ids, user_id: str) -> dict[str, Any]:
    """Northwind's ids, under every name by which a form or an address carries one."""
    by_member = dict.fromkeys(("member", "shown", "from", "person", "people"), its_ids.member_id)
    by_user = dict.fromkeys(("task", "opportunity", "user"), user_id)
    by_role = dict.fromkeys(("role", "value", "like", "about", "with", "can"), its_ids.role_id)
    by_group = dict.fromkeys(("group", "groups"), its_ids.group_id)
    typed = {"addresses": "new@harbor.example", "name": "New", "reason": "", "confirm": "1", "action": "role"}
    others = {"organization": its_ids.pk, "again": its_ids.pk, "plan": its_ids.plan_id, "job": its_ids.job_id}
    return by_member | by_user | by_role | by_group | typed | others


def secrets_of(world: Any, organization_id: str, other_id: str) -> set[str]:
    """Names and addresses of people, roles and groups that are of this organization only."""

    def words(pk: str) -> set[str]:
        everyone = world.members(pk, active=None)
        names = {f"{m['first_name']} {m['last_name']}" for m in everyone if m["last_name"]}
        return {m["email"] for m in everyone} | names

    return words(organization_id) - words(other_id) | {NORTHWIND, "Bakers", "People Ops"}


def kept(organization: Organization) -> dict[str, list[dict[str, Any]]]:
    """All our rows of one organization."""
    return {
        model.__name__: list(model.objects.filter(**{model.objects.owner: organization}).values())
        for model in OWNED
    } | {
        "Connection": list(Connection.objects.filter(organization=organization).values()),
        "Organization": list(Organization.objects.filter(pk=organization.pk).values()),
        "Login": list(Login.objects.filter(connection__organization=organization).values()),
    }


def there(world: Any, organization_id: str, its_ids: Ids) -> list[Any]:
    """What could be changed at the provider."""
    return [
        world.members(organization_id, active=None),
        world.role(organization_id, its_ids.role_id),
        world.groups(organization_id),
        world.desk(its_ids.member_id),
    ]


@pytest.fixture
def harbor_admin(outsider: Client, world: Any) -> Client:
    """Has ticked somebody of their own, so that forms go all the way."""
    (mine,) = people(world, world.organization_id(HARBOR), "user", 1)
    outsider.post("/members/selection/", {"shown": mine, "member": mine})
    return outsider


def test_another_organizations_ids_lead_nowhere_at_any_address(
    harbor_admin,
    admin,
    ids,  # noqa: F811
    world,
    northwind,
    close,
    connection,
):
    user_id = world.membership(ids.member_id)["user_id"]
    remote = there(world, northwind, ids)
    before, hidden = (
        kept(connection.organization),
        secrets_of(world, northwind, world.organization_id(HARBOR)),
    )
    assert len(hidden) > 80
    close.calls.clear()
    wrong: dict[tuple[str, str], Any] = {}
    for name in (*(n for n in ADDRESSES if n not in LEAVING), *sorted(LEAVING)):
        for method, ask in (("GET", harbor_admin.get), ("POST", harbor_admin.post)):
            answer = ask(address(name, ids), sent_along(ids, user_id))
            body = content(answer) + answer.get("Location", "")
            # Without a token the API doesn't even look; what one of another organization finds, test_api asks.
            nothing = (401, 405) if name.startswith("api:") else (404, 405)
            if has_id(name) and answer.status_code not in nothing:
                wrong[name, method] = answer.status_code
            if shown := sorted(word for word in hidden if word in body):
                wrong[name, method] = shown
    assert wrong == {}
    assert kept(connection.organization) == before
    assert there(world, northwind, ids) == remote
    assert {call.path for call in close.calls if call.method != "GET"} <= {"/oauth2/revoke/"}
    # It is not for want of them: to their own admin all this is shown.
    assert admin.get(address("group", ids)).status_code == 200


# In one place, whatever a view says


@pytest.fixture
def both(connection: Connection, connect: Any, ids: Ids) -> tuple[Organization, Organization]:  # noqa: F811
    """Northwind and Harbor, each with a row in every table."""
    northwinds, harbors = connection.organization, connect(connection.email, HARBOR).organization
    plan = Plan.objects.get(pk=ids.plan_id)
    PlanRow.objects.create(plan=plan, position=0, action="change", verdict="will")
    Selection.objects.create(session_key="x", organization=northwinds)
    DriftWatch.objects.create(organization=northwinds)
    assert all(model.objects.filter(**{model.objects.owner: northwinds}).exists() for model in OWNED)
    return northwinds, harbors


def test_every_table_of_an_organization_is_held_to_it():
    found = {
        model for model in apps.get_app_config("memberships").get_models() if model.__name__ not in NOT_OWNED
    }
    assert found == set(OWNED)
    assert all(isinstance(model._default_manager, Owned) for model in found)


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
def test_a_query_that_forgets_the_organization_reaches_no_other_ones_rows(model: Any, both):
    northwinds, harbors = both
    theirs = {model.objects.owner: northwinds}
    number = model.objects.filter(**theirs).count()
    with scope.within(harbors):
        assert not model.objects.filter(**theirs).exists()
        assert model.objects.filter(**theirs).count() == 0
        assert list(model.objects.filter(**theirs).values_list("pk")) == []
        assert not set(model.objects.values_list(model.objects.owner, flat=True)) - {harbors.pk}
        if model is not AuditEntry:  # which is never changed anyhow
            assert model.objects.filter(**theirs).update(id=models.F("id")) == 0
            assert model.objects.filter(**theirs).delete()[0] == 0
    assert model.objects.filter(**theirs).count() == number
    with scope.within(northwinds):
        assert model.objects.count() == number


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
def test_a_request_that_has_not_said_whose_it_is_gets_nothing(model: Any, db):
    with scope.nobody(), pytest.raises(Unscoped):
        model.objects.count()


def test_every_request_begins_with_nobodys_rows(db):
    seen: list[BaseException] = []

    def view(request: Any) -> HttpResponse:
        with pytest.raises(Unscoped) as refused:
            MirroredMember.objects.count()
        seen.append(refused.value)
        return HttpResponse()

    OneOrganization(view)(RequestFactory().get("/"))
    assert len(seen) == 1
    assert MirroredMember.objects.count() == 0  # what is no request may


def test_a_view_that_forgets_it_still_shows_nothing(outsider, ids, monkeypatch):  # noqa: F811
    monkeypatch.setattr(plans, "find", lambda organization, pk: Plan.objects.filter(pk=pk).first())
    monkeypatch.setattr(jobs, "find", lambda organization, pk: Job.objects.filter(pk=pk).first())
    for name in ("plan", "job", "result"):
        assert outsider.get(address(name, ids)).status_code == 404


def test_whoever_looks_after_what_is_attached_is_held_to_the_two(attached, connect, both):
    harbors = both[1]
    with scope.within(attached.organization):
        found = set(MirroredMember.objects.values_list("organization", flat=True))
    assert found == {attached.organization_id, attached.organization.parent_id}
    assert harbors.pk not in found
    with scope.within(attached.actor.organization):
        assert not MirroredMember.objects.filter(organization=attached.organization).exists()


def test_a_query_that_names_one_of_them_is_asked_as_it_stands(both):
    def asked(organization: Organization) -> list[str]:
        rows = MirroredMember.objects.filter(organization=organization, status="active")
        return [str(rows.query), str(organization.members.all().query), str(organization.plans.all().query)]

    northwinds, harbors = both
    before = asked(northwinds)
    with scope.within(northwinds):
        assert asked(northwinds) == before
        # Of another one's, both conditions hold: nothing is both.
        assert (
            asked(harbors)[0].count('"organization_id"')
            == asked(northwinds)[0].count('"organization_id"') + 1
        )
        assert not harbors.members.exists()
        assert not MirroredMember.objects.exclude(organization=northwinds).exists()


def test_it_ends_with_the_request_also_when_that_fails(both):
    northwinds, harbors = both
    everybody = MirroredMember.objects.count()

    def fail() -> None:
        with scope.nobody(), scope.within(harbors):
            with scope.within(northwinds):
                pass
            assert MirroredMember.objects.filter(organization=northwinds).count() == 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert MirroredMember.objects.count() == everybody


def test_requests_at_the_same_time_know_nothing_of_each_other(both):
    inside: list[Any] = []
    with scope.within(both[0]):
        thread = threading.Thread(target=lambda: inside.append(scope._allowed.get()))
        thread.start()
        thread.join()
    assert inside == [None]
