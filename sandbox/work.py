"""What is on people's desks: tasks and opportunities, and handing them to somebody else.

Sources: https://developer.close.com/api/resources/tasks, https://developer.close.com/api/resources/opportunities
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sandbox import fields
from sandbox.errors import BadRequest, Invalid, NotFound, NotPermitted

if TYPE_CHECKING:
    from sandbox.records import Caller, Membership
    from sandbox.world import World

TASK_FIELDS = {"assigned_to", "date", "is_complete"}
OPPORTUNITY_FIELDS = {"user_id"}

# Documented, but not rehearsed: better refused than taken for an unknown filter, which Close ignores.
NOT_REHEARSED = (
    "view",
    "date",
    "due_date",
    "query",
    "_group_by",
    "status_id",
    "status_label",
    "value_period",
)


@dataclass(slots=True)
class Task:
    id: str
    organization_id: str
    type: str
    assigned_to: str
    text: str
    date: str
    created_at: datetime
    is_complete: bool = False
    lead_id: str | None = None
    lead_name: str | None = None
    refusal: str | None = None


@dataclass(slots=True)
class Opportunity:
    """`value` is in cents; `status_type` is active, won or lost. `refusal`, as of a task, fails every change of it."""

    id: str
    organization_id: str
    user_id: str
    note: str
    value: int
    status_type: str
    created_at: datetime
    lead_id: str | None = None
    lead_name: str | None = None
    refusal: str | None = None


def find_tasks(caller: Caller, params: Mapping[str, str]) -> list[Task]:
    """Only `lead` tasks unless types are named, or `all`. Filters Close does not know are ignored."""
    _refuse_unrehearsed(params)
    types = params["_type__in"].split(",") if "_type__in" in params else [params.get("_type", "lead")]
    ids = params["id__in"].split(",") if "id__in" in params else None
    complete = params.get("is_complete")
    return [
        task
        for task in caller.organization.tasks.values()
        if (task.type in types or types == ["all"])
        and params.get("assigned_to") in (None, task.assigned_to)
        and params.get("id") in (None, task.id)
        and params.get("lead_id") in (None, task.lead_id)
        and (ids is None or task.id in ids)
        and (complete is None or (complete.lower() in {"true", "1"}) is task.is_complete)
    ]


def find_opportunities(caller: Caller, params: Mapping[str, str]) -> list[Opportunity]:
    """By owner, status type and lead; filters Close does not know are ignored."""
    _refuse_unrehearsed(params)
    users = params["user_id__in"].split(",") if "user_id__in" in params else None
    statuses = params["status_type__in"].split(",") if "status_type__in" in params else None
    return [
        opportunity
        for opportunity in caller.organization.opportunities.values()
        if params.get("user_id") in (None, opportunity.user_id)
        and params.get("status_type") in (None, opportunity.status_type)
        and params.get("lead_id") in (None, opportunity.lead_id)
        and (users is None or opportunity.user_id in users)
        and (statuses is None or opportunity.status_type in statuses)
    ]


def update_task(world: World, caller: Caller, task: Task, body: Mapping[str, Any]) -> None:
    """Only assigned_to, date and is_complete may change. Raises Invalid or NotPermitted."""
    _must_handle(caller, task.assigned_to, "manage_others_tasks")
    fields.only(body, TASK_FIELDS, world.switches)
    if task.refusal:
        raise Invalid(task.refusal)
    assignee = _assignee(caller, body, "assigned_to", task.assigned_to)
    complete, date = body.get("is_complete", task.is_complete), body.get("date", task.date)
    if not isinstance(complete, bool):
        raise Invalid(fields={"is_complete": fields.NOT_A_FLAG})
    if not isinstance(date, str):
        raise Invalid(fields={"date": fields.NOT_TEXT})
    task.assigned_to, task.is_complete, task.date = assignee.user.id, complete, date


def update_tasks(world: World, caller: Caller, params: Mapping[str, str], body: Mapping[str, Any]) -> int:
    """Every task the filters find, one after another; without a filter that is every lead task.

    Raises Invalid, with the `count` of what was done before.
    """
    tasks, limit = find_tasks(caller, params), world.switches.bulk_refused_from
    if len(tasks) >= limit:
        raise Invalid(f"It's not allowed to update more than {limit} objects at once")
    for done, task in enumerate(tasks):
        try:
            update_task(world, caller, task, body)
        except Invalid as refusal:
            refusal.count = done
            raise
    return len(tasks)


def update_opportunity(
    world: World, caller: Caller, opportunity: Opportunity, body: Mapping[str, Any]
) -> None:
    """Only the owner changes here. Raises Invalid or NotPermitted."""
    _must_handle(caller, opportunity.user_id, "manage_others_opportunities")
    fields.only(body, OPPORTUNITY_FIELDS, world.switches)
    if opportunity.refusal:
        raise Invalid(opportunity.refusal)
    opportunity.user_id = _assignee(caller, body, "user_id", opportunity.user_id).user.id


def task(caller: Caller, task_id: str) -> Task:
    """Raises NotFound."""
    try:
        return caller.organization.tasks[task_id]
    except KeyError:
        raise NotFound("Task") from None


def opportunity(caller: Caller, opportunity_id: str) -> Opportunity:
    """Raises NotFound."""
    try:
        return caller.organization.opportunities[opportunity_id]
    except KeyError:
        raise NotFound("Opportunity") from None


def _must_handle(caller: Caller, owner_id: str, permission: str) -> None:
    if owner_id != caller.membership.user.id and permission not in caller.membership.role.permissions:
        raise NotPermitted


def _assignee(caller: Caller, body: Mapping[str, Any], key: str, current: str) -> Membership:
    """An active member; whoever has it now may have left."""
    user_id = body.get(key, current)
    membership = caller.organization.by_user.get(user_id) if isinstance(user_id, str) else None
    if membership is None or (key in body and not membership.active):
        raise Invalid(fields={key: fields.UNKNOWN})
    return membership


def _refuse_unrehearsed(params: Mapping[str, str]) -> None:
    for name in params:
        if name.partition("__")[0] in NOT_REHEARSED:
            raise BadRequest(f"The rehearsal Close does not emulate the filter {name}.")
