"""The steps admins take between the members page and a receipt, with JavaScript off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.test import Client
from django.utils import timezone

from memberships.services.plans import SignedIn
from sandbox.calls import CallRecord
from sandbox.server import Server
from sandbox.world import World
from tests.pages import Page


def people(world: World, organization_id: str, role: str, number: int) -> list[str]:
    """The first few active members with that role, by membership id."""
    found = [m["id"] for m in world.members(organization_id) if m["role_id"] == role]
    assert len(found) >= number, f"only {len(found)} people are {role}"
    return found[:number]


def tick(client: Client, member_ids: Sequence[str], **other: Any) -> Page:
    """Tick these people as if they were on one page, and press a button of that page."""
    data = {"shown": member_ids, "member": member_ids} | other
    return Page(client, client.post("/members/selection/", data, follow=True))


def review_role(client: Client, member_ids: Sequence[str], role: str, reason: str = "") -> Page:
    """Choose a role by its name for these people and nobody else, up to the review page."""
    client.post("/members/selection/", {"action": "clear"})
    page = tick(client, member_ids, action="role")
    return page.press("Review", {"New role": role, "Reason": reason})


def review_invitations(client: Client, addresses: str, role: str = "User", reason: str = "") -> Page:
    page = Page.visit(client, "/members/invite/")
    return page.press("Review", {"Email addresses": addresses, "Role": role, "Reason": reason})


def apply(review: Page, number: str = "") -> Page:
    """Press the one button that starts the plan, with the number typed if it asks for one."""
    (button,) = [name for name in review.buttons() if name.startswith(("Apply", "Send"))]
    label = next((e.text for e in review.all("label") if e.text.startswith("Type ")), "")
    return review.press(button, {label: number or label.split()[1]} if label else {})


def just_signed_in() -> SignedIn:
    """What a plan that gives power is applied with in the service itself."""
    return SignedIn(timezone.now())


def changes(close: Server) -> list[CallRecord]:
    """What was sent to Close that is more than a question."""
    return [call for call in close.calls if call.method != "GET" and not call.path.startswith("/oauth2/")]


def verdicts(review: Page) -> dict[str, str]:
    """Whom or what the rows of a review are about, and the last word of each row."""
    tables = ("Will change", "Already so", "Blocked")
    return {row[0]: row[-1] for table in tables for row in review.rows(table)}


def emails(world: World, organization_id: str, member_ids: Iterable[str] = ()) -> list[str]:
    """Of these members, or of everyone."""
    wanted = set(member_ids)
    everyone = world.members(organization_id, active=None)
    return [m["email"] for m in everyone if not wanted or m["id"] in wanted]


def run(queue: list) -> None:
    """Be the worker for what was queued."""
    for result in list(queue):
        result.task.func(*result.args, **result.kwargs)
    queue.clear()
