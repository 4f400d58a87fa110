"""What this installation has set for each provider. The settings are named after it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from memberships.providers import registry


def setting(provider: str, name: str) -> Any:
    """Raises AttributeError for what this provider has no use for."""
    return getattr(settings, f"{provider.upper()}_{name}")


def served() -> list[str]:
    """Ids of the organizations whose people may sign in; empty for any."""
    found: list[str] = setting(registry.SIGN_IN, "ORGANIZATIONS")
    return found


def is_served(organization_id: str) -> bool:
    return not served() or organization_id in served()


def installed() -> tuple[str, str, str]:
    """Client id and secret of the installation, and the one organization whose managers may use them."""
    name = registry.ATTACHED
    whose = setting(name, f"FOR_{registry.SIGN_IN.upper()}_ORGANIZATION")
    return setting(name, "CLIENT_ID"), setting(name, "CLIENT_SECRET"), whose
