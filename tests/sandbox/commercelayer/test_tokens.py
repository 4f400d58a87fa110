"""Tokens: how one gets them, what they say, what they are good for, when they end."""

import base64
import json

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA512

from sandbox.commercelayer.server import running
from sandbox.commercelayer.world import CommerceWorld
from tests.sandbox.commercelayer.shop import DOMAIN, JSON_API, Client, Shop, error

ADAM = f"adam@{DOMAIN}"


def ask(
    shop: Shop, *, path: str = "/oauth/token", headers: dict | None = None, **values
) -> requests.Response:
    client_id, secret = shop.world.credentials(ADAM)
    body = {"client_id": client_id, "client_secret": secret, **values}
    return requests.post(shop.server.url + path, json=body, headers=headers, timeout=5)


def token(shop: Shop, **values) -> requests.Response:
    return ask(shop, grant_type="client_credentials", **values)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims(value: str) -> dict:
    return json.loads(decoded(value.split(".")[1]))


def works(shop: Shop, value: str) -> bool:
    return shop.stranger(value).get("user").status_code == 200


def test_credentials_get_a_token_that_works(shop: Shop):
    answer = token(shop)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "created_at"}
    assert (body["token_type"], body["scope"]) == ("Bearer", "provisioning-api")
    assert 7190 < body["expires_in"] <= 7200
    assert works(shop, body["access_token"])


@pytest.mark.parametrize("kind", ["application/json", JSON_API, "application/x-www-form-urlencoded"])
def test_json_under_two_names_and_forms_are_read(shop: Shop, kind: str):
    client_id, secret = shop.world.credentials(ADAM)
    values = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    body = values if "form" in kind else json.dumps(values)
    answer = requests.post(
        f"{shop.server.url}/oauth/token", data=body, headers={"Content-Type": kind}, timeout=5
    )
    assert answer.status_code == 200


def test_the_token_is_a_jwt_signed_with_the_published_key(shop: Shop):
    value = token(shop).json()["access_token"]
    header, payload, signature = value.split(".")
    (key,) = requests.get(f"{shop.server.url}/.well-known/jwks.json", timeout=5).json()["keys"]
    assert json.loads(decoded(header)) == {"alg": "RS512", "typ": "JWT", "kid": key["kid"]}
    numbers = rsa.RSAPublicNumbers(*(int.from_bytes(decoded(key[name])) for name in ("e", "n")))
    numbers.public_key().verify(
        decoded(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), SHA512()
    )


def test_the_claims_say_who_and_no_organization(shop: Shop):
    said = claims(token(shop).json()["access_token"])
    assert said["user"] == {"id": shop.world.user_id(ADAM)}
    assert said["application"]["kind"] == "user"
    assert said["scope"] == "provisioning-api"
    assert said["exp"] - said["iat"] == 7200
    assert said["iss"] == "https://auth.commercelayer.io"
    assert "organization" not in said


def test_a_token_that_is_still_good_comes_again_with_less_to_live():
    now = [1_000_000.0]
    world = CommerceWorld.empty(clock=lambda: now[0])
    world.add_person(world.add_organization("Shop"), ADAM)
    first = world.grant(ADAM)
    now[0] += 4732
    second = world.grant(ADAM)
    assert second["access_token"] == first["access_token"]
    assert (second["expires_in"], second["created_at"]) == (2468, 1_000_000)
    world.switches.live_token_is_issued_again = False
    assert world.grant(ADAM)["access_token"] != first["access_token"]


def test_a_token_ends_when_it_says():
    now = [1_000_000.5]
    world = CommerceWorld.empty(clock=lambda: now[0])
    world.add_person(world.add_organization("Shop"), ADAM)
    with running(world) as server:
        value = world.grant(ADAM)["access_token"]
        client = Client(server.url, value)
        now[0] = claims(value)["exp"] - 1
        assert client.get("user").status_code == 200
        now[0] += 1
        assert error(client.get("user")) == (401, "UNAUTHORIZED")
        assert world.grant(ADAM)["access_token"] != value


@pytest.mark.parametrize("values", [{"client_id": "nobody"}, {"client_secret": "wrong"}])
def test_wrong_credentials_are_401(shop: Shop, values: dict):
    answer = token(shop, **values)
    assert answer.status_code == 401
    (problem,) = answer.json()["errors"]
    assert (problem["title"], problem["code"], problem["status"]) == ("invalid_client", "UNAUTHORIZED", 401)


