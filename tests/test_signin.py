"""Sign in with Close: the whole round trip over real HTTP, and every way it can end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Job, Login, Organization
from memberships.providers.errors import Disconnected, Unavailable
from memberships.services import oauth, roster, sessions
from sandbox.oauth import CLIENT_SECRET
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND, ORDINARY, SECOND_ADMIN, TWO_PLACES
from sandbox.server import Server
from tests.consent import HERE, arrive, sign_in, start
from tests.pages import Page
from tests.steps import apply, people, review_role


def session_keys() -> set[str]:
    return set(Login.objects.values_list("session_key", flat=True))


# In


def test_an_admin_signs_in_and_sees_the_members(visitor, consent):
    page = sign_in(visitor, consent)
    assert (page.heading, page.address) == ("Members", "/members/")
    connection = Connection.objects.get()
    assert (connection.email, connection.name, str(connection.organization)) == (
        ADMIN,
        "Alex Morgan",
        NORTHWIND,
    )
    entry = AuditEntry.objects.get()
    assert (entry.event, entry.actor_name) == ("session.signed_in", "Alex Morgan")


def test_names_longer_than_anybody_has_keep_nobody_out(visitor, consent, world, northwind):
    world.organizations[northwind].name = "N" * 300
    world.rename(world.user_id(ADMIN), "A" * 200, "B" * 200)
    assert sign_in(visitor, consent, organization="N" * 300).heading == "Members"
    connection = Connection.objects.select_related("organization").get()
    assert (len(connection.name), len(connection.organization.name)) == (300, 200)
    roster.read(connection)


def test_close_is_asked_for_a_code_for_our_address_with_a_state(visitor, close):
    parts = urlsplit(start(visitor))
    asked = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{close.url}/oauth2/authorize/"
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == [f"http://{HERE}/login/callback/"]
    assert len(asked["state"][0]) >= 20
    assert "code_challenge" not in asked


def test_every_sign_in_has_a_state_of_its_own(visitor, close):
    first, second = (parse_qs(urlsplit(start(visitor)).query)["state"] for _ in range(2))
    assert first != second


def test_with_pkce_switched_on_the_code_is_bound_to_this_browser(visitor, consent, settings, close):
    settings.CLOSE_PKCE = True
    address = start(visitor)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert arrive(visitor, consent(address)).heading == "Members"
    (exchange,) = close.calls.matching("POST", "/oauth2/token/")
    assert "code_verifier" in exchange.body


def test_with_a_public_address_close_sends_people_back_to_it(visitor, world, close, settings):
    settings.PUBLIC_URL = "https://people.example.com"
    assert parse_qs(urlsplit(start(visitor)).query)["redirect_uri"] == [
        "https://people.example.com/login/callback/"
    ]


def test_tokens_are_kept_encrypted(visitor, consent):
    sign_in(visitor, consent)
    connection = Connection.objects.get()
    with database.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM memberships_connection")
        stored = cursor.fetchone()
    assert connection.access_token not in stored
    assert connection.refresh_token not in stored
    assert all(text.startswith("gAAAA") for text in stored)


def test_a_new_consent_replaces_the_tokens_in_place(visitor, consent):
    sign_in(visitor, consent)
    before = Connection.objects.get()
    sign_in(visitor, consent)
    after = Connection.objects.get()
    assert after.pk == before.pk
    assert after.access_token != before.access_token


def test_signing_in_gives_the_session_a_new_id(visitor, consent):
    visitor.get("/members/")
    before = visitor.session.session_key
    sign_in(visitor, consent)
    after = visitor.session.session_key
    assert before != after
    sign_in(visitor, consent)
    assert visitor.session.session_key not in (before, after)
    assert session_keys() == {visitor.session.session_key}


def test_what_a_session_no_longer_opens_does_not_come_back_with_a_sign_in_of_somebody_else(
    visitor, consent, settings
):
    sign_in(visitor, consent)
    settings.SECRET_KEY = "another" * 10
    sign_in(visitor, consent, TWO_PLACES, organization=HARBOR)
    assert [c.email for c in sessions.of_session(visitor.session)] == [TWO_PLACES]


def test_one_is_led_to_where_one_wanted_to_go(visitor, consent):
    visitor.get("/audit/?q=sam")
    assert sign_in(visitor, consent).address == "/audit/?q=sam"


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "http:///evil.example",
    "\thttps://e",
]


def test_one_is_never_led_anywhere_else(visitor, consent, subtests):
    for wanted in ELSEWHERE:
        with subtests.test(wanted=wanted):
            visitor.get("/members/")
            session = visitor.session
            session["next"] = wanted
            session.save()
            address = urlsplit(consent(start(visitor)))
            assert visitor.get(f"{address.path}?{address.query}")["Location"] == "/members/"


def test_a_link_to_the_sign_in_may_say_where_to_go_on(visitor, consent, subtests):
    for wanted, led_to in [("/audit/", "/audit/"), *((elsewhere, "/members/") for elsewhere in ELSEWHERE)]:
        with subtests.test(wanted=wanted):
            away = visitor.get("/login/start/", {"next": wanted})["Location"]
            address = urlsplit(consent(away))
            assert visitor.get(f"{address.path}?{address.query}")["Location"] == led_to


def test_a_paused_job_goes_on_when_its_person_signs_in_again(visitor, consent, world, northwind, work):
    sign_in(visitor, consent)
    users = people(world, northwind, "user", 2)
    roster.read(Connection.objects.get())
    apply(review_role(visitor, users, "Support Lead"))
    Connection.objects.update(access_token="", refresh_token="")
    work()
    assert Job.objects.get().state == Job.State.PAUSED
    sign_in(visitor, consent)
    work()
    assert {world.membership(pk)["role_name"] for pk in users} == {"Support Lead"}


# Several organizations


def test_people_with_several_organizations_connect_each_and_switch(visitor, consent):
    sign_in(visitor, consent)
    page = sign_in(visitor, consent, organization=HARBOR)
    assert page.field("Switch organization").value == HARBOR
    assert page.options("Switch organization") == [HARBOR, NORTHWIND]
    assert page.press("Switch", {"Switch organization": NORTHWIND}).address == "/members/"
    assert Connection.objects.count() == 2


def test_somebody_else_signing_in_at_the_same_browser_keeps_both_apart(visitor, consent):
    sign_in(visitor, consent)
    sign_in(visitor, consent, SECOND_ADMIN)
    assert {c.email for c in Connection.objects.all()} == {ADMIN, SECOND_ADMIN}
    assert "Priya Natarajan" in Page.visit(visitor, "/audit/").text


def test_only_the_organizations_of_this_installation_are_served(visitor, consent, settings, world, close):
    settings.CLOSE_ORGANIZATIONS = [world.organization_id(HARBOR)]
    page = sign_in(visitor, consent)
    assert (page.status, page.heading) == (403, "This Roster is for other organizations")
    assert_nothing_is_kept(close)
    assert sign_in(visitor, consent, organization=HARBOR).heading == "Members"


def test_what_has_begun_rests_once_the_installation_is_for_other_organizations(
    visitor, consent, settings, world, northwind, work
):
    sign_in(visitor, consent)
    users = people(world, northwind, "user", 2)
    roster.read(Connection.objects.get())
    apply(review_role(visitor, users, "Support Lead"))
    settings.CLOSE_ORGANIZATIONS = [world.organization_id(HARBOR)]
    work()
    job = Job.objects.get()
    assert (job.state, job.note) == (
        Job.State.PAUSED,
        f"This Roster is for other organizations than {NORTHWIND} now.",
    )
    assert {world.membership(pk)["role_id"] for pk in users} == {"user"}
    assert Page.visit(visitor, "/members/").address == "/login/"

    settings.CLOSE_ORGANIZATIONS = []
    sign_in(visitor, consent)
    work()
    assert {world.membership(pk)["role_name"] for pk in users} == {"Support Lead"}


# Not in


def assert_nothing_is_kept(close: Server, *, revoked: bool = True) -> None:
    assert not Connection.objects.exists()
    assert not Login.objects.exists()
    assert not AuditEntry.objects.exists()
    revocations = close.calls.matching("POST", "/oauth2/revoke/")
    assert [call.status for call in revocations] == ([200] if revoked else [])


def test_denying_is_a_page_with_a_way_on(visitor, consent, close):
    page = arrive(visitor, consent(start(visitor), decision="deny"))
    assert (page.status, page.heading) == (403, "You chose not to sign in")
    assert page.link("Sign in with Close") == "/login/start/"
    assert_nothing_is_kept(close, revoked=False)


@pytest.mark.parametrize(
    ("email", "organization", "names"),
    [
        (ORDINARY, NORTHWIND, ["Alex Morgan", "Noor Haddad", "Priya Natarajan"]),
        (TWO_PLACES, NORTHWIND, ["Alex Morgan", "Noor Haddad", "Priya Natarajan"]),
        (ADMIN, "Quiet Valley", ["Maren Holt"]),
    ],
)
def test_without_the_permission_one_reads_which_it_is_and_who_can_give_it(
    email, organization, names, visitor, consent, close
):
    page = sign_in(visitor, consent, email, organization)
    assert (page.status, page.heading) == (403, "You need the Manage Organization permission")
    assert [person.text for person in page.all("li")] == names
    assert organization in page.text
    assert_nothing_is_kept(close)
    assert Page.visit(visitor, "/members/").address == "/login/"


def test_where_close_doesnt_tell_who_could_help_the_page_comes_without_names(visitor, consent, close):
    close.faults.fail_next(403, path="/organization/", times=None)
    page = sign_in(visitor, consent, ORDINARY)
    assert page.heading == "You need the Manage Organization permission"
    assert_nothing_is_kept(close)


def tampered(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    values = {name: value[0] for name, value in parse_qs(parts.query).items()} | changes
    query = "&".join(f"{name}={value}" for name, value in values.items() if value)
    return f"{parts.path}?{query}"


WRONG_STATES = ["", "made-up", "%00", "x" * 5000]


def test_a_wrong_state_signs_nobody_in(visitor, consent, close, subtests):
    for state in WRONG_STATES:
        with subtests.test(state=state):
            page = Page.visit(visitor, tampered(consent(start(visitor)), state=state))
            assert (page.status, page.heading) == (400, "That sign-in can't be used")
            assert page.link("Start again") == "/login/start/"
            assert close.calls.matching("POST", "/oauth2/token/") == []
            assert_nothing_is_kept(close, revoked=False)


def test_a_state_of_another_browser_signs_nobody_in(visitor, consent, close):
    page = arrive(Client(headers={"host": HERE}), consent(start(visitor)))
    assert page.heading == "That sign-in can't be used"
    assert_nothing_is_kept(close, revoked=False)


def test_a_state_is_good_for_one_sign_in(visitor, consent, close):
    back = consent(start(visitor))
    arrive(visitor, back)
    page = arrive(visitor, back)
    assert (page.status, page.heading) == (400, "That sign-in can't be used")
    assert len(close.calls.matching("POST", "/oauth2/token/")) == 1
    assert Page.visit(visitor, "/members/").heading == "Members"


def test_a_code_that_took_too_long_is_said_so(visitor, consent, world, close):
    world.switches.code_lifetime_s = 0
    page = sign_in(visitor, consent)
    assert (page.status, page.heading) == (400, "That sign-in took too long")
    assert_nothing_is_kept(close, revoked=False)


def test_a_code_that_was_used_before_is_said_so(visitor, consent, close):
    used = parse_qs(urlsplit(consent(start(visitor))).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": used,
        "redirect_uri": f"http://{HERE}/login/callback/",
    }
    form |= {"client_id": "oa2client_rehearsal", "client_secret": CLIENT_SECRET}
    assert requests.post(f"{close.url}/oauth2/token/", data=form, timeout=5).status_code == 200
    page = Page.visit(visitor, tampered(consent(start(visitor)), code=used))
    assert (page.status, page.heading) == (400, "That sign-in took too long")
    assert_nothing_is_kept(close, revoked=False)


def test_a_wrong_client_secret_is_the_operators_business(visitor, consent, settings, close):
    settings.CLOSE_CLIENT_SECRET = "wrong"
    page = sign_in(visitor, consent)
    assert (page.status, page.heading) == (502, "Close doesn't know this Roster")
    assert "CLOSE_CLIENT_SECRET" in page.text
    assert_nothing_is_kept(close, revoked=False)


CALLBACKS = ["", "?code=x", "?error=", "?error=server_error", "?error=<b>&error_description=<i>"]


def test_a_callback_nobody_asked_for_is_a_page_with_a_way_on(visitor, close, subtests):
    for query in CALLBACKS:
        with subtests.test(query=query):
            page = Page.visit(visitor, f"/login/callback/{query}")
            assert page.status in (400, 502)
            assert page.link("Start again") == "/login/start/"
            assert "<b>" not in page.html.partition("<main")[2]
            assert len(close.calls) == 0


BROKEN = [("/oauth2/token/", fault) for fault in ("drop", "html_error", "empty", "truncate", "wrong_types")]
BROKEN += [("/api/v1/me/", fault) for fault in ("drop", "wrong_types")]


@pytest.mark.parametrize(("step", "misbehave"), BROKEN)
@pytest.mark.usefixtures("impatient")
def test_close_down_or_confused_at_any_step_is_a_page_with_a_way_on(step, misbehave, visitor, consent, close):
    getattr(close.faults, misbehave)(path=step, times=None)
    page = sign_in(visitor, consent)
    assert page.status == 502
    assert "Close" in page.text.partition("Nothing was")[0]
    assert "Traceback" not in page.text
    assert page.link("Try again") == "/login/start/"
    assert not Connection.objects.exists()
    close.faults.clear()
    assert sign_in(visitor, consent).heading == "Members"


def test_a_rate_limit_during_the_sign_in_says_when_to_come_back(visitor, consent, close):
    close.faults.fail_next(429, path="/me/", headers={"retry-after": "9"})
    page = sign_in(visitor, consent)
    assert (page.status, page.heading) == (503, "We are asked to slow down")
    assert "9 s" in page.text
    assert_nothing_is_kept(close)


def test_a_deadline_ends_the_sign_in_however_slowly_the_answer_trickles(visitor, consent, close, monkeypatch):
    monkeypatch.setattr("dashboard.signin._CALL_S", 0.3)
    close.faults.drip(5, path="/oauth2/token/")
    assert sign_in(visitor, consent).status == 502
    assert not Connection.objects.exists()


GOOD = {
    "token_type": "Bearer",
    "access_token": "a",
    "refresh_token": "r",
    "expires_in": 3600,
    "organization_id": "orga_x",
}
GARBAGE: list[Any] = [
    [],
    ["access_token"],
    5,
    "access_token",
    None,
    True,
    {},
    GOOD | {"access_token": 5},
    GOOD | {"access_token": ""},
    GOOD | {"refresh_token": None},
    GOOD | {"access_token": "a\r\nX-Injected: yes"},
    GOOD | {"organization_id": ["orga_x"]},
    GOOD | {"organization_id": ""},
    GOOD | {"expires_in": "soon"},
    GOOD | {"expires_in": [1]},
    GOOD | {"expires_at": {"a": 1}},
    {"error": None},
    {"error": {"nested": "object"}},
    {"error": "invalid_grant", "error_description": ["x"]},
]


@pytest.fixture
def token_answers(close: Server) -> Iterator[responses.RequestsMock]:
    """The token endpoint answers what it is told; everything else is the rehearsal Close."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.add_passthru(f"{close.url}/oauth2/authorize/")
        mocked.add_passthru(f"{close.url}/oauth2/revoke/")
        mocked.add_passthru(f"{close.url}/api/")
        yield mocked


