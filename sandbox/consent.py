"""Close's side of OAuth: the consent page, and the token, revoke and metadata endpoints.

Sources: https://developer.close.com/api/overview/oauth-authentication, RFC 6749, RFC 7009, RFC 8414
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sandbox.messages import FORM, Request, Response
from sandbox.oauth import SCOPE, Client, OAuthError
from sandbox.pages import error, hidden, page, select
from sandbox.world import World

# Without a list of its own, a world offers this many people to sign in as.
MOST_VISITORS = 12

ASKED = (
    "client_id",
    "redirect_uri",
    "response_type",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
)


def ask(world: World, request: Request) -> Response:
    """GET: who are you, which organization, allow or deny."""
    asked = _asked(request.query)
    return _checked(world, asked) or _form(world, asked)


def answer(world: World, request: Request) -> Response:
    """POST from that page: back to the app with a code, or with the reason why not."""
    if not request.from_own_page:
        return _stop("Not from here", "This answer came from another site's page, so it was not used.")
    form = request.form
    asked = _asked(form)
    if refused := _checked(world, asked):
        return refused
    if form.get("decision") == "deny":
        return _back(world, asked, error="access_denied")
    user_id, organization_id = form.get("user_id", ""), form.get("organization_id", "")
    organization = world.organizations.get(organization_id)
    membership = organization.by_user.get(user_id) if organization else None
    if form.get("decision") != "allow" or membership is None or not membership.active:
        user = world.users.get(user_id)
        name = (user.full_name or user.email) if user else "This person"
        place = organization.name if organization else "that organization"
        return _form(world, asked, form=form, problem=f"{name} is not a member of {place}.")
    code = world.grants.issue_code(
        asked["client_id"],
        user_id,
        organization_id,
        redirect_uri=_redirect_uri(world, asked),
        challenge=asked.get("code_challenge"),
    )
    return _back(world, asked, code=code)


def token(world: World, request: Request) -> Response:
    """A code or a refresh token for a new pair."""
    try:
        form, client = _authenticated(world, request)
        match form.get("grant_type"):
            case "authorization_code":
                tokens = world.grants.exchange(
                    client,
                    _needed(form, "code"),
                    redirect_uri=form.get("redirect_uri"),
                    verifier=form.get("code_verifier"),
                )
            case "refresh_token":
                tokens = world.grants.refresh(client, _needed(form, "refresh_token"))
            case None:
                raise OAuthError("invalid_request", "grant_type is missing.")
            case _:
                raise OAuthError("unsupported_grant_type", "Only authorization_code and refresh_token.")
    except OAuthError as refused:
        return _error(refused)
    return Response.json(tokens, cache_control="no-store", pragma="no-cache")


def revoke(world: World, request: Request) -> Response:
    """200 and nothing, also for tokens nobody knows."""
    try:
        form, client = _authenticated(world, request)
        world.grants.revoke_token(client, _needed(form, "token"))
    except OAuthError as refused:
        return _error(refused)
    return Response.empty(200)


def metadata(world: World, request: Request) -> Response:
    here = f"http://{request.headers.get('host', '127.0.0.1')}"
    return Response.json(
        {
            "issuer": here,
            "authorization_endpoint": f"{here}/oauth2/authorize/",
            "token_endpoint": f"{here}/oauth2/token/",
            "revocation_endpoint": f"{here}/oauth2/revoke/",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "scopes_supported": SCOPE.split(),
        }
    )


OAUTH: dict[str, dict[str, Callable[[World, Request], Response]]] = {
    "/oauth2/authorize/": {"GET": ask, "POST": answer},
    "/oauth2/token/": {"POST": token},
    "/oauth2/revoke/": {"POST": revoke},
    "/.well-known/oauth-authorization-server": {"GET": metadata},
}


def _asked(values: Mapping[str, str]) -> dict[str, str]:
    return {name: values[name] for name in ASKED if name in values}


def _checked(world: World, asked: Mapping[str, str]) -> Response | None:
    """What is wrong with the request: on the page where the redirect can't be trusted, else sent back."""
    client = world.grants.clients.get(asked.get("client_id", ""))
    if client is None:
        return _stop("Unknown app", "There is no OAuth app with this client_id.")
    redirect_uri = _redirect_uri(world, asked)
    if redirect_uri is None:
        return _stop(
            "Redirect URL missing", "The app has no registered redirect URL, so redirect_uri is needed."
        )
    if not client.allows(redirect_uri):
        return _stop("Redirect URL not registered", f"The app may not send people to {redirect_uri}.")
    if asked.get("response_type") != "code":
        return _back(world, asked, error="unsupported_response_type")
    method = asked.get("code_challenge_method")
    if ("code_challenge" in asked and method != "S256") or (method and "code_challenge" not in asked):
        return _back(world, asked, error="invalid_request", error_description="PKCE is S256 only.")
    return None


