"""Which providers there are. Only here are they known by name."""

from collections.abc import Mapping
from typing import Any

from . import Capabilities, MembershipProvider, Token
from .close import CAPABILITIES as CLOSE
from .close import CloseProvider
from .commercelayer import CAPABILITIES as COMMERCE_LAYER
from .commercelayer import CommerceLayerProvider
from .commercelayer import token as commerce_layer_token
from .http import Credentials

SIGN_IN = "close"
"""The provider people sign in with."""

ATTACHED = "commercelayer"
"""The provider whose organizations are attached to one that people sign in to."""

_CAPABILITIES: Mapping[str, Capabilities] = {SIGN_IN: CLOSE, ATTACHED: COMMERCE_LAYER}
_CLIENTS: Mapping[str, Any] = {SIGN_IN: CloseProvider, ATTACHED: CommerceLayerProvider}
_TOKENS = {ATTACHED: commerce_layer_token.token}


def names() -> list[str]:
    return list(_CAPABILITIES)


def capabilities(name: str) -> Capabilities:
    return _CAPABILITIES[name]


def client(
    name: str, api_url: str, credentials: Credentials, organization_id: str, **options: Any
) -> MembershipProvider:
    """A client of this provider for one organization; `options` as for `Api`."""
    found: MembershipProvider = _CLIENTS[name](api_url, credentials, organization_id, **options)
    return found


def front_door(name: str, api_url: str) -> str:
    """An address that answers anybody: with a refusal whoever has no credentials."""
    service = _CLIENTS[name].service
    return f"{api_url.rstrip('/')}{service.path}{service.whoami}"


def token(name: str, auth_url: str, client_id: str, client_secret: str, *, deadline_s: float) -> Token:
    """Exchange somebody's own client id and secret. Raises Refused with a sentence when they are wrong."""
    return _TOKENS[name](auth_url, client_id, client_secret, deadline_s=deadline_s)