def answered(visitor: Client, consent: Any, token_answers: responses.RequestsMock, **answer: Any) -> Page:
    """A sign-in during which the token endpoint answers this."""
    address = start(visitor)
    token_answers.upsert(responses.POST, f"{address.partition('/oauth2/')[0]}/oauth2/token/", **answer)
    return arrive(visitor, consent(address))


@pytest.mark.usefixtures("impatient")
def test_a_token_answer_that_makes_no_sense_signs_nobody_in(visitor, consent, token_answers, subtests):
    for answer in GARBAGE:
        with subtests.test(answer=answer):
            assert answered(visitor, consent, token_answers, json=answer).status in (400, 502)
            assert not Connection.objects.exists()
            assert not Login.objects.exists()


NO_JSON = [b"", b"<html>", b"access_token=a&refresh_token=r", b'{"access_token": "a"', b"\xff"]


def test_a_token_answer_that_is_no_json_signs_nobody_in(visitor, consent, token_answers, subtests):
    for status, body in product((200, 400, 500), NO_JSON):
        with subtests.test(status=status, body=body):
            assert answered(visitor, consent, token_answers, status=status, body=body).status == 502
            assert not Connection.objects.exists()


def test_the_token_endpoint_sends_our_secret_nowhere_else(visitor, consent, token_answers, subtests):
    elsewhere = "http://127.0.0.1:1/stolen/"
    token_answers.post(elsewhere, json=GOOD)
    token_answers.get(elsewhere, json=GOOD)
    for status in (301, 302, 303, 307, 308):
        with subtests.test(status=status):
            page = answered(visitor, consent, token_answers, status=status, headers={"Location": elsewhere})
            assert page.status == 502
    assert [call.request.url for call in token_answers.calls if "stolen" in str(call.request.url)] == []


