"""What every answer tells the browser, whichever address was asked for, by whom, and however it ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from memberships.services import roster
from tests.pages import Element, read
from tests.test_access import EXPECTED, address, ids  # noqa: F401 - a fixture

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def faults(answer: Any) -> list[str]:
    """What an answer lacks."""
    policy = dict(
        part.strip().split(" ", 1) for part in answer.get("Content-Security-Policy", "").split(";") if part
    )
    expected = {
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
    }
    found = [name for name, value in expected.items() if answer.get(name) != value]
    if policy != POLICY:
        found.append("Content-Security-Policy")
    off = dict(part.split("=") for part in answer.get("Permissions-Policy", "x=y").split(", "))
    if (
        len(off) < 25
        or set(off.values()) != {"()"}
        or not {"camera", "geolocation", "usb", "payment"} <= set(off)
    ):
        found.append("Permissions-Policy")
    if "Access-Control-Allow-Origin" in answer:
        found.append("Access-Control-Allow-Origin")
    return found


@pytest.fixture(autouse=True)
def in_earnest(settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000


def test_every_address_answers_with_all_headers_and_is_kept_by_nobody(admin, member, nobody, ids):  # noqa: F811
    lacking = {}
    for name in EXPECTED:
        for who, client in (("admin", admin), ("member", member), ("nobody", nobody)):
            for method in (client.get, client.post, client.put):
                answer = method(address(name, ids), secure=True)
                if found := faults(answer) + (
                    [] if answer["Cache-Control"] == "no-store" else ["Cache-Control"]
                ):
                    lacking[name, who, method.__name__] = found
    assert lacking == {}


def break_down(*_: Any) -> HttpResponse:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    "what", ["not found", "bad host", "form from elsewhere", "crash", "too many", "redirect", "healthz"]
)
def test_every_way_an_answer_can_go_wrong_has_them_too(what, connection, admin, close, settings, monkeypatch):
    client, expected = Client(raise_request_exception=False), 404
    ask: dict[str, Any] = {"secure": True}
    match what:
        case "not found":
            answer = client.get("/no/such/page", **ask)
        case "bad host":
            settings.ALLOWED_HOSTS = ["people.example.com"]
            answer, expected = client.get("/login/", headers={"host": "evil.example"}, **ask), 400
        case "form from elsewhere":
            careful = Client(enforce_csrf_checks=True)
            answer, expected = careful.post("/logout/", **ask), 403
        case "crash":
            monkeypatch.setattr(roster, "glance", break_down)
            admin.raise_request_exception = False
            answer, expected = admin.get("/members/", **ask), 500
        case "too many":
            settings.SIGN_INS_PER_MINUTE = 1
            answer, expected = [client.get("/login/start/", **ask) for _ in range(2)][1], 429
        case "redirect":
            settings.SECURE_SSL_REDIRECT = True
            answer, expected = client.get("/login/"), 301
        case _:
            answer, expected = client.get("/healthz", **ask), 200
    assert answer.status_code == expected
    assert faults(answer) == []
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("file", ["app.css", "app.js", "icon.svg", "vendor/htmx.min.js"])
def test_static_files_have_them_too(file):
    answer = Client().get(f"/static/{file}", secure=True)
    assert answer.status_code == 200
    assert faults(answer) == []


def test_no_page_has_a_script_or_style_of_its_own(admin, ids):  # noqa: F811
    found = []
    for name in EXPECTED:
        answer = admin.get(address(name, ids), secure=True)
        if not answer["Content-Type"].startswith("text/html"):
            continue
        for element in everything(read(answer.content.decode())):
            own = [n for n in element.attributes if n == "style" or n.startswith(("on", "hx-on"))]
            if (
                own
                or (element.tag == "script" and not element.attributes.get("src"))
                or element.tag == "style"
            ):
                found.append((name, element.tag, own))
    assert found == []


def everything(element: Element) -> Iterator[Element]:
    for child in element.children:
        if isinstance(child, Element):
            yield child
            yield from everything(child)


def test_without_https_nothing_is_said_of_it(settings, db):
    settings.SECURE_HSTS_SECONDS = 0
    assert "Strict-Transport-Security" not in Client().get("/login/")


def test_trace_echoes_nothing(admin):
    cookie = admin.cookies["sessionid"].value
    answer = admin.trace("/members/", headers={"X-Probe": "echo-me"}, secure=True)
    assert "echo-me" not in answer.content.decode()
    assert cookie not in answer.content.decode()
