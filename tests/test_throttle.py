"""Sign-ins are begun and ended only so often a minute from one address, whatever a header says it is."""

from __future__ import annotations

import pytest
from django.test import Client

from memberships.models import Window
from memberships.services import throttle
from tests.pages import Page


@pytest.fixture(autouse=True)
def twenty(settings) -> None:
    settings.SIGN_INS_PER_MINUTE = 20


def statuses(client: Client, address: str, number: int, **extra: str) -> list[int]:
    return [client.get(address, **extra).status_code for _ in range(number)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "usual"), [("/login/start/", 302), ("/login/callback/?state=x&code=y", 400)]
)
def test_after_twenty_a_page_says_when_to_come_back(address, usual, nobody, close, time_machine):
    time_machine.move_to("2026-03-02T10:00:00Z", tick=False)
    assert statuses(nobody, address, 20) == [usual] * 20
    time_machine.move_to("2026-03-02T10:00:23Z", tick=False)
    page = Page.visit(nobody, address)
    assert (page.status, page.heading) == (429, "Too many sign-ins from your network")
    assert "Try again in 37 seconds." in page.text
    assert page.link("Back to the sign-in") == "/login/"
    assert nobody.get(address)["Retry-After"] == "37"
    # What was refused did not count: after a minute it is as at the beginning.
    time_machine.move_to("2026-03-02T10:01:00Z", tick=False)
    assert statuses(nobody, address, 21) == [usual] * 20 + [429]


def test_the_callback_is_refused_before_close_is_asked(nobody, close):
    statuses(nobody, "/login/callback/", 20)
    close.calls.clear()
    assert nobody.get("/login/callback/?code=x&state=y").status_code == 429
    assert len(close.calls) == 0


def test_starts_and_callbacks_are_counted_apart_so_that_twenty_people_get_in(nobody, close):
    assert statuses(nobody, "/login/start/", 20) == [302] * 20
    assert nobody.get("/login/callback/").status_code == 400


def test_other_pages_are_not_counted(nobody, db):
    assert statuses(nobody, "/login/", 30) == [200] * 30


def test_another_cookie_jar_is_the_same_address(close, db):
    assert [Client().get("/login/start/").status_code for _ in range(21)] == [302] * 20 + [429]


def test_each_address_has_its_own_count(nobody, close):
    statuses(nobody, "/login/start/", 20, REMOTE_ADDR="198.51.100.1")
    assert nobody.get("/login/start/", REMOTE_ADDR="198.51.100.1").status_code == 429
    assert nobody.get("/login/start/", REMOTE_ADDR="198.51.100.2").status_code == 302


def test_the_many_addresses_of_one_connection_are_one(nobody, close):
    for number in range(20):
        nobody.get("/login/start/", REMOTE_ADDR=f"2001:db8:1:2::{number:x}")
    assert nobody.get("/login/start/", REMOTE_ADDR="2001:db8:1:2:ffff::1").status_code == 429
    assert nobody.get("/login/start/", REMOTE_ADDR="2001:db8:1:3::1").status_code == 302
    assert nobody.get("/login/start/", REMOTE_ADDR="::ffff:198.51.100.1").status_code == 302


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"])
def test_a_header_that_nobody_vouches_for_dodges_nothing(header, nobody, close):
    answers = [
        nobody.get("/login/start/", headers={header: f"203.0.113.{number}"}).status_code
        for number in range(21)
    ]
    assert answers == [302] * 20 + [429]


def test_behind_our_proxy_each_visitor_is_counted_and_what_they_write_themselves_is_not(
    nobody, close, settings
):
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]

    def ask(forwarded: str) -> int:
        return nobody.get("/login/start/", headers={"X-Forwarded-For": forwarded}).status_code

    assert [ask(f"192.0.2.{number}, 203.0.113.7") for number in range(21)] == [302] * 20 + [429]
    assert ask("192.0.2.1, 203.0.113.8") == 302


def test_an_untrusted_header_turns_no_http_into_https(nobody, db, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get("/login/", headers={"X-Forwarded-Proto": "https"})
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/login/")


@pytest.mark.parametrize("address", ["", "unix:", "198.51.100.1:4711", "x" * 500])
def test_an_address_that_is_none_is_counted_too(address, nobody, close):
    assert statuses(nobody, "/login/start/", 21, REMOTE_ADDR=address) == [302] * 20 + [429]


def test_a_clock_that_was_put_back_locks_nobody_out(db, time_machine):
    time_machine.move_to("2026-03-02T12:00:00Z")
    assert [throttle.wait_s("start", "198.51.100.1", 1) for _ in range(2)][1] > 0
    time_machine.move_to("2026-03-02T10:00:00Z")
    assert throttle.wait_s("start", "198.51.100.1", 1) == 0


def test_who_has_not_been_here_for_a_while_is_forgotten(db, time_machine):
    Window.objects.create(key="commercelayer reads", taken=[1.0])
    time_machine.move_to("2026-03-02T10:00:00Z")
    throttle.wait_s("start", "198.51.100.1", 1)
    throttle.forget_old()
    assert Window.objects.count() == 2
    time_machine.move_to("2026-03-02T10:02:00Z")
    throttle.forget_old()
    assert Window.objects.get().key == "commercelayer reads"


def test_what_is_refused_is_logged_in_one_line_with_its_address(nobody, close, caplog):
    statuses(nobody, "/login/start/", 21)
    (line,) = [record.getMessage() for record in caplog.records if "too many" in record.getMessage()]
    assert line == "refused: GET '/login/start/', too many from '127.0.0.1'"