# Out


def test_signing_out_of_the_last_session_gives_the_consent_back(visitor, consent, close):
    page = sign_in(visitor, consent).press("Sign out")
    assert page.address == "/login/"
    assert [call.status for call in close.calls.matching("POST", "/oauth2/revoke/")] == [200]
    assert not Connection.objects.get().usable
    assert Page.visit(visitor, "/members/").address == "/login/"


def test_after_signing_in_twice_the_last_sign_out_is_still_the_last(visitor, consent, close):
    sign_in(visitor, consent)
    sign_in(visitor, consent).press("Sign out")
    assert len(close.calls.matching("POST", "/oauth2/revoke/")) == 1


def test_while_another_session_goes_on_the_consent_stays(visitor, consent, close):
    sign_in(visitor, consent)
    elsewhere = Client(headers={"host": HERE})
    page = sign_in(elsewhere, consent)
    page.press("Sign out")
    assert close.calls.matching("POST", "/oauth2/revoke/") == []
    assert Page.visit(visitor, "/members/").heading == "Members"


def test_a_session_that_ended_by_itself_does_not_count(visitor, consent, close, settings):
    sign_in(Client(headers={"host": HERE}), consent)
    Login.objects.update(created_at=timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE + 1))
    sign_in(visitor, consent).press("Sign out")
    assert len(close.calls.matching("POST", "/oauth2/revoke/")) == 1


