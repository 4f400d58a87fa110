"""Signing in: the consent page, codes, tokens, refresh, revoke, API keys."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.oauth import s256
from tests.sandbox.company import DOMAIN, Client, Company

BACK = "http://localhost:8000/login/callback/"
APP = {"client_id": "oa2client_rehearsal", "client_secret": "rehearsal-secret"}
ASK = {"client_id": APP["client_id"], "response_type": "code", "redirect_uri": BACK, "state": "s t&te"}
VERIFIER = "a-verifier-of-forty-three-characters-or-more-0"


def consent(
    company: Company, *, decision: str = "allow", who: str | None = None, **changes
) -> requests.Response:
    """The visitor presses a button on the consent page."""
    form = {
        **ASK,
        "user_id": company.user_id(who or company.ada),
        "organization_id": company.id,
        "decision": decision,
        **changes,
    }
    return company.stranger().call("POST", "/oauth2/authorize/", data=form)


def landed(answer: requests.Response) -> dict[str, str]:
    """What the redirect carries."""
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def token(company: Company, **form) -> requests.Response:
    return company.stranger().call("POST", "/oauth2/token/", data={**APP, **form})


def exchange(company: Company, code: str, **form) -> requests.Response:
    return token(company, grant_type="authorization_code", code=code, **form)


def refresh(company: Company, refresh_token: str) -> requests.Response:
    return token(company, grant_type="refresh_token", refresh_token=refresh_token)


def signed_in(company: Company) -> dict:
    return exchange(company, landed(consent(company))["code"]).json()


# The page


def test_the_consent_page_says_what_it_is_and_who_one_can_be(company: Company):
    page = company.stranger().get("/oauth2/authorize/", **ASK)
    assert page.status_code == 200
    assert "no real data" in page.text
    assert re.search(r'<label for="user_id">Sign in as</label>', page.text)
    assert re.search(r'<label for="organization_id">Organization</label>', page.text)
    assert "Ada Admin: Admin in Acme" in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_consent_page_escapes_names_and_what_was_sent(company: Company):
    company.world.rename(company.user_id(company.bob), "<script>alert(1)</script>", '"')
    page = company.stranger().get("/oauth2/authorize/", **{**ASK, "state": '"><script>'})
    assert "<script" not in page.text


def test_allow_leads_back_with_a_code_and_the_state(company: Company):
    back = landed(consent(company))
    assert set(back) == {"code", "state"}
    assert back["state"] == "s t&te"


def test_deny_leads_back_with_access_denied(company: Company):
    assert landed(consent(company, decision="deny")) == {"error": "access_denied", "state": "s t&te"}


@pytest.mark.parametrize("who", ["zoe", "dora"])
def test_who_is_no_active_member_there_is_told_on_the_page(company: Company, who: str):
    answer = consent(company, who=getattr(company, who))
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "is not a member of Acme" in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"redirect_uri": "https://evil.example/login/callback/"},
        {"redirect_uri": "http://localhost:8000/elsewhere/"},
        {"redirect_uri": "http://localhost@evil.example/login/callback/"},
        {"redirect_uri": "http://[::1/login/callback/"},
        {"redirect_uri": ""},
    ],
)
def test_an_unknown_app_or_redirect_is_shown_and_never_followed(company: Company, changes: dict):
    assert company.stranger().get("/oauth2/authorize/", **{**ASK, **changes}).status_code == 400
    assert consent(company, **changes).status_code == 400


def test_a_registered_app_has_its_exact_redirect_urls_only(company: Company):
    company.world.register_client("other", "secret", "https://app.example/done")
    asked = {"client_id": "other", "response_type": "code"}
    ask = company.stranger().get
    assert ask("/oauth2/authorize/", **asked).status_code == 200
    assert ask("/oauth2/authorize/", **asked, redirect_uri="https://app.example/done").status_code == 200
    assert ask("/oauth2/authorize/", **asked, redirect_uri="https://app.example/done/").status_code == 400
    assert ask("/oauth2/authorize/", **asked, redirect_uri=BACK).status_code == 400


def test_only_codes_are_given(company: Company):
    answer = company.stranger().get("/oauth2/authorize/", **{**ASK, "response_type": "token"})
    assert landed(answer)["error"] == "unsupported_response_type"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_the_consent_can_not_be_posted_from_another_site(company: Company, origin: str):
    form = {
        **ASK,
        "user_id": company.user_id(company.ada),
        "organization_id": company.id,
        "decision": "allow",
    }
    answer = company.stranger().call("POST", "/oauth2/authorize/", data=form, headers={"Origin": origin})
    assert answer.status_code == 400


# Codes and tokens


def test_a_code_is_worth_tokens_that_name_person_and_organization(company: Company):
    tokens = signed_in(company)
    assert set(tokens) == {
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "scope",
        "organization_id",
        "user_id",
    }
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "all.full_access offline_access"
    assert tokens["organization_id"] == company.id
    assert tokens["user_id"] == company.user_id(company.ada)
    assert Client(company.server.url, tokens["access_token"]).get("me/").json()["id"] == tokens["user_id"]


def test_a_code_works_once(company: Company):
    code = landed(consent(company))["code"]
    assert exchange(company, code).status_code == 200
    again = exchange(company, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_expires(company: Company):
    company.world.switches.code_lifetime_s = 0
    assert exchange(company, landed(consent(company))["code"]).json()["error"] == "invalid_grant"


def test_the_redirect_url_may_be_left_out_of_the_exchange_but_not_changed(company: Company):
    code = landed(consent(company))["code"]
    changed = exchange(company, code, redirect_uri="http://127.0.0.1:9/login/callback/")
    assert changed.json()["error"] == "invalid_grant"
    code = landed(consent(company))["code"]
    assert exchange(company, code, redirect_uri=BACK).status_code == 200


def test_pkce_is_checked_when_it_was_sent(company: Company):
    challenge = {"code_challenge": s256(VERIFIER), "code_challenge_method": "S256"}
    good = landed(consent(company, **challenge))["code"]
    assert exchange(company, good, code_verifier=VERIFIER).status_code == 200
    wrong = landed(consent(company, **challenge))["code"]
    assert exchange(company, wrong, code_verifier=VERIFIER + "x").json()["error"] == "invalid_grant"
    missing = landed(consent(company, **challenge))["code"]
    assert exchange(company, missing).json()["error"] == "invalid_grant"


def test_pkce_is_s256_or_nothing(company: Company):
    asked = {**ASK, "code_challenge": VERIFIER, "code_challenge_method": "plain"}
    assert landed(company.stranger().get("/oauth2/authorize/", **asked))["error"] == "invalid_request"


def test_the_client_may_use_basic_authentication(company: Company):
    code = landed(consent(company))["code"]
    answer = company.stranger().call(
        "POST",
        "/oauth2/token/",
        data={"grant_type": "authorization_code", "code": code},
        auth=(APP["client_id"], APP["client_secret"]),
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "authorization_code", "code": "x", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "code": "x", "client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "unknown"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "unknown"}, 400, "invalid_grant"),
    ],
)
def test_token_errors_follow_the_standard(company: Company, form: dict, status: int, error: str):
    answer = token(company, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_token_endpoint_wants_a_form(company: Company):
    answer = company.stranger().call("POST", "/oauth2/token/", json={**APP, "grant_type": "refresh_token"})
    assert answer.json()["error"] == "invalid_request"


# Refresh and revoke


def test_refreshing_rotates_and_the_old_access_token_lives_on(company: Company):
    first = signed_in(company)
    second = refresh(company, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["organization_id"] == company.id
    for tokens in (first, second):
        assert company.stranger(tokens["access_token"]).get("me/").status_code == 200


def test_refreshing_ends_the_old_access_token_if_the_switch_says_so(company: Company):
    company.world.switches.refresh_revokes_old_access = True
    first = signed_in(company)
    refresh(company, first["refresh_token"])
    assert company.stranger(first["access_token"]).get("me/").status_code == 401


def test_a_rotated_refresh_token_is_over_but_its_successor_is_not(company: Company):
    first = signed_in(company)
    second = refresh(company, first["refresh_token"]).json()
    reused = refresh(company, first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert refresh(company, second["refresh_token"]).status_code == 200


def test_reuse_revokes_the_family_if_the_switch_says_so(company: Company):
    company.world.switches.reuse_revokes_the_family = True
    first = signed_in(company)
    second = refresh(company, first["refresh_token"]).json()
    refresh(company, first["refresh_token"])
    assert refresh(company, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert company.stranger(second["access_token"]).get("me/").status_code == 401


def test_expired_access_tokens_are_401_and_can_be_refreshed(company: Company):
    tokens = signed_in(company)
    company.world.expire_access_tokens()
    assert company.stranger(tokens["access_token"]).get("me/").status_code == 401
    fresh = refresh(company, tokens["refresh_token"]).json()
    assert company.stranger(fresh["access_token"]).get("me/").status_code == 200


def test_lifetimes_are_switches(company: Company):
    company.world.switches.access_token_lifetime_s = 5
    company.world.switches.refresh_token_lifetime_s = 0
    tokens = signed_in(company)
    assert tokens["expires_in"] == 5
    assert refresh(company, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_the_refresh_token_ends_its_access_tokens(company: Company):
    tokens = signed_in(company)
    answer = company.stranger().call(
        "POST", "/oauth2/revoke/", data={**APP, "token": tokens["refresh_token"]}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert company.stranger(tokens["access_token"]).get("me/").status_code == 401
    assert refresh(company, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_an_unknown_token_is_fine_but_not_for_an_unknown_app(company: Company):
    revoke = company.stranger().call
    assert revoke("POST", "/oauth2/revoke/", data={**APP, "token": "unknown"}).status_code == 200
    wrong = {**APP, "client_secret": "wrong", "token": "unknown"}
    assert revoke("POST", "/oauth2/revoke/", data=wrong).status_code == 401


def test_everything_of_a_person_can_be_revoked(company: Company):
    tokens = company.world.grant(company.user_id(company.ada), company.id)
    key = company.world.api_key(company.user_id(company.ada), company.id)
    company.world.revoke_everything(company.user_id(company.ada))
    assert company.stranger(tokens["access_token"]).get("me/").status_code == 401
    assert refresh(company, tokens["refresh_token"]).status_code == 400
    assert company.stranger().call("GET", "me/", auth=(key, "")).status_code == 401


def test_a_bad_token_may_be_answered_as_invalid_token(company: Company):
    stranger = company.stranger("nonsense")
    assert "wrong credentials" in stranger.get("me/").json()["error"]
    company.world.switches.bad_bearer_says_invalid_token = True
    answer = stranger.get("me/")
    assert answer.json() == {"error": "invalid_token"}
    assert "invalid_token" in answer.headers["www-authenticate"]


# API keys and metadata


def test_an_api_key_is_a_basic_user_name_with_an_empty_password(company: Company):
    key = company.world.api_key(company.user_id(company.ada), company.id)
    assert re.fullmatch(r"api_[0-9A-Za-z]{22}\.[0-9A-Za-z]{22}", key)
    call = company.stranger().call
    assert call("GET", "me/", auth=(key, "")).status_code == 200
    assert call("GET", "me/", auth=(key, "password")).status_code == 401
    assert call("GET", "me/", auth=("api_wrong", "")).status_code == 401


def test_the_metadata_points_at_this_server(company: Company):
    answer = company.stranger().get("/.well-known/oauth-authorization-server").json()
    assert answer["token_endpoint"] == f"{company.server.url}/oauth2/token/"
    assert answer["code_challenge_methods_supported"] == ["S256"]
    assert company.stranger().get("/.well-known/openid-configuration").status_code == 404


def test_a_person_in_two_organizations_connects_each_one_apart(company: Company):
    company.world.add_person(company.other_id, f"ada@{DOMAIN}", role="user")
    there = landed(consent(company, organization_id=company.other_id))["code"]
    tokens = exchange(company, there).json()
    assert tokens["organization_id"] == company.other_id
    client = company.stranger(tokens["access_token"])
    assert client.get(f"organization/{company.other_id}/").status_code == 200
    assert client.get(f"organization/{company.id}/").status_code == 404
