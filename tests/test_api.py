"""The HTTP API: whom it lets in, what it answers, what no token can do."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from memberships.api import operations
from memberships.api.urls import OPERATIONS
from memberships.models import AuditEntry, Connection, Job, Plan, Scope, Token
from memberships.services import connections, roster, tokens
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND, SECOND_ADMIN
from tests.api import Answer, Script, token
from tests.pages import Page
from tests.steps import apply, changes, people, review_role, run


@pytest.fixture
def reader(connection) -> Script:
    return Script(token(connection))


@pytest.fixture
def proposer(connection) -> Script:
    return Script(token(connection, Scope.PROPOSE, "Propose it"))


@pytest.fixture
def applier(connection) -> Script:
    return Script(token(connection, Scope.APPLY, "Apply it"))


@pytest.fixture
def user(world, northwind) -> str:
    return people(world, northwind, "user", 1)[0]


def every_call(script: Script, plan_id: object, job_id: object) -> dict[str, Answer]:
    """One call of each operation, which makes sense otherwise."""
    ids = {"plan_id": plan_id, "job_id": job_id}
    bodies = {
        "create_plan": {"people": [{"email": "new@northwind-rehearsal.example", "role": "User"}]},
        "apply_plan": {"fingerprint": "0" * 64},
    }
    return {
        op.name: script.get(op.path.format(**ids))
        if op.method == "GET"
        else script.post(op.path.format(**ids), bodies.get(op.name, {}))
        for op in OPERATIONS
    }


# Who gets in


NOT_TOKENS = [
    "",
    "x",
    "roster_",
    "roster_0123456789ab_",
    f"roster_0123456789ab_{'A' * 43}",
    f"roster_0123456789ab_{'A' * 5000}",
    "Bearer",
    "\u00e9",
]


@pytest.mark.parametrize("text", NOT_TOKENS)
def test_what_is_no_token_opens_nothing(db, text, subtests):
    for name, answer in every_call(Script(text), uuid4(), uuid4()).items():
        with subtests.test(operation=name):
            assert answer.code == (401, "token")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_one_wrong_character_is_a_wrong_token(connection):
    text = token(connection)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert Script(wrong).get("/members").code == (401, "token")
    assert Script(text).get("/members").status == 200


def test_the_database_holds_no_token(connection):
    text = token(connection)
    secret = text.rpartition("_")[2] if "_" not in text[20:] else text[20:]
    kept = repr(list(Token.objects.values()))
    assert text not in kept
    assert secret not in kept
    assert secret not in repr(list(AuditEntry.objects.values()))


def test_other_kinds_of_authorization_count_for_nothing(connection):
    text = token(connection)
    for header in (f"Basic {text}", f"Token {text}", text, f"Bearer{text}"):
        client = Client(headers={"Authorization": header})
        assert Answer(client.get("/api/v1/members")).code == (401, "token")
    assert Answer(Client().get("/api/v1/members", {"access_token": text})).code == (401, "token")


def test_a_browser_that_is_signed_in_is_nobody_here(admin):
    answer = Answer(admin.get("/api/v1/members"))
    assert answer.code == (401, "token")
    assert "Cookies count for nothing" in answer["detail"]
    assert Answer(admin.post("/api/v1/plans", {}, content_type="application/json")).status == 401


@pytest.mark.parametrize("path", ["members", "openapi.json", "nowhere"])
def test_over_plain_http_a_call_is_refused_and_not_redirected(path, reader, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = reader.get(f"/{path}")
    assert answer.code == (403, "forbidden")
    assert "over https" in answer["detail"]


def test_no_cookie_comes_back_and_no_other_site_is_let_in(reader):
    answer = reader.get("/members")
    assert not answer.response.cookies
    assert "Vary" not in answer.headers or "Cookie" not in answer.headers["Vary"]
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_expired_token_says_when_it_expired(connection):
    text = token(connection, days=30)
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        answer = Script(text).get("/members")
    assert answer.code == (401, "token")
    assert "expired on" in answer["detail"]


def test_a_revoked_token_is_refused(connection, reader):
    tokens.revoke(Token.objects.get(), connection)
    answer = reader.get("/members")
    assert answer.code == (401, "token")
    assert "revoked" in answer["detail"]


def test_disconnecting_ends_a_token_for_good(connection, connect, reader):
    connections.disconnect(connection)
    assert reader.get("/members").code == (401, "token")
    connect()
    assert reader.get("/members").status == 401


def test_a_token_rests_while_its_person_is_signed_out(admin, connection, connect, reader):
    admin.post("/logout/")
    answer = reader.get("/members")
    assert answer.code == (401, "disconnected")
    connect()
    assert reader.get("/members").status == 200


def test_a_token_goes_on_where_its_person_keeps_the_connection(admin, connection, reader, close):
    connections.keep(connection, True)
    admin.post("/logout/")
    assert reader.get("/members").status == 200
    assert "/oauth2/revoke/" not in [call.path for call in close.calls]


def test_whoever_loses_the_permission_is_refused_within_a_minute(connection, world, northwind, reader):
    assert reader.get("/members").status == 200
    world.set_role(world.membership_id(northwind, ADMIN), "user")
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        answer = reader.get("/members")
    assert answer.code == (403, "permission")
    assert "Manage Organization" in answer["detail"]


def test_a_fresh_permission_is_not_asked_for_again(reader, close):
    reader.get("/members")
    reader.get("/members")
    assert len(close.calls) == 0


def test_an_installation_for_other_organizations_takes_no_token(reader, settings):
    settings.CLOSE_ORGANIZATIONS = ["orga_elsewhere"]
    assert reader.get("/members").code == (401, "token")


def test_a_token_of_another_organization_finds_nothing_of_this_one(connect, applier, proposer, user, work):
    job = applier.apply(proposer.plan({"id": user, "role": "Support Lead"}))
    work()
    outsider = connect(f"robin.castellano@{ADMIN.split('@')[1]}", HARBOR)
    theirs = Script(token(outsider, Scope.APPLY))
    found = every_call(theirs, job["plan_id"], job["id"])
    for name in ("show_plan", "apply_plan", "show_job", "undo_job", "retry_job"):
        assert found[name].code == (404, "not-found"), name
    assert user not in found["list_members"].response.content.decode()
    assert {entry["event"] for entry in found["list_audit"]["items"]} <= {"session.signed_in", "token.made"}
    assert theirs.plan({"id": user, "role": "User"}).code == (422, "faults")


PEOPLE = {"admin": 200, "member": 403, "outsider": 200, "nobody": 401}


@pytest.mark.parametrize("person", PEOPLE)
def test_four_people_get_the_answers_that_are_theirs(person, request, connection, applier, user, world, work):
    job = applier.apply(applier.plan({"id": user, "role": "Support Lead"}))
    work()
    client: Client = request.getfixturevalue(person)
    own = Connection.objects.filter(logins__session_key=client.session.session_key).first()
    script = Script(token(own, Scope.APPLY, "Theirs") if own else "roster_0")
    found = every_call(script, job["plan_id"], job["id"])
    statuses = {name: answer.status for name, answer in found.items()}
    about_northwind = ("show_plan", "show_job")
    expected = PEOPLE[person]
    assert statuses["list_members"] == statuses["list_audit"] == expected
    for name in about_northwind:
        assert statuses[name] == (404 if person == "outsider" else expected), name
    if expected != 200:
        assert set(statuses.values()) == {expected}
        assert not Plan.objects.exclude(pk=job["plan_id"]).exists()
    if person != "admin":
        shown = "".join(answer.response.content.decode() for answer in found.values())
        assert "priya" not in shown


@pytest.mark.parametrize("scope", Scope)
def test_each_scope_includes_the_ones_before_it(connection, scope):
    found = every_call(Script(token(connection, scope)), uuid4(), uuid4())
    allowed = {
        Scope.READ: {"list_members", "show_plan", "show_job", "list_audit"},
        Scope.PROPOSE: {"create_plan", "undo_job", "retry_job"},
        Scope.APPLY: {"apply_plan"},
    }
    mine = set().union(*(names for s, names in allowed.items() if scope.includes(s)))
    refused = {name for name, answer in found.items() if answer.status == 403}
    assert refused == set(found) - mine
    for name in refused:
        assert found[name]["code"] == "scope"
        assert 'error="insufficient_scope"' in found[name].headers["WWW-Authenticate"]


def test_a_token_that_calls_too_often_is_told_when_to_go_on(reader, proposer, monkeypatch):
    monkeypatch.setattr(operations, "CALLS_A_MINUTE", 3)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [reader.get("/members").status for _ in range(4)] == [200, 200, 200, 429]
        clock.shift(19.5)
        refused = reader.get("/members")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "41")
        assert proposer.get("/members").status == 200
        clock.shift(41)
        assert reader.get("/members").status == 200


def test_calls_are_counted_in_the_database_for_all_processes(reader, monkeypatch):
    monkeypatch.setattr(operations, "CALLS_A_MINUTE", 2)
    statuses = []
    for _ in range(3):
        caches["local"].clear()  # as in a process that hasn't seen the others' calls
        statuses.append(reader.get("/members").status)
    assert statuses == [200, 200, 429]


def test_the_last_use_of_a_token_is_noted_every_now_and_then(reader):
    reader.get("/members")
    first = Token.objects.get().used_at
    reader.get("/members")
    assert Token.objects.get().used_at == first
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        reader.get("/audit")
    assert Token.objects.filter(used_at__gt=first).exists()


def test_no_token_is_logged(connection, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    text = token(connection)
    monkeypatch.setattr(roster, "roles", None)
    assert Script(text).get("/members").code == (500, "error")
    Script(text).get("/nowhere")
    Script(text + "x").get("/members")
    assert text[20:] not in caplog.text


# Reading


def test_people_are_listed_as_the_page_has_them(reader, world, northwind):
    everyone = world.members(northwind, active=None)
    active = {member["id"] for member in world.members(northwind)}
    answer = reader.get("/members", per_page=500)
    assert (answer["total"], answer["pages"]) == (len(everyone), 1)
    assert answer["as_of"].endswith("Z")
    by_id = {item["id"]: item for item in answer["items"]}
    for member in everyone:
        item = by_id[member["id"]]
        assert item["role"]["id"] == member["role_id"]
        assert item["status"] == ("active" if member["id"] in active else "inactive")
    assert {item["can_manage"] for item in answer["items"]} == {True, False}


def test_the_list_is_filtered_and_sorted_like_the_page(reader, admin):
    for query in (
        {"q": "sam"},
        {"role": "user", "status": "inactive"},
        {"power": "manage"},
        {"sort": "-email"},
        {"sort": "role", "status": "active"},
    ):
        rows = Page.visit(admin, "/members/?" + "&".join(f"{k}={v}" for k, v in query.items())).rows(
            "Members"
        )
        items = reader.get("/members", per_page=50, **query)["items"]
        assert len(items) == len(rows) > 0
        for item, row in zip(items, rows, strict=True):
            assert item["email"] in " ".join(row)


def test_a_page_of_people_costs_as_much_as_a_small_one(reader, django_assert_num_queries):
    reader.get("/members")
    for number in (1, 50):
        with django_assert_num_queries(8):  # half of them count the call
            reader.get("/members", per_page=number)


def test_pages_come_one_after_the_other_and_end(reader, world, northwind):
    found = [reader.get("/members", page=number, per_page=25) for number in (1, 2, 3, 4)]
    ids = [item["id"] for answer in found for item in answer["items"]]
    assert len(ids) == len(set(ids)) == found[0]["total"]
    assert found[3]["items"] == []


NONSENSE = [
    {"status": "gone"},
    {"sort": "age"},
    {"page": "0"},
    {"page": "x"},
    {"page": "99999999999999999999"},
    {"per_page": "501"},
    {"statsu": "active"},
    {"q": "\0"},
    {"q": "x" * 201},
    {"page": ["1", "2"]},
]


@pytest.mark.parametrize("query", NONSENSE)
def test_a_query_that_makes_no_sense_is_refused(reader, query):
    assert reader.get("/members", **query).code == (400, "malformed")


def test_a_list_that_is_too_old_is_read_again_behind_the_answer(reader, stale, queue, close):
    answer = reader.get("/members")
    assert answer["stale"] is True
    assert len(close.calls) == 0
    run(queue)
    assert reader.get("/members")["stale"] is False


def test_before_the_first_read_everyone_is_read(connection, reader, world, northwind):
    connection.organization.members.all().delete()
    type(connection.organization).objects.update(roster_read_at=None)
    assert reader.get("/members")["total"] == len(world.members(northwind, active=None))


def test_the_audit_log_is_read_from_where_one_left_off(reader, applier, user, work):
    last = reader.get("/audit")["items"][0]["number"]
    applier.apply(applier.plan({"id": user, "role": "Support Lead"}, reason="A ticket"))
    work()
    new = reader.get("/audit", after=last)["items"]
    assert [entry["event"] for entry in new] == ["member.role.set", "plan.applied"]
    assert reader.get("/audit", event="member.role.set", q="nobody at all")["total"] == 0
    assert reader.get("/audit", since="1999-01-01", until="1999-12-31")["total"] == 0
    assert reader.get("/audit", since="yesterday").code == (400, "malformed")


# Plans and jobs


def test_a_plan_says_what_would_change_and_sends_nothing(proposer, world, northwind, user, close):
    close.calls.clear()
    plan = proposer.plan({"id": user, "role": "support lead", "fields": {"Call recording": "On"}})
    assert plan.status == 201
    assert plan.headers["Location"] == f"/api/v1/plans/{plan['id']}"
    assert changes(close) == []
    (row,) = plan["rows"]["items"]
    assert (row["verdict"], row["member_id"]) == ("will", user)
    assert {(c["label"], c["before_text"], c["after_text"]) for c in row["changes"]} == {
        ("Role", "User", "Support Lead"),
        ("Call recording", "Not set", "On"),
    }
    assert proposer.get(f"/plans/{plan['id']}").json == plan.json


def test_who_is_listed_can_be_sent_back_as_it_is(reader, proposer):
    items = reader.get("/members", per_page=500)["items"]
    people = [
        {
            "id": item["id"],
            "email": item["email"],
            "role": item["role"]["id"],
            "status": item["status"],
            "fields": {name: v for name, v in item["fields"].items() if v is not None},
        }
        for item in items
        if item["role"]["name"] != item["role"]["id"]
    ]
    plan = proposer.plan(*people)
    assert plan.status == 201, plan.json
    assert plan["counts"]["will"] == 0


def test_an_address_nobody_has_is_invited_and_a_status_takes_out(proposer, user, world, northwind):
    email = world.membership(user)["email"]
    plan = proposer.plan(
        {"email": "zoe@northwind-rehearsal.example", "role": "User"},
        {"email": email.upper(), "status": "inactive"},
    )
    assert [row["action"] for row in plan["rows"]["items"]] == ["invite", "deactivate"]


FAULTY = [
    ({}, "Has neither an id nor an e-mail address."),
    ({"id": "memb_nobody"}, "Nobody in Northwind Rehearsal has the id memb_nobody."),
    ({"email": "no address"}, "is not an e-mail address"),
    ({"id": "USER", "role": "Emperor"}, "There is no role called “Emperor”."),
    ({"id": "USER", "fields": {"shoe_size": "43"}}, "There is no field “shoe_size”"),
    ({"id": "USER", "fields": {"role": None}}, "can't be cleared"),
    ({"id": "USER", "role": "User", "fields": {"role_id": "admin"}}, "more than once"),
    ({"id": "USER", "fields": {"hangup_recording_url": "http://plain.example"}}, "https://"),
    ({"id": "USER", "groups": ["Bakers"]}, "There is no group called “Bakers”."),
    ({"id": "USER", "pinned_views": ["Leads"]}, "There is no view called “Leads”."),
]


@pytest.mark.parametrize(("person", "reason"), FAULTY)
def test_what_cant_be_used_is_named_and_nothing_is_planned(proposer, user, person, reason):
    person = {k: user if v == "USER" else v for k, v in person.items()}
    answer = proposer.plan({"email": "zoe@northwind-rehearsal.example", "role": "User"}, person)
    assert answer.code == (422, "faults")
    (fault,) = answer["faults"]
    assert fault["entry"] == 2
    assert reason in fault["reason"]
    assert not Plan.objects.exists()


@pytest.mark.parametrize(("person", "reason"), FAULTY)
def test_the_rest_can_be_planned_and_says_what_it_left_out(proposer, user, person, reason):
    person = {k: user if v == "USER" else v for k, v in person.items()}
    plan = proposer.plan({"email": "zoe@northwind-rehearsal.example", "role": "User"}, person, skip_bad=True)
    assert plan["counts"] == {"will": 1, "already": 0, "blocked": 1}
    (row,) = proposer.get(f"/plans/{plan['id']}", verdict="blocked")["rows"]["items"]
    assert reason in row["reason"]


@pytest.fixture
def sorted_in(world, northwind, user) -> dict[str, str]:
    """The person is a baker and nothing else, with one view pinned; there are other groups and views."""
    world.organizations[northwind].groups.clear()
    ids = {
        "Bakers": world.add_group(northwind, "Bakers", [world.membership(user)["user_id"]]),
        "Cooks": world.add_group(northwind, "Cooks", []),
        "Waiters": world.add_group(northwind, "Waiters", []),
        "Leads": world.add_smart_view(northwind, "Leads"),
        "Calls": world.add_smart_view(northwind, "Calls"),
    }
    world.set_settings(user, pinned_views=[ids["Leads"]])
    return ids


def test_groups_and_pinned_views_are_all_that_is_named_and_no_other(
    proposer, applier, user, world, northwind, sorted_in, work
):
    person = {"id": user, "groups": ["cooks", sorted_in["Waiters"]], "pinned_views": ["Calls", "Leads"]}
    plan = proposer.plan(person)
    told = {c["label"]: c["after_text"] for row in plan["rows"]["items"] for c in row["changes"]}
    assert told == {
        "Group Bakers": "Not in",
        "Group Cooks": "In",
        "Group Waiters": "In",
        "Pinned views": "Calls, Leads",
    }
    applier.apply(plan)
    work()
    user_id = world.membership(user)["user_id"]
    groups = world.organizations[northwind].groups.values()
    assert {group.name for group in groups if user_id in group.user_ids} == {"Cooks", "Waiters"}
    assert world.membership(user)["pinned_views"] == [sorted_in["Calls"], sorted_in["Leads"]]
    assert proposer.plan(person)["counts"] == {"will": 0, "already": 1, "blocked": 0}
    assert proposer.plan({"id": user, "groups": [], "pinned_views": []})["counts"]["will"] == 3


def test_somebody_new_comes_into_their_groups(proposer, applier, world, northwind, sorted_in, work):
    applier.apply(
        proposer.plan({"email": "zoe@northwind-rehearsal.example", "role": "User", "groups": ["Cooks"]})
    )
    work()
    zoe = next(m for m in world.members(northwind) if m["email"].startswith("zoe@"))
    assert world.organizations[northwind].groups[sorted_in["Cooks"]].user_ids == [zoe["user_id"]]


def test_pinned_views_of_more_people_than_can_be_asked_for_are_refused(proposer, close):
    many = [{"email": f"p{n}@northwind-rehearsal.example", "pinned_views": []} for n in range(201)]
    answer = proposer.plan(*many)
    assert answer.code == (422, "faults")
    assert "of 200 people at most in one plan; here they are given of 201" in answer["detail"]
    assert not close.calls.matching("GET", "/membership/")


def test_two_entries_for_one_person_are_a_fault(proposer, user, world):
    answer = proposer.plan({"id": user, "role": "User"}, {"email": world.membership(user)["email"]})
    assert [fault["entry"] for fault in answer["faults"]] == [2]


def test_a_plan_is_applied_once_and_ends_in_its_receipt(applier, proposer, user, world, work):
    plan = proposer.plan({"id": user, "role": "Support Lead"}, reason="Ticket 12")
    job = applier.apply(plan)
    assert job.status == 202
    assert job.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert applier.apply(plan)["id"] == job["id"]
    assert Job.objects.count() == 1
    work()
    receipt = proposer.get(f"/jobs/{job['id']}")
    assert (receipt["state"], receipt["progress"]["done"]) == ("finished", 1)
    assert receipt["rows"]["items"][0]["outcome"] == "done"
    assert proposer.get(f"/jobs/{job['id']}", outcome="refused")["rows"]["items"] == []
    assert proposer.get(f"/plans/{plan['id']}")["state"] == "applied"
    entry = AuditEntry.objects.get(event="member.role.set")
    assert (entry.channel, entry.actor_name, entry.through) == ("api", "Alex Morgan", "token Apply it")
    assert entry.reason == "Ticket 12"


def test_a_token_applies_what_was_made_on_the_screen_and_the_log_says_both(applier, admin, user, work):
    review_role(admin, [user], "Support Lead")
    plan = Plan.objects.get()
    job = applier.post(f"/plans/{plan.pk}/apply", {"fingerprint": plan.fingerprint})
    assert (job.status, job["token"]) == (202, "Apply it")
    work()
    made, applied = AuditEntry.objects.filter(plan_id=plan.pk).order_by("-number")
    assert (applied.event, applied.channel, applied.through) == ("plan.applied", "api", "token Apply it")
    assert (made.event, made.channel, made.through) == ("member.role.set", "dashboard", "token Apply it")


def test_what_was_done_is_taken_back_by_another_plan(applier, user, world, work):
    job = applier.apply(applier.plan({"id": user, "role": "Support Lead"}))
    assert applier.post(f"/jobs/{job['id']}/undo").code == (409, "nothing-to-do")
    work()
    assert applier.post(f"/jobs/{job['id']}/retry").code == (409, "nothing-to-do")
    undo = applier.post(f"/jobs/{job['id']}/undo", {"reason": "A mistake"})
    assert (undo.status, undo["kind"], undo["reason"]) == (201, "undo", "A mistake")
    applier.apply(undo)
    work()
    assert world.membership(user)["role_id"] == "user"


def test_what_was_left_undone_is_planned_again(applier, user, world, northwind, work):
    plan = applier.plan({"id": user, "role": "Support Lead"})
    world.set_role(user, "restricteduser")
    job = applier.apply(plan)
    work()
    assert applier.get(f"/jobs/{job['id']}")["rows"]["items"][0]["cause"] == "stale"
    again = applier.post(f"/jobs/{job['id']}/retry", {"only_stale": True})
    assert again["rows"]["items"][0]["changes"][0]["before_text"] == "Restricted User"


def test_another_plan_than_the_one_read_is_not_applied(applier, user):
    plan = applier.plan({"id": user, "role": "Support Lead"})
    answer = applier.post(f"/plans/{plan['id']}/apply", {"fingerprint": "0" * 64})
    assert answer.code == (409, "cannot-apply")
    assert answer["review"].endswith(f"/plans/{plan['id']}/")
    assert not Job.objects.exists()
    assert applier.apply(plan).status == 202
    assert applier.post(f"/plans/{plan['id']}/apply", {"fingerprint": "0" * 64}).code == (409, "cannot-apply")


def test_an_expired_plan_is_not_applied(applier, user):
    plan = applier.plan({"id": user, "role": "Support Lead"})
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert applier.get(f"/plans/{plan['id']}")["state"] == "expired"
        assert applier.apply(plan).code == (409, "cannot-apply")


def test_a_plan_that_needs_a_number_is_applied_on_its_page_alone(applier, admin, world, northwind, work):
    many = people(world, northwind, "user", 20)
    plan = applier.plan(*({"id": pk, "role": "Support Lead"} for pk in many))
    assert plan["brake"]["number"] == 20
    assert plan["needs_review"] is True
    answer = applier.apply(plan)
    assert answer.code == (409, "needs-review")
    assert not Job.objects.exists()
    apply(Page.visit(admin, answer["review"].removeprefix("http://testserver")))
    work()
    assert Job.objects.get().token is None


def test_a_plan_that_gives_power_is_applied_on_its_page_alone(applier, user):
    plan = applier.plan({"id": user, "role": "Admin"})
    assert plan["gives_power"] is True
    assert applier.apply(plan).code == (409, "needs-review")


def test_a_proposed_plan_runs_in_the_name_of_whoever_presses_apply(
    proposer, second_admin, user, work, close, world
):
    plan = proposer.plan({"id": user, "role": "Support Lead"})
    assert proposer.apply(plan).code == (403, "scope")
    page = Page.visit(second_admin, f"/plans/{plan['id']}/")
    assert "Alex Morgan through the token Propose it" in page.text
    apply(page)
    work()
    job = Job.objects.get()
    theirs = Connection.objects.get(email=SECOND_ADMIN)
    assert (job.connection, job.token) == (theirs, None)
    (sent,) = changes(close)
    assert world.grants.holder_of_token(theirs.access_token).user_id == world.user_id(SECOND_ADMIN)
    entry = AuditEntry.objects.get(event="member.role.set")
    assert (entry.channel, entry.actor_name) == ("api", theirs.name)
    assert entry.through == "token Propose it of Alex Morgan"
    pressed = AuditEntry.objects.get(event="plan.applied")
    assert (pressed.channel, pressed.through) == ("dashboard", "token Propose it of Alex Morgan")
    assert sent.status == 200


def test_nobody_applies_what_a_token_of_somebody_else_wants_of_them(proposer, second_admin, world, northwind):
    own = world.membership_id(northwind, SECOND_ADMIN)
    plan = proposer.plan({"id": own, "fields": {"auto_record_calls": "on"}})
    page = Page.visit(second_admin, f"/plans/{plan['id']}/")
    assert "This plan changes your own membership." in page.text
    assert page.buttons() == ["Sign out"]


@pytest.mark.parametrize(("field", "what"), [("groups", "groups"), ("pinned_views", "pinned views")])
def test_what_a_provider_does_not_have_cant_be_wished_for(attached, commerce, bluefin, field, what):
    script = Script(token(attached, Scope.PROPOSE))
    answer = script.plan({"id": commerce.members(bluefin)[0]["id"], field: []})
    assert [fault["reason"] for fault in answer["faults"]] == [f"Commerce Layer has no {what}."]


def test_an_attached_organization_is_reached_by_a_token_of_its_own(attached, commerce, bluefin, work):
    script = Script(token(attached, Scope.APPLY))
    everyone = script.get("/members", per_page=500)
    assert everyone["total"] == len(commerce.members(bluefin))
    ordinary = next(
        item for item in everyone["items"] if not item["can_manage"] and item["status"] == "active"
    )
    plan = script.plan({"id": ordinary["id"], "fields": {"reference": "API-1"}})
    assert plan["counts"]["will"] == 1, plan.json
    job = script.apply(plan)
    work()
    assert script.get(f"/jobs/{job['id']}")["progress"]["done"] == 1
    entry = AuditEntry.objects.get(event="member.reference.set")
    assert entry.actor_name == "Alex Morgan"
    assert entry.through.endswith(", token Nightly sync")


def test_a_token_for_an_attached_organization_ends_with_either_connection(attached, connection, subtests):
    own, theirs = token(attached, name="one"), token(attached, name="two")
    connections.disconnect(connection)
    assert Script(own).get("/members").status == 401
    assert Token.objects.filter(revoked_at=None).count() == 0
    assert Script(theirs).get("/members").status == 401


# What goes wrong around it


NOWHERE = [
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/",
    "/api/v1/members/",
    "/api/v2/members",
    "/api/v1/plans/x",
    "/api/v1/%00",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_no_address_answers_with_a_page(db, admin, path):
    for client in (Client(), admin):
        for method in ("get", "post", "delete"):
            assert Answer(getattr(client, method)(path)).code == (404, "not-found")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
def test_only_its_own_method_is_taken(reader, operation):
    path = "/api/v1" + operation.path.format(plan_id=uuid4(), job_id=uuid4())
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "GET" if operation.method == "POST" else "POST"):
        answer = Answer(reader.client.generic(method, path, headers=reader.headers))
        assert answer.code == (405, "method")
        assert answer.headers["Allow"] == ", ".join(operation.methods)


def test_what_an_address_takes_can_be_asked(db):
    response = Client().options("/api/v1/members", headers={"Origin": "https://elsewhere.example"})
    assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_a_head_is_a_get_without_its_body(reader):
    response = reader.client.head("/api/v1/members", headers=reader.headers)
    assert (response.status_code, response.content) == (200, b"")
    assert reader.client.head("/api/v1/members").status_code == 401


MALFORMED = [
    b"{",
    b"[]",
    b"null",
    b'{"people": []}',
    b'{"people": "everyone"}',
    b'{"people": [{"email": 1}]}',
    b'{"people": [{"email": "a@b.example", "shoe": 43}]}',
    b'{"people": [{"email": "a@b.example", "status": "gone"}]}',
    b'{"people": [{"email": "a@b.example", "role": "\\u0000"}]}',
    b'{"people": [{"email": "a@b.example", "role": "\\ud800"}]}',
    b'{"people": [{"email": "a@b.example", "fields": {"x": 1.5}}]}',
    b'{"people": [{"email": "\xff"}]}',
    b'{"x": ' + b"[" * 100_000,
    b'{"people": [' + b"{}," * 20_001 + b"{}]}",
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:60]))
def test_a_body_that_makes_no_sense_is_refused_before_anything_is_read(proposer, close, body):
    answer = Answer(
        proposer.client.generic(
            "POST", "/api/v1/plans", body, content_type="application/json", headers=proposer.headers
        )
    )
    assert answer.code == (400, "malformed")
    assert len(close.calls) == 0


def test_a_body_has_to_come_with_its_length(proposer):
    headers = {**proposer.headers, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = Answer(proposer.client.generic("POST", "/api/v1/plans", b"", headers=headers))
    assert answer.code == (400, "malformed")
    assert "without its Content-Length" in answer["detail"]


def test_a_body_that_is_too_large_is_refused(proposer):
    answer = proposer.plan({"email": "a@b.example", "role": "x"}, reason="x" * 5_000_001)
    assert answer.code == (413, "too-large")


def test_only_json_is_taken(proposer):
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
        assert proposer.post("/plans", "people=x", content_type=media_type).code == (415, "media-type")
    accepted = proposer.post("/plans", {"people": []}, content_type="application/json; charset=utf-8")
    assert accepted.code == (400, "malformed")


def test_without_an_answer_from_the_provider_one_is_told_when_to_come_again(applier, user, close, impatient):
    plan = applier.plan({"id": user, "role": "Support Lead"})
    close.faults.drop(path="/api/v1/", times=50)
    answer = applier.plan({"id": user, "role": "User"})
    assert answer.code == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert applier.get("/members").status == 200
        assert applier.apply(plan).code == (503, "unavailable")


def test_a_host_that_is_not_ours_is_told_so_in_json(reader):
    answer = Answer(
        reader.client.get("/api/v1/members", headers={**reader.headers, "Host": "elsewhere.example"})
    )
    assert answer.code == (400, "bad-request")


def test_the_description_is_public_and_tells_of_nobody(connection, nobody):
    answer = Answer(nobody.get("/api/v1/openapi.json"))
    assert answer["openapi"].startswith("3.1")
    assert NORTHWIND not in answer.response.content.decode()
    assert Answer(nobody.post("/api/v1/openapi.json")).code == (405, "method")
    operations = [told["operationId"] for path in answer["paths"].values() for told in path.values()]
    assert sorted(operations) == sorted(op.name for op in OPERATIONS)
