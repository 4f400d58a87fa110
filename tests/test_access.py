"""Every address asked for by four people: who gets in, who sees whose rows, and that asking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from memberships.models import Connection, Job, MirroredGroup, Plan, RosterFile, Scope, Selection
from memberships.services import tokens
from sandbox.rehearsal import PEOPLE_OPS_ROLE, TWO_PLACES
from tests.pages import Page
from tests.steps import emails, people

type Method = Literal["GET", "POST"]
type Statuses = tuple[int, int, int, int]

PEOPLE = ("admin", "member", "outsider", "nobody")
GUARDED: Statuses = (200, 403, 200, 302)
POSTED: Statuses = (302, 403, 302, 302)
THEIRS: Statuses = (200, 403, 404, 302)
THEIRS_POSTED: Statuses = (302, 403, 404, 302)
OPEN: Statuses = (200, 200, 200, 200)
NO: Statuses = (405, 405, 405, 405)
# The API asks for a token: to it, everyone with a browser is nobody.
UNKNOWN: Statuses = (401, 401, 401, 401)


@dataclass(frozen=True)
class Ids:
    """Things of Northwind that stand in addresses."""

    member_id: str
    plan_id: UUID
    job_id: UUID
    pk: int
    role_id: str
    group_id: str
    key: str
    field: str = "role"
    number: int = 1
    provider: str = "close"


# By the name of each address: statuses of GET and of POST for admin, member, outsider, nobody. `THEIRS` is for
# addresses that carry an id of Northwind. A POST carries Northwind's ids and makes sense otherwise.
EXPECTED: dict[str, tuple[Statuses, Statuses]] = {
    "login": (OPEN, NO),
    "start": ((302, 302, 302, 302), NO),
    "callback": ((400, 400, 400, 400), NO),
    "home": ((302, 302, 302, 302), (302, 302, 302, 302)),
    "members": (GUARDED, NO),
    "freshness": (GUARDED, NO),
    "refresh": (NO, POSTED),
    "select": (NO, POSTED),
    # Nobody is selected by the outsider: back to the list with a sentence.
    "choose-value": ((200, 403, 302, 302), (422, 403, 302, 302)),
    # Of the people of Northwind the outsider finds nobody: the page says so.
    "paste": ((302, 403, 302, 302), (422, 403, 422, 302)),
    "join-group": ((200, 403, 302, 302), (422, 403, 302, 302)),
    "leave-group": ((200, 403, 302, 302), (422, 403, 302, 302)),
    "deactivate": ((200, 403, 302, 302), (302, 403, 302, 302)),
    "reactivate": ((200, 403, 302, 302), (302, 403, 302, 302)),
    # Close sends no invitations that could be sent again.
    "resend": ((404, 403, 404, 302), (404, 403, 404, 302)),
    "metadata": ((404, 403, 404, 302), (404, 403, 404, 302)),
    "invite": (GUARDED, (422, 403, 422, 302)),
    "import-csv": (GUARDED, (422, 403, 422, 302)),
    "export-members": (GUARDED, NO),
    "find-members": (GUARDED, NO),
    "as-of": (GUARDED, NO),
    # Without a moment: to the page that asks for one.
    "export-as-of": (POSTED, NO),
    "leave": (THEIRS, (422, 403, 404, 302)),
    "pins": (THEIRS, (200, 403, 404, 302)),
    "copy-pins": ((200, 403, 302, 302), (422, 403, 302, 302)),
    "member": (THEIRS, (422, 403, 404, 302)),
    "plan": (THEIRS, NO),
    "apply": (NO, (422, 403, 404, 302)),
    "job": (THEIRS, NO),
    "stop": (NO, THEIRS_POSTED),
    "retry": (NO, THEIRS_POSTED),
    "undo": (NO, THEIRS_POSTED),
    "result": (THEIRS, NO),
    "roles": (GUARDED, NO),
    "roles-freshness": (GUARDED, NO),
    "refresh-roles": (NO, POSTED),
    "new-role": (GUARDED, (422, 403, 422, 302)),
    "role": (THEIRS, NO),
    "edit-role": (THEIRS, (422, 403, 404, 302)),
    "delete-role": (THEIRS, THEIRS_POSTED),
    "move-people": (NO, THEIRS_POSTED),
    "groups": (GUARDED, NO),
    "groups-freshness": (GUARDED, NO),
    "refresh-groups": (NO, POSTED),
    "clean-up-groups": (NO, POSTED),
    "new-group": (GUARDED, (422, 403, 422, 302)),
    "group": (THEIRS, THEIRS_POSTED),
    "rename-group": (THEIRS, (422, 403, 404, 302)),
    "delete-group": (THEIRS, THEIRS_POSTED),
    "drift": (GUARDED, NO),
    "upload-roster-file": (NO, (422, 403, 422, 302)),
    "check-drift": (NO, POSTED),
    "schedule-drift": (NO, (422, 403, 422, 302)),
    "choose-drift": (NO, (422, 403, 422, 302)),
    "first-roster-file": (GUARDED, NO),
    "roster-file": (THEIRS, NO),
    # Tells nothing of anybody.
    "roster-schema": (OPEN, NO),
    "audit": (GUARDED, NO),
    "acknowledge": (NO, POSTED),
    "export-audit": (GUARDED, NO),
    # Whoever is signed in may look at their own connections, also without the permission.
    "connections": ((200, 200, 200, 302), NO),
    "sessions": ((200, 200, 200, 302), NO),
    # The ids are of a connection, not of a session.
    "end-session": (NO, (404, 404, 404, 302)),
    # Asks for the permission in the organization one signed in to.
    "attach": (GUARDED, (422, 403, 422, 302)),
    "attach-organization": ((302, 403, 302, 302), (302, 403, 302, 302)),
    "switch": (NO, (302, 404, 404, 404)),
    "keep": (NO, (302, 404, 404, 404)),
    "tokens": (GUARDED, NO),
    "new-token": (GUARDED, (422, 403, 422, 302)),
    "revoke-token": (THEIRS, THEIRS_POSTED),
    "api:list_members": (UNKNOWN, NO),
    "api:create_plan": (NO, UNKNOWN),
    "api:show_plan": (UNKNOWN, NO),
    "api:apply_plan": (NO, UNKNOWN),
    "api:show_job": (UNKNOWN, NO),
    "api:undo_job": (NO, UNKNOWN),
    "api:retry_job": (NO, UNKNOWN),
    "api:list_audit": (UNKNOWN, NO),
    "api:openapi": (OPEN, NO),
    "api:nowhere": ((404, 404, 404, 404), (404, 404, 404, 404)),
    # These end a session, so they are asked for last.
    "disconnect": ((200, 404, 404, 404), (302, 404, 404, 404)),
    "end-sessions": (NO, (302, 302, 302, 302)),
    "logout": (NO, (302, 302, 302, 302)),
}
LED_TO_SIGN_IN = [
    name for name, (got, _) in EXPECTED.items() if got[3] == 302 and name not in ("start", "home")
]


def patterns(resolver: URLResolver | None = None, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, f"{pattern.namespace}:" if pattern.namespace else space)
        else:
            yield f"{space}{pattern.name}", pattern


ADDRESSES = dict(patterns())


def test_every_address_has_an_entry_here():
    assert set(ADDRESSES) == set(EXPECTED)


@pytest.fixture
def ids(connection: Connection, world, northwind) -> Ids:
    """A member of Northwind in a group, a plan, a job that is applied, and the admin's connection."""
    now = timezone.now()
    plans = [
        Plan.objects.create(
            organization=connection.organization,
            connection=connection,
            kind=Plan.Kind.CHANGE,
            wanted={"role": "restricteduser"},
            channel="dashboard",
            fingerprint=f"{number}" * 64,
            created_at=now,
            expires_at=now,
        )
        for number in range(2)
    ]
    job = Job.objects.create(
        plan=plans[1],
        organization=connection.organization,
        connection=connection,
        created_at=now,
        state=Job.State.FINISHED,
    )
    role_id = world.role_id(northwind, PEOPLE_OPS_ROLE)
    (member_id,) = people(world, northwind, "user", 1)
    inside = [world.membership(member_id)["user_id"]]
    group_id = world.add_group(northwind, "Bakers", inside)
    MirroredGroup.objects.create(
        organization=connection.organization, remote_id=group_id, name="Bakers", user_ids=inside
    )
    RosterFile.objects.create(
        organization=connection.organization,
        number=1,
        text="roster: 1\npeople:\n  - email: stella.of.northwind@northwind-rehearsal.example\n",
        sha256="0" * 64,
        origin=RosterFile.Origin.UPLOADED,
        by_id=connection.user_id,
        by_name=connection.name,
        created_at=now,
    )
    token, _ = tokens.make(connection, name="Nightly sync", scope=Scope.READ, days=30)
    return Ids(member_id, plans[0].pk, job.pk, connection.pk, role_id, group_id, token.key)


