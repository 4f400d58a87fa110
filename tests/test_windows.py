"""Places in a provider's sliding windows: as fast as they allow and no faster, however many processes ask."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from memberships.models import Connection, Window
from memberships.providers import Change
from memberships.providers.errors import RateLimited
from memberships.services import client_credentials, connections
from memberships.services.client_credentials import StoredSecret
from memberships.services.windows import Limit, Windows
from sandbox.commercelayer.rehearsal import CLIENT_ID, CLIENT_SECRET, OWNER
from tests.databases import migrated
from tests.pages import Page

LIMITS: list[Limit] = [(200, 60), (50, 10)]
# Each window is taken to be a little longer than it is: 2 % and 0.06 s.
MARGIN, MARGIN_S = 0.02, 0.06
FOREVER_S = 10_000.0


def fastest(number: int, limits: Sequence[Limit]) -> list[float]:
    """The earliest legal moments, each from all those before: in no window more calls than it may hold."""
    at: list[float] = []
    for _ in range(number):
        bounds = [at[-calls] + seconds for calls, seconds in limits if len(at) >= calls]
        at.append(max([0.0, *at[-1:], *bounds]))
    return at


def crowded(moments: Sequence[float], limits: Sequence[Limit]) -> list[str]:
    """Windows that hold more calls than they may, wherever they begin."""
    ordered = sorted(moments)
    return [
        f"{calls + 1} calls in {ordered[n + calls] - ordered[n]:.3f} s"
        for calls, seconds in limits
        for n in range(len(ordered) - calls)
        if ordered[n + calls] - ordered[n] < seconds
    ]


@pytest.fixture
def clock():
    """Time stands still, unless it is moved."""
    with time_machine.travel(1_800_000_000.0, tick=False) as traveller:
        yield traveller


@pytest.mark.parametrize(("number", "takes_s"), [(50, 0), (100, 10), (200, 30), (201, 60), (500, 130)])
def test_so_many_calls_take_no_longer_than_they_must(number, takes_s):
    assert fastest(number, LIMITS)[-1] == takes_s


@pytest.mark.django_db
def test_five_hundred_places_are_the_fastest_legal_ones_within_the_margin(clock):
    windows = Windows("shop", LIMITS)
    taken = [windows.take("write memberships", FOREVER_S) for _ in range(500)]
    padded = [(calls, seconds * (1 + MARGIN) + MARGIN_S) for calls, seconds in LIMITS]
    assert taken == pytest.approx(fastest(500, padded), abs=1e-3)
    assert crowded(taken, LIMITS) == []
    assert taken[-1] < 1.05 * 130


@pytest.mark.django_db
def test_time_that_passes_gives_places_back(clock):
    windows = Windows("shop", [(2, 10.0)])
    assert [windows.take("write x", 0.0) for _ in range(2)] == [0, 0]
    assert windows.take("write x", 0.0) > 0
    clock.shift(10 * (1 + MARGIN) + MARGIN_S + 0.001)
    assert [windows.take("write x", 0.0) for _ in range(2)] == [0, 0]
    assert windows.take("write x", 0.0) > 0


@pytest.mark.django_db
def test_reads_and_writes_and_providers_have_windows_of_their_own(clock):
    windows, other = Windows("shop", [(1, 10.0)]), Windows("other", [(1, 10.0)])
    assert windows.take("write memberships", 0.0) == 0
    assert windows.take("read memberships", 0.0) == 0
    assert other.take("write memberships", 0.0) == 0
    # The average counts all endpoints together.
    assert windows.take("write application_memberships", 0.0) > 0


@pytest.mark.django_db
def test_a_wait_that_is_too_long_reserves_nothing(clock):
    windows = Windows("shop", [(1, 10.0)])
    windows.take("write x", 0.0)
    before = Window.objects.get().taken
    wait_s = windows.take("write x", 2.0)
    assert wait_s == pytest.approx(10.26, abs=0.01)
    assert Window.objects.get().taken == before
    assert windows.take("write x", 11.0) == pytest.approx(wait_s)
    assert windows.take("write x", 2.0) == pytest.approx(2 * wait_s)


@pytest.mark.django_db
def test_no_more_is_kept_than_the_longest_window_needs(clock):
    windows = Windows("shop", LIMITS)
    for _ in range(300):
        windows.take("write x", FOREVER_S)
    assert len(Window.objects.get().taken) == 200


@pytest.mark.django_db
@pytest.mark.parametrize("back_s", [5.0, 86_400.0])
def test_a_clock_that_was_put_back_stops_nothing_for_long(clock, back_s):
    windows = Windows("shop", [(2, 10.0)])
    taken = [windows.take("write x", FOREVER_S) for _ in range(2)]
    clock.shift(-back_s)
    wait_s = windows.take("write x", FOREVER_S)
    # Of a day ago nothing is believed; five seconds are waited for, so that no window is ever crowded.
    assert wait_s == pytest.approx(0.0 if back_s > 3600 else back_s + 10.26, abs=0.01)
    assert taken == [0, 0]


# Several processes

TAKE = """
import sys, time, json, django
django.setup()
from memberships.services import windows as module