def _stop(title: str, text: str) -> Response:
    content = f'<div class="paper"><h1>{escape(title)}</h1>{error(text)}</div>'
    return page(title, content, status=400, narrow=True)


def _form(
    world: World, asked: Mapping[str, str], *, form: Mapping[str, str] | None = None, problem: str = ""
) -> Response:
    chosen = form or {}
    client = world.grants.clients[asked["client_id"]]
    people = [(user_id, _position(world, user_id)) for user_id in _visitors(world)]
    organizations = [(record.id, record.name) for record in world.organizations.values()]
    described = "error" if problem else ""
    content = f"""<form class="paper" method="post" action="/oauth2/authorize/">
<h1>{escape(client.name)} would like to use Close in your name</h1>
<p>It may do everything you may do in the organization you choose.</p>
{error(problem) if problem else ""}
{hidden(asked)}
{select("user_id", "Sign in as", people, chosen=chosen.get("user_id"))}
{
        select(
            "organization_id",
            "Organization",
            organizations,
            chosen=chosen.get("organization_id"),
            described_by=described,
        )
    }
<div class="buttons"><button class="first" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></div>
</form>"""
    return page("Allow access", content, status=400 if problem else 200, narrow=True)


def _visitors(world: World) -> list[str]:
    """The people this world puts forward, else the first active ones."""
    if world.visitors:
        return world.visitors
    return [user.id for user in world.users.values() if user.organization_ids][:MOST_VISITORS]


def _position(world: World, user_id: str) -> str:
    """ "Alex Morgan: Admin in Northwind, User in Quiet Valley"."""
    user = world.users[user_id]
    places = [
        f"{membership.role.name} in {world.organizations[membership.organization_id].name}"
        for membership in user.memberships
        if membership.active
    ]
    return f"{user.full_name or user.email}: {', '.join(places) or 'in no organization any more'}"


def _redirect_uri(world: World, asked: Mapping[str, str]) -> str | None:
    """The one asked for, else the only one registered."""
    registered = world.grants.clients[asked["client_id"]].redirect_uris
    return asked.get("redirect_uri") or (registered[0] if len(registered) == 1 else None)


def _back(world: World, asked: Mapping[str, str], **values: str) -> Response:
    if "state" in asked:
        values["state"] = asked["state"]
    parts = urlsplit(_redirect_uri(world, asked) or "")
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *values.items()])
    return Response.empty(302, location=urlunsplit(parts._replace(query=query)), cache_control="no-store")


def _authenticated(world: World, request: Request) -> tuple[dict[str, str], Client]:
    """The form and the client, named in the body or by Basic. Raises OAuthError."""
    if request.content_type != FORM:
        raise OAuthError("invalid_request", f"The body must be {FORM}.")
    form = request.form
    name, secret = request.basic or (form.get("client_id", ""), form.get("client_secret", ""))
    return form, world.grants.client(name, secret)


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError("invalid_request", f"{name} is missing.")
    return form[name]


def _error(refused: OAuthError) -> Response:
    headers = {"cache_control": "no-store"}
    if refused.status == 401:
        headers["www_authenticate"] = 'Basic realm="oauth2"'
    body = {"error": refused.code, "error_description": refused.description}
    return Response.json(body, refused.status, **headers)