def address(name: str, ids: Ids) -> str:
    wanted = ADDRESSES[name].pattern.converters
    return reverse(name, kwargs={key: getattr(ids, key) for key in wanted})


def ask(client: Client, method: Method, name: str, ids: Ids) -> Any:
    if method == "GET":
        return client.get(address(name, ids))
    northwinds = {
        "shown": ids.member_id,
        "member": ids.member_id,
        "organization": ids.pk,
        "plan": ids.plan_id,
    }
    return client.post(address(name, ids), northwinds)


def content(response: Any) -> str:
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("person", PEOPLE)
def test_each_person_gets_the_answers_that_are_theirs(person, method, request, ids, close, world, northwind):
    client: Client = request.getfixturevalue(person)
    if person == "admin":
        client.post("/members/selection/", {"shown": ids.member_id, "member": ids.member_id})
    close.calls.clear()
    answers = {name: ask(client, method, name, ids) for name in EXPECTED}
    expected = {name: statuses[method == "POST"][PEOPLE.index(person)] for name, statuses in EXPECTED.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == expected
    # Leaving gives the consent back, and nothing else is ever changed in Close by asking.
    assert {call.path for call in close.calls if call.method != "GET"} <= {"/oauth2/revoke/"}
    if person != "admin":
        # May I? is asked once, and what a new role can be made of is read of one's own organization.
        paths = {"/api/v1/me/", "/oauth2/revoke/", "/api/v1/custom_field/lead/"}
        assert {call.path for call in close.calls} <= paths
        assert len(close.calls) <= 3
        shown = "".join(content(answer) for answer in answers.values())
        assert [email for email in strangers(world, northwind) if email in shown] == []


@pytest.mark.parametrize("name", LED_TO_SIGN_IN)
def test_nobody_is_led_to_the_sign_in_and_from_there_to_where_they_wanted_to_go(name, nobody, ids):
    assert nobody.get(address(name, ids))["Location"] == "/login/"
    assert nobody.session["next"] == address(name, ids)


def strangers(world: Any, northwind: str) -> list[str]:
    """Addresses of people who are in Northwind and whose pages nobody else may see."""
    everyone = [email.lower() for email in emails(world, northwind)]
    return [email for email in everyone if not email.startswith(("alex", "robin", "sam"))]


def test_the_admin_does_see_them(admin, world, northwind):
    shown = content(admin.get("/members/export/"))
    assert all(email in shown for email in strangers(world, northwind))


def test_ids_of_another_organization_select_nobody(outsider, ids):
    outsider.post("/members/selection/", {"shown": ids.member_id, "member": ids.member_id, "action": "role"})
    assert [row.members for row in Selection.objects.all()] == [[]]


def test_a_filter_for_another_organizations_role_is_no_filter(outsider, world, northwind):
    role_id = world.role_id(northwind, "Sales Manager")
    assert "Sales Manager" not in content(outsider.get("/members/", {"role": role_id}))


def test_what_does_not_exist_looks_like_what_belongs_to_others(outsider, ids):
    theirs, nothing = (Page.visit(outsider, f"/plans/{pk}/") for pk in (ids.plan_id, uuid4()))
    assert theirs.status == nothing.status == 404
    assert theirs.text == nothing.text


def test_someone_without_the_permission_reads_who_can_give_it(member, world, northwind):
    shown = content(member.get("/members/"))
    assert "You need the Manage Organization permission" in shown
    assert "Priya Natarajan" in shown


def test_a_fragment_that_may_not_be_shown_takes_the_whole_page_to_the_reason(member, nobody):
    htmx = {"HX-Request": "true", "HX-Current-URL": "http://testserver/members/"}
    assert nobody.get("/members/", headers=htmx)["HX-Redirect"] == "/login/"
    assert member.get("/members/", headers=htmx)["HX-Redirect"] == htmx["HX-Current-URL"]


def test_looking_at_an_address_that_takes_a_form_is_told_where_to_go_on(admin):
    page = Page.visit(admin, "/members/selection/")
    assert (page.status, page.heading) == (405, "This address is no page")
    assert page.link("Go to the members") == "/members/"
    assert admin.get("/members/selection/")["Allow"] == "POST"


def test_pages_of_signed_in_people_are_kept_by_nobody(admin, ids):
    for name in ("members", "plan", "job", "roles", "audit", "connections", "member", "export-members"):
        assert "no-store" in admin.get(address(name, ids))["Cache-Control"]


def test_a_form_from_elsewhere_is_refused(connection, ids):
    careful = Client(enforce_csrf_checks=True)
    response = careful.post("/members/refresh/")
    assert response.status_code == 403
    assert "That form has expired" in content(response)


def test_robin_is_in_both_organizations_but_signed_in_to_one(outsider):
    assert TWO_PLACES in content(outsider.get("/members/export/"))
    assert "Northwind" not in content(outsider.get("/connections/"))