class Clock:  # what `take` saw last: between that and its return others may have their turn
    def time(self):
        self.now = time.time()
        return self.now

module.time = clock = Clock()
windows = module.Windows("shop", json.loads(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
moments = []
for _ in range(int(sys.argv[2])):
    wait_s = windows.take("write memberships", 60.0)
    moments.append(clock.now + wait_s)
print(json.dumps(moments))
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a project with an empty database."""
    with migrated(tmp_path_factory.mktemp("windows")) as environment:
        yield environment


@pytest.fixture
def together(database: dict[str, str]) -> Callable[..., list[str]]:
    """Runs `code` in several processes, which all begin at the same time; the last line of each."""

    def together(code: str, *arguments: str, number: int = 2, **environment: str) -> list[str]:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                env=database | environment,
                cwd=settings.BASE_DIR,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(number)
        ]
        try:
            for child in children:
                assert child.stdout
                assert child.stdout.readline() == "ready\n"
            for child in children:
                assert child.stdin
                child.stdin.write("go\n")
                child.stdin.flush()
            said = [child.communicate(timeout=60)[0] for child in children]
            assert [child.returncode for child in children] == [0] * number
            return [text.strip().splitlines()[-1] for text in said]
        finally:
            for child in children:
                child.kill()
                child.wait()

    return together


def test_processes_together_stay_within_the_windows(together):
    limits: list[Limit] = [(20, 2.0), (5, 0.4)]
    found = [json.loads(line) for line in together(TAKE, json.dumps(limits), "30", number=3)]
    moments = [moment for each in found for moment in each]
    assert len(moments) == 90
    # All of them had places of their own, and none was left out.
    assert crowded(moments, limits) == []
    padded: list[Limit] = [(calls, seconds * (1 + MARGIN) + MARGIN_S) for calls, seconds in limits]
    # They begin within moments of each other, and then only reserve.
    assert max(moments) - min(moments) <= fastest(90, padded)[-1] + 1.0


COUNT = """
import sys, django
django.setup()
from memberships.services import throttle
print("ready", flush=True)
sys.stdin.readline()
print(sum(throttle.wait_s("start", "198.51.100.1", 20) == 0 for _ in range(10)))
"""


def test_sign_ins_are_counted_over_all_processes(together):
    assert sum(int(line) for line in together(COUNT, number=3)) == 20


# What people see of it


def test_a_page_fails_fast_with_a_sentence(commerce_admin, attached, settings, commercelayer):
    settings.COMMERCELAYER_WINDOWS = [(1, 60.0)]
    Windows("commercelayer", settings.COMMERCELAYER_WINDOWS).take("read memberships", 0.0)
    member_id = attached.organization.members.first().remote_id
    began = time.monotonic()
    page = Page.visit(commerce_admin, f"/members/{member_id}/?versions=1")
    assert time.monotonic() - began < 2
    assert page.status == 200
    assert re.search(r"Commerce Layer allows no more calls for \d\d s", page.text)
    assert commercelayer.calls.matching(path="/versions") == []


# The token endpoint: 30 calls a minute, for everybody behind one address


@pytest.fixture
def token_calls(commercelayer) -> Callable[[], int]:
    return lambda: len(commercelayer.calls.matching("POST", "/oauth/token"))


def ends(connection: Connection, seconds: float) -> None:
    at = timezone.now() + timedelta(seconds=seconds)
    Connection.objects.filter(pk=connection.pk).update(expires_at=at)


def test_a_token_is_used_until_shortly_before_it_ends(attached, token_calls):
    stored = StoredSecret(attached.pk)
    ends(attached, 30)
    assert len({stored.header() for _ in range(5)}) == 1
    assert token_calls() == 0
    ends(attached, 3)
    stored.header()
    assert token_calls() == 1
    ends_at = Connection.objects.get(pk=attached.pk).expires_at
    assert ends_at
    assert ends_at > timezone.now() + timedelta(minutes=5)
    stored.header()
    assert token_calls() == 1


def test_a_token_that_is_issued_again_just_before_its_end_is_not_asked_for_without_end(
    attached, commerce, commercelayer, token_calls
):
    commerce.switches.token_lifetime_s = 4
    commerce.revoke_tokens()
    ends(attached, 0)
    stored = StoredSecret(attached.pk)
    for _ in range(50):
        stored.header()
    assert token_calls() <= 30
    assert not [call for call in commercelayer.calls if call.status == 429]


@pytest.mark.django_db
def test_the_thirty_first_sign_in_within_a_minute_is_a_sentence_and_not_sent(commercelayer, token_calls):
    began = time.monotonic()
    for _ in range(30):
        client_credentials.ask(CLIENT_ID, CLIENT_SECRET)
    with pytest.raises(RateLimited, match=r"allows no more sign-ins for \d\d s") as limit:
        client_credentials.ask(CLIENT_ID, CLIENT_SECRET)
    took = time.monotonic() - began
    assert 60 - took < limit.value.retry_after_s < 62
    assert token_calls() == 30


def test_permissions_that_are_missing_do_not_renew_the_token_each_time(
    attached, commerce, bluefin, token_calls
):
    commerce.switches.members_see_everybody = True
    commerce.set_role(commerce.membership_id(bluefin, OWNER), "read_only")
    provider = connections.provider_for(attached, patient=True)
    others = [m["id"] for m in commerce.members(bluefin) if not m["owner"]][:8]
    found = provider.apply_many([Change({"reference": "x"}, (pk,)) for pk in others])
    assert {getattr(answer, "status", None) for answer in found} == {401}
    assert token_calls() <= 1


RENEW = """
import sys, django
django.setup()
from memberships.models import Connection
from memberships.services.client_credentials import StoredSecret
stored = StoredSecret(int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(stored.header())
"""
SEED = """
import sys, django
django.setup()
from django.utils import timezone
from memberships.models import Connection, Organization
print("ready", flush=True)
sys.stdin.readline()
close = Organization.objects.create(provider="close", remote_id="orga_x")
person = Connection.objects.create(organization=close, user_id="user_x")
shop = Organization.objects.create(provider="commercelayer", remote_id="x", parent=close)
connection = Connection.objects.create(
    organization=shop, user_id="y", added_by=person, client_id=sys.argv[1], client_secret=sys.argv[2],
    access_token="old", expires_at=timezone.now(),
)
print(connection.pk)
"""


def test_many_processes_renew_a_token_once(together, commercelayer, token_calls):
    (pk,) = together(SEED, CLIENT_ID, CLIENT_SECRET, number=1)
    found = together(RENEW, pk, number=6, COMMERCELAYER_AUTH_URL=commercelayer.url)
    assert len(set(found)) == 1
    assert found[0].startswith("Bearer ey")
    assert token_calls() == 1