def test_while_a_job_is_open_the_consent_stays_with_it(visitor, consent, close, world, northwind, work):
    sign_in(visitor, consent)
    roster.read(Connection.objects.get())
    users = people(world, northwind, "user", 2)
    apply(review_role(visitor, users, "Support Lead")).press("Sign out")
    assert close.calls.matching("POST", "/oauth2/revoke/") == []
    work()
    assert {world.membership(pk)["role_name"] for pk in users} == {"Support Lead"}


def test_signing_out_works_while_close_is_down(visitor, consent, close):
    page = sign_in(visitor, consent)
    close.faults.drop(times=None)
    assert page.press("Sign out").address == "/login/"
    assert not Connection.objects.get().usable
    assert not Login.objects.exists()


# Secrets


@pytest.mark.usefixtures("impatient")
def test_no_token_code_or_secret_is_in_a_log_a_page_or_a_message(visitor, consent, close, caplog):
    caplog.set_level(logging.DEBUG)
    pages, secrets = [], {CLIENT_SECRET}
    for step, fault in (("", ""), *BROKEN[1:5], BROKEN[-1]):
        if fault:
            getattr(close.faults, fault)(path=step)
        back = consent(start(visitor))
        secrets.add(parse_qs(urlsplit(back).query)["code"][0])
        pages.append(arrive(visitor, back))
        close.faults.clear()
        pages += [Page.visit(visitor, path) for path in ("/members/", "/connections/", "/audit/")]
        connection = Connection.objects.get()
        secrets |= {connection.access_token, connection.refresh_token}
    close.faults.fail_next(400, path="/oauth2/token/", body={"error": "invalid_grant"})
    Connection.objects.update(expires_at=timezone.now(), checked_at=None)
    pages.append(Page.visit(visitor, "/members/"))
    assert pages[-1].heading == "Sign in again"
    ours = [record for record in caplog.records if not record.name.startswith("sandbox")]
    logged = [record.getMessage() + str(record.exc_info) for record in ours]
    written = "\n".join([*logged, *(page.html for page in pages)])
    assert len(secrets) >= 6
    assert [secret for secret in secrets if secret in written] == []