def test_errors_may_be_an_object(shop: Shop):
    shop.world.switches.token_errors_are_an_object = True
    assert token(shop, client_secret="wrong").json()["errors"]["title"] == "invalid_client"


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"grant_type": "nonsense"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": ""}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_secret": 5}, "invalid_request"),
    ],
)
def test_what_can_not_be_asked_is_400(shop: Shop, values: dict, title: str):
    answer = ask(shop, **values)
    assert (answer.status_code, answer.json()["errors"][0]["title"]) == (400, title)


@pytest.mark.parametrize(
    ("kind", "body"), [("text/plain", "{}"), ("application/json", "{"), (JSON_API, "[]")]
)
def test_what_can_not_be_read_is_400(shop: Shop, kind: str, body: str):
    answer = requests.post(
        f"{shop.server.url}/oauth/token", data=body, headers={"Content-Type": kind}, timeout=5
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token"])
def test_grants_of_the_core_api_are_not_rehearsed(shop: Shop, grant: str):
    assert ask(shop, grant_type=grant).status_code == 501


@pytest.mark.parametrize("kind", ["integration", "sales_channel", "webapp"])
def test_tokens_for_the_core_api_get_nothing_here(shop: Shop, kind):
    client_id, secret = shop.world.core_credentials(shop.id, kind)
    tokens = token(shop, client_id=client_id, client_secret=secret).json()
    said = claims(tokens["access_token"])
    assert said["application"]["kind"] == kind
    assert said["organization"]["id"] == shop.id
    assert "user" not in said
    assert error(shop.stranger(tokens["access_token"]).get("user")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(("scope", "good"), [("metrics-api", False), ("provisioning-api metrics-api", True)])
def test_the_scope_has_to_contain_provisioning(shop: Shop, scope: str, good: bool):
    shop.world.set_credentials(ADAM, "adam-id", "adam-secret", scope=scope)
    tokens = token(shop).json()
    assert tokens["scope"] == scope
    assert works(shop, tokens["access_token"]) is good


def test_no_token_and_nonsense_are_401_invalid_token(shop: Shop):
    for client in (shop.stranger(), shop.stranger("nonsense")):
        answer = client.get("memberships")
        assert error(answer) == (401, "UNAUTHORIZED")
        assert answer.json()["errors"][0]["title"] == "Invalid token"
    shop.world.switches.invalid_token_code = "INVALID_TOKEN"
    assert error(shop.stranger().get("memberships")) == (401, "INVALID_TOKEN")


def test_a_token_can_be_revoked_by_its_application_only(shop: Shop):
    value = token(shop).json()["access_token"]
    client_id, secret = shop.world.credentials(f"rita@{DOMAIN}")
    other = ask(shop, path="/oauth/revoke", token=value, client_id=client_id, client_secret=secret)
    assert (other.status_code, other.json()["errors"][0]["title"]) == (403, "unauthorized_client")
    assert other.json()["errors"][0]["code"] == "FORBIDDEN"
    assert works(shop, value)
    assert ask(shop, path="/oauth/revoke", token=value, client_secret="wrong").status_code == 401
    done = ask(shop, path="/oauth/revoke", token=value)
    assert (done.status_code, done.json()) == (200, {})
    assert not works(shop, value)
    assert ask(shop, path="/oauth/revoke", token="unknown").status_code == 200


def test_tokens_can_be_taken_away_while_they_say_they_are_good(shop: Shop):
    adams, ritas = (shop.world.grant(f"{name}@{DOMAIN}")["access_token"] for name in ("adam", "rita"))
    shop.world.revoke_tokens(ADAM)
    assert not works(shop, adams)
    assert works(shop, ritas)
    shop.world.revoke_tokens()
    assert not works(shop, ritas)


def test_other_paths_and_methods_of_the_auth_host(shop: Shop):
    assert shop.stranger().get("/oauth/token").status_code == 405
    assert shop.stranger().get("/oauth/authorize").status_code == 404


def test_secrets_are_never_recorded(shop: Shop):
    value = token(shop).json()["access_token"]
    ask(shop, path="/oauth/revoke", token=value, headers={"Content-Type": JSON_API})
    recorded = repr(shop.server.calls.as_json())
    assert shop.world.credentials(ADAM)[0] in recorded
    assert shop.world.credentials(ADAM)[1] not in recorded
    assert value not in recorded
