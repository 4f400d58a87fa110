"""Where one is signed in: sessions end by themselves, can be looked at, and be ended from elsewhere."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from memberships.domain.browsers import described
from memberships.models import AuditEntry, Connection, Login
from memberships.services import sessions
from memberships.views.access import POLLED
from sandbox.rehearsal import ADMIN, HARBOR, NORTHWIND, SECOND_ADMIN
from tests.conftest import signed_in
from tests.pages import Page
from tests.steps import apply, people, review_role

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


@pytest.fixture
def phone(connection: Connection) -> Client:
    """The admin's other browser."""
    client = signed_in(connection)
    Login.objects.filter(session_key=client.session.session_key).update(browser="Safari on an iPhone")
    return client


def logins(client: Client):
    return Login.objects.filter(session_key=client.session.session_key)


def ago(**how_long: float):
    return timezone.now() - timedelta(**how_long)


def is_in(client: Client) -> bool:
    return Page.visit(client, "/members/").heading == "Members"


# Ending by itself


def test_a_session_nobody_uses_ends(admin):
    logins(admin).update(used_at=ago(minutes=119))
    assert is_in(admin)
    logins(admin).update(used_at=ago(minutes=121))
    page = Page.visit(admin, "/audit/")
    assert page.address == "/login/"
    assert "You were signed out: a session ends when nobody uses it for a while" in page.text
    assert admin.session["next"] == "/audit/"


def test_it_ends_after_twelve_hours_however_much_it_is_used(admin):
    logins(admin).update(created_at=ago(hours=12, seconds=1))
    assert Page.visit(admin, "/members/").address == "/login/"


def test_using_it_is_noted_at_most_once_a_minute(admin):
    logins(admin).update(used_at=ago(minutes=30))
    Page.visit(admin, "/connections/")
    noted = logins(admin).get().used_at
    assert noted > ago(seconds=30)
    Page.visit(admin, "/connections/")
    assert logins(admin).get().used_at == noted


HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/members/"}


def test_a_page_that_asks_by_itself_keeps_no_session_alive(admin, world, northwind):
    job = apply(review_role(admin, people(world, northwind, "user", 1), "Support Lead"))
    long_ago = ago(minutes=100)
    for address in ("/members/freshness/", "/roles/freshness/", "/groups/freshness/", "/drift/", job.address):
        logins(admin).update(used_at=long_ago)
        assert admin.get(address, headers=HTMX).status_code == 200
        assert logins(admin).get().used_at == long_ago
    # Somebody who looks at the job's page is there.
    admin.get(job.address)
    assert logins(admin).get().used_at > long_ago


def test_every_fragment_that_is_polled_is_known_as_such():
    text = "".join(template.read_text() for template in Path("templates").rglob("*.html"))
    asked = re.findall(r"hx-get=\"{% url '?([a-z-]+)'?[^<]*?hx-trigger=\"[^\"]*every ", text)
    # One component is shared: each page that includes it says whom it asks.
    assert set(asked) - {"poll"} | set(re.findall(r"poll=\"([a-z-]+)\"", text)) == POLLED


def test_a_form_sent_after_the_end_leads_back_to_its_page(admin, world, northwind):
    logins(admin).delete()
    admin.post("/members/refresh/", headers={"referer": "http://testserver/members/?q=sam"})
    assert admin.session["next"] == "/members/?q=sam"
    admin.post("/members/refresh/", headers={"referer": "http://evil.example/members/?q=eve"})
    assert admin.session["next"] == "/members/?q=sam"


def test_a_new_secret_key_signs_everybody_out(admin, settings):
    assert is_in(admin)
    settings.SECRET_KEY = "another" * 10
    assert Page.visit(admin, "/members/").address == "/login/"


def test_without_its_row_a_session_is_signed_out(admin):
    assert is_in(admin)
    Session.objects.all().delete()
    assert Page.visit(admin, "/members/").address == "/login/"


# Looking


def test_each_browser_is_listed_with_this_one_first(admin, phone, connect):
    logins(admin).update(browser=described(FIREFOX))
    sessions.remember(admin.session, connect(ADMIN, HARBOR))
    page = Page.visit(admin, "/connections/").follow("Your sessions")
    assert page.heading == "Your sessions"
    assert [heading.text for heading in page.all("h2")] == [
        "Firefox on Windows This one",
        "Safari on an iPhone",
    ]
    assert f"{HARBOR}, {NORTHWIND}. Signed in" in page.text
    assert (
        "A session ends by itself 2 hours after it was last used, and 12 hours after its sign-in."
        in page.text
    )


