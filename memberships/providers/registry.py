"""Which providers there are. Only here are they known by name."""

from collections.abc import Mapping
from typing import Any

from . import Capabilities, MembershipProvider
from .close import CAPABILITIES as CLOSE
from .close import CloseProvider
from .commercelayer import CAPABILITIES as COMMERCE_LAYER
from .commercelayer import CommerceLayerProvider
from .http import Credentials

SIGN_IN = "close"
"""The provider people sign in with."""

ATTACHED = "commercelayer"
"""The provider whose organizations are attached to one that people sign in to."""

_CAPABILITIES: Mapping[str, Capabilities] = {SIGN_IN: CLOSE, ATTACHED: COMMERCE_LAYER}
_CLIENTS: Mapping[str, Any] = {SIGN_IN: CloseProvider, ATTACHED: CommerceLayerProvider}


def capabilities(name: str) -> Capabilities:
    return _CAPABILITIES[name]


def client(
    name: str, api_url: str, credentials: Credentials, organization_id: str, **options: Any
) -> MembershipProvider:
    """A client of this provider for one organization; `options` as for `Api`."""
    found: MembershipProvider = _CLIENTS[name](api_url, credentials, organization_id, **options)
    return found