def test_a_sign_in_that_is_refused_is_logged_without_its_code(visitor, consent, caplog):
    sign_in(visitor, consent, ORDINARY)
    arrive(visitor, consent(start(visitor), decision="deny"))
    visitor.get("/login/callback/?state=made-up&code=secret-code")
    refused = [r.getMessage() for r in caplog.records if r.getMessage().startswith("refused")]
    assert refused == [
        "refused: GET '/login/callback/', NotAllowed",
        "refused: GET '/login/callback/', OAuthError (access_denied)",
        "refused: GET '/login/callback/', MismatchingStateError (mismatching_state)",
    ]


def test_cookies_tell_scripts_nothing(visitor, consent):
    sign_in(visitor, consent)
    cookie = visitor.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


# Renewal


def test_an_expired_access_token_is_renewed_without_a_word(visitor, consent, close):
    sign_in(visitor, consent)
    before = Connection.objects.get()
    Connection.objects.update(expires_at=timezone.now(), checked_at=None)
    assert Page.visit(visitor, "/audit/").heading == "Audit log"
    after = Connection.objects.get()
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.can_manage


NO_TOKENS = [answer for answer in GARBAGE if not oauth.is_token(answer)] + [GOOD | {"expires_in": [1]}]


def test_a_renewal_that_makes_no_sense_is_an_outage_or_the_end_and_never_a_crash(
    connection, close, token_answers, subtests
):
    held = {"access_token": connection.access_token, "refresh_token": connection.refresh_token}
    for answer in NO_TOKENS:
        with subtests.test(answer=answer):
            connection.expires_at = timezone.now()
            connection.access_token, connection.refresh_token = held.values()
            connection.save()
            token_answers.upsert(responses.POST, f"{close.url}/oauth2/token/", json=answer)
            with pytest.raises((Unavailable, Disconnected)):
                oauth.StoredToken(connection.pk).header()
            kept = Connection.objects.get()
            assert kept.renewing_until is None
            assert kept.refresh_token in ("", held["refresh_token"])


@pytest.mark.parametrize("value", [None, True, "soon", -1, 0, 10**20, [1], float("nan")])
def test_a_lifetime_that_makes_no_sense_counts_as_an_hour(value):
    until = oauth.expiry({"expires_in": value})
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(hours=1)


def test_an_organization_is_known_by_its_name(visitor, consent):
    sign_in(visitor, consent)
    assert Organization.objects.get().name == NORTHWIND