@pytest.fixture
def harbor_elsewhere(connect) -> Client:
    """A browser in which the admin is signed in to another organization only."""
    return signed_in(connect(ADMIN, HARBOR))


def test_a_browser_that_is_signed_in_to_another_organization_only_is_listed_and_ended_too(
    admin, harbor_elsewhere, outsider
):
    page = Page.visit(admin, "/connections/sessions/")
    assert [f"{HARBOR}. Signed in" in page.text, len(page.all("h2"))] == [True, 2]
    (button,) = [name for name in page.buttons() if name.startswith("Sign out unknown browser")]
    page.press(button)
    assert [is_in(client) for client in (harbor_elsewhere, admin, outsider)] == [False, True, True]


def test_others_sessions_are_not_listed(admin, second_admin, outsider):
    assert [h.text for h in Page.visit(admin, "/connections/sessions/").all("h2")] == [
        "Unknown browser This one"
    ]


def test_no_key_of_a_session_is_on_the_page(admin, phone):
    html = Page.visit(admin, "/connections/sessions/").html
    assert phone.session.session_key not in html
    assert admin.session.session_key not in html


# Ending


def test_another_browser_is_signed_out_from_here(admin, phone, close):
    page = Page.visit(admin, "/connections/sessions/")
    (button,) = [name for name in page.buttons() if name.startswith("Sign out Safari on an iPhone")]
    key = phone.session.session_key
    after = page.press(button)
    assert "Signed out there: Safari on an iPhone." in after.text
    assert not is_in(phone)
    assert is_in(admin)
    assert not import_module(project.SESSION_ENGINE).SessionStore().exists(key)
    assert close.calls.matching("POST", "/oauth2/revoke/") == []


def test_only_ones_own_can_be_signed_out(admin, second_admin):
    (theirs,) = logins(second_admin)
    mine = logins(admin).get()
    for pk in (theirs.pk, mine.pk, 0, 10**30):
        assert admin.post(f"/connections/sessions/{pk}/end/").status_code == 404
    assert is_in(second_admin)


def test_in_a_browser_shared_with_somebody_else_only_ones_own_sign_in_ends(
    admin, connection, connect, second_admin
):
    sessions.remember(second_admin.session, connection)
    shared = Login.objects.get(session_key=second_admin.session.session_key, connection=connection)
    admin.post(f"/connections/sessions/{shared.pk}/end/")
    assert [c.email for c in sessions.of_session(second_admin.session)] == [SECOND_ADMIN]


def test_signing_out_everywhere_ends_every_session_and_gives_the_consent_back(
    admin, phone, second_admin, close
):
    page = Page.visit(admin, "/connections/sessions/").press("Sign out everywhere")
    assert page.address == "/login/"
    assert "You are signed out everywhere." in page.text
    assert not is_in(phone)
    assert not is_in(admin)
    assert is_in(second_admin)
    assert len(close.calls.matching("POST", "/oauth2/revoke/")) == 1
    assert "session.signed_out" in AuditEntry.objects.values_list("event", flat=True)


def test_everywhere_is_also_where_one_is_signed_in_to_another_organization_only(
    admin, harbor_elsewhere, outsider, close
):
    Page.visit(admin, "/connections/sessions/").press("Sign out everywhere")
    assert [is_in(client) for client in (harbor_elsewhere, admin, outsider)] == [False, False, True]
    assert len(close.calls.matching("POST", "/oauth2/revoke/")) == 2
    left = AuditEntry.objects.filter(event="session.signed_out")
    assert {str(entry.organization) for entry in left} == {NORTHWIND, HARBOR}


def test_while_a_job_is_open_the_consent_stays_with_it(admin, phone, connection, world, northwind, close):
    apply(review_role(admin, people(world, northwind, "user", 1), "Support Lead"))
    Page.visit(admin, "/connections/sessions/").press("Sign out everywhere")
    assert close.calls.matching("POST", "/oauth2/revoke/") == []
    assert Connection.objects.get().usable


# What browsers are called


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/17.6 Safari/605.1.15",
            "Safari on a Mac",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/128.0 Safari/537.36 Edg/128.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/128.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) Version/17.6 Safari/604.1",
            "Safari on an iPhone",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64)", "A browser on Linux"),
        ("curl/8.0", ""),
        ("", ""),
        ("<script>alert(1)</script>" * 1000, ""),
    ],
)
def test_a_browser_is_known_by_few_words(header, words):
    assert described(header) == words
