"""Access tokens for somebody's own client id and secret.

Source: https://docs.commercelayer.io/provisioning/getting-started/authorization
"""

import msgspec
import requests

from .. import Token
from ..errors import RateLimited, Refused, Unavailable
from ..http import exchange, obey_deadlines

PATH = "/oauth/token"
SCOPE = "provisioning-api"
WRONG = (
    "Commerce Layer doesn't know this client id and secret. Copy both again from its “Provisioning API” page."
)
NO_SCOPE = (
    "These credentials are for another API. Use those of the “Provisioning API” page in the user menu of Commerce "
    "Layer."
)
# The endpoint's window, whatever Retry-After says.
_AFTER_429_S = 60.0


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = 0
    scope: str = ""


def token(auth_url: str, client_id: str, client_secret: str, *, deadline_s: float) -> Token:
    """A token for these. Raises Refused with a sentence when they are wrong, RateLimited or Unavailable.

    One that is still good may be issued again, with what is left of its life.
    """
    body = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    with obey_deadlines(requests.Session()) as session:
        status, _, content = exchange(
            session,
            "Commerce Layer",
            deadline_s,
            "POST",
            auth_url + PATH,
            json=body,
            headers={"Accept": "application/json"},
        )
    if status == 429:
        raise RateLimited("Commerce Layer asks to wait a minute before the next sign-in.", _AFTER_429_S)
    if status in (400, 401, 403):
        raise Refused(WRONG, status)
    try:
        answer = msgspec.json.decode(content, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unavailable(
            f"Commerce Layer's sign-in service gave no usable answer (status {status})."
        ) from None
    if SCOPE not in answer.scope.split():
        raise Refused(NO_SCOPE, 403)
    return Token(answer.access_token, max(answer.expires_in, 1.0))
