"""The server: loopback only, what it records, connections, and many callers at once."""

import http.client
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

import sandbox
from sandbox.server import close_server, running
from sandbox.world import World
from tests.sandbox.company import DOMAIN, Client, Company


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.5", "example.com", "::"])
def test_only_loopback_is_listened_on(host: str):
    with pytest.raises(ValueError, match=r"listens on 127\.0\.0\.1"):
        close_server(World.empty(), host=host)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::"])
def test_other_host_names_are_not_answered(company: Company, ada: Client, host: str):
    for path in ("me/", "/_rehearsal/", "/oauth2/authorize/"):
        assert ada.call("GET", path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:80", "[::1]:8000"])
def test_loopback_host_names_are_answered(ada: Client, host: str):
    assert ada.call("GET", "me/", headers={"Host": host}).status_code == 200


def test_calls_are_recorded_in_order_with_what_was_sent_and_answered(company: Company, ada: Client):
    ada.get("user/", _limit=2)
    ada.put(f"membership/{company.bob}/", {"role_id": "admin"})
    ada.get("nonsense/")
    first, second, third = company.server.calls
    assert (first.method, first.path, first.query, first.body) == (
        "GET",
        "/api/v1/user/",
        {"_limit": "2"},
        None,
    )
    assert (second.method, second.body, second.status) == ("PUT", {"role_id": "admin"}, 200)
    assert third.status == 404
    assert first.ended_at is not None
    assert first.started_at <= first.ended_at <= second.started_at
    assert [call.method for call in company.server.calls.matching("PUT", "/membership/")] == ["PUT"]
    company.server.calls.clear()
    assert len(company.server.calls) == 0


def test_secrets_are_never_recorded_but_credentials_can_be_told_apart(company: Company):
    one, two = (company.world.grant(company.user_id(who), company.id) for who in (company.ada, company.bob))
    key = company.world.api_key(company.user_id(company.ada), company.id)
    for tokens in (one, one, two):
        company.stranger(tokens["access_token"]).get("me/")
    company.stranger().call("GET", "me/", auth=(key, ""))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": one["refresh_token"],
        "client_id": "oa2client_rehearsal",
        "client_secret": "rehearsal-secret",
    }
    company.stranger().call("POST", "/oauth2/token/", data=form)
    company.stranger().call("POST", "/oauth2/token/", data={"code": "a-code", "code_verifier": "a-verifier"})
    seen = [call.token for call in company.server.calls]
    assert seen[0] == seen[1] != seen[2]
    assert company.server.calls[4].body["client_id"] == "oa2client_rehearsal"
    recorded = repr(company.server.calls.as_json())
    for secret in (
        one["access_token"],
        two["access_token"],
        one["refresh_token"],
        "rehearsal-secret",
        "a-code",
        "a-verifier",
        key,
    ):
        assert secret not in recorded


def test_a_connection_is_kept_and_used_again(company: Company):
    token = company.world.grant(company.user_id(company.ada), company.id)["access_token"]
    connection = http.client.HTTPConnection(company.server.url.removeprefix("http://"), timeout=2)
    for _ in range(3):
        connection.request("GET", "/api/v1/me/", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        assert connection.sock is not None
    connection.request("HEAD", "/api/v1/me/")
    assert connection.getresponse().read() == b""
    connection.close()


def test_a_body_too_large_to_read_is_413(company: Company, ada: Client):
    connection = http.client.HTTPConnection(company.server.url.removeprefix("http://"), timeout=2)
    connection.request("PUT", "/api/v1/membership/", headers={"Content-Length": "99999999999"})
    assert connection.getresponse().status == 413
    connection.close()


def test_the_port_is_free_again_and_kept_connections_end(company: Company):
    world = World.empty()
    with running(world) as server:
        session = requests.Session()
        url = server.url
        assert session.get(f"{url}/api/v1/me/", timeout=2).status_code == 401
    with pytest.raises(requests.ConnectionError):
        session.get(f"{url}/api/v1/me/", timeout=2)
    with running(world, port=int(url.rpartition(":")[2])) as server:
        assert server.url == url


def test_ipv6_loopback_works_too():
    try:
        with running(World.empty(), host="::1") as server:
            assert requests.get(f"{server.url}/api/v1/me/", timeout=2).status_code == 401
    except OSError:
        pytest.skip("no IPv6 here")


def test_many_at_once_lose_nothing(company: Company):
    company.server.limits.writes = company.server.limits.reads = 10_000
    people = [company.world.add_person(company.id, f"p{number}@{DOMAIN}") for number in range(60)]
    token = company.world.grant(company.user_id(company.ada), company.id)["access_token"]
    local = threading.local()

    def change(membership_id: str) -> int:
        if not hasattr(local, "client"):
            local.client = company.stranger(token)
        body = local.client.get(f"organization/{company.id}/").json()
        assert len(body["memberships"]) + len(body["inactive_memberships"]) == 64
        return local.client.put(f"membership/{membership_id}/", {"role_id": "superuser"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, people)) == {200}
    assert {company.role_of(membership_id) for membership_id in people} == {"superuser"}


def test_a_bug_of_the_rehearsal_is_500_and_the_server_goes_on(
    company: Company, ada: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(company.world, "caller", lambda *args, **kwargs: 1 / 0)
    assert ada.get("me/").status_code == 500
    monkeypatch.undo()
    assert ada.get("me/").status_code == 200


def test_the_rehearsal_needs_nothing_but_the_standard_library():
    code = "import sys; import sandbox.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    root = Path(sandbox.__file__).parent.parent
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    foreign = {name for name in loaded.stdout.split() if not name.startswith("_")}
    assert foreign - sys.stdlib_module_names == {"sandbox"}


def test_the_command_prints_where_it_listens():
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--people", "5"]
    root = Path(sandbox.__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert requests.get(f"{url}/api/v1/me/", timeout=2).status_code == 401
        finally:
            process.terminate()


def test_the_command_refuses_other_hosts():
    root = Path(sandbox.__file__).parent.parent
    command = [sys.executable, "-m", "sandbox", "--host", "0.0.0.0", "--people", "1"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "listens on 127.0.0.1" in done.stderr


def test_a_bench_is_told_how_many_calls_there_were_at_once_and_how_many_were_refused(company: Company):
    people = [company.client(company.ada) for _ in range(3)]
    company.server.faults.delay(0.15, times=3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda client: client.get("me/"), people))
    company.server.limits.reads = 0
    people[0].get("role/")
    expected = {"calls": 4, "throttled": 1, "at_once": 3}
    assert company.server.calls.tally() == expected
    assert company.stranger().get("/_rehearsal/tally").json() == expected
