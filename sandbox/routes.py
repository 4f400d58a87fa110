"""The API's routes, one table, and what each answers.

Documented calls that are not rehearsed answer 501; what is not in the table does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import bodies, groups, members, roles, work
from sandbox.errors import BadRequest, NotFound
from sandbox.events import Event
from sandbox.messages import Response
from sandbox.records import Caller
from sandbox.routing import Route
from sandbox.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call: the filters, and the JSON body without them."""

    world: World
    caller: Caller
    params: Mapping[str, str]
    body: dict[str, Any]

    @property
    def fields(self) -> str | None:
        return self.params.get("_fields")


def me(call: Call) -> Response:
    user, granted = call.caller.membership.user, call.caller.organization
    if call.world.switches.me_lists_every_organization:
        mine = [call.world.organizations[organization_id] for organization_id in user.organization_ids]
    else:
        mine = [granted]
    return Response.json(bodies.only(bodies.me(user, mine), call.fields))


def list_users(call: Call) -> Response:
    departed = call.world.switches.users_include_departed
    users = [
        membership.user
        for membership in call.caller.organization.memberships.values()
        if membership.active or departed
    ]
    match call.params.get("_order_by"):
        case "last_name,first_name":
            users.sort(key=lambda user: (user.last_name or "", user.first_name or ""))
        case "first_name,last_name":
            users.sort(key=lambda user: (user.first_name or "", user.last_name or ""))
        case _:
            users.sort(key=lambda user: user.id)
    return _page(call, users, bodies.user, most=1000)


def get_user(call: Call, user_id: str) -> Response:
    membership = call.caller.organization.by_user.get(user_id)
    if membership is None:
        raise NotFound("User")
    return Response.json(bodies.only(bodies.user(membership.user), call.fields))


def get_organization(call: Call, organization_id: str) -> Response:
    organization = call.caller.organization
    if organization.id != organization_id:
        raise NotFound("Organization")
    expand = call.params.get("_expand", "")
    return Response(
        body=bodies.organization(organization, call.world.switches, fields=call.fields, expand=expand)
    )


def create_membership(call: Call) -> Response:
    membership = members.create(call.world, call.caller, call.body)
    return Response.json(bodies.created_membership(membership, call.world.switches))


def update_memberships(call: Call) -> Response:
    count = members.update_many(call.world, call.caller, call.params.get("id__in"), call.body)
    return Response.json({"count": count})


def update_membership(call: Call, membership_id: str) -> Response:
    membership = members.find(call.caller.organization, membership_id)
    members.update(call.world, call.caller, membership, call.body)
    return Response.json(bodies.updated_membership(membership, call.world.switches))


def delete_membership(call: Call, membership_id: str) -> Response:
    membership = members.find(call.caller.organization, membership_id)
    members.deactivate(call.world, call.caller, membership)
    return Response.json({}) if call.world.switches.delete_answers_json else Response.empty(200)


def get_pinned_views(call: Call, membership_id: str) -> Response:
    membership = members.find(call.caller.organization, membership_id)
    return Response.json({"saved_view_ids": members.pinned_views(call.caller, membership)})


def put_pinned_views(call: Call, membership_id: str) -> Response:
    membership = members.find(call.caller.organization, membership_id)
    return Response.json(
        {"saved_view_ids": members.pin_views(call.world, call.caller, membership, call.body)}
    )


def list_roles(call: Call) -> Response:
    return _page(call, call.caller.organization.roles.values(), bodies.role)


def create_role(call: Call) -> Response:
    role = roles.create(call.world, call.caller, call.body)
    return Response.json(bodies.role(role), 201, location=f"/api/v1/role/{role.id}/")


def get_role(call: Call, role_id: str) -> Response:
    return Response.json(bodies.only(bodies.role(roles.find(call.caller.organization, role_id)), call.fields))


def update_role(call: Call, role_id: str) -> Response:
    role = roles.find(call.caller.organization, role_id)
    roles.update(call.world, call.caller, role, call.body)
    return Response.json(bodies.role(role))


def delete_role(call: Call, role_id: str) -> Response:
    roles.delete(call.world, call.caller, roles.find(call.caller.organization, role_id))
    return Response.json({}) if call.world.switches.delete_answers_json else Response.empty(200)


def list_lead_fields(call: Call) -> Response:
    return _page(call, call.caller.organization.lead_fields.values(), bodies.lead_field)


def list_groups(call: Call) -> Response:
    fields = _group_fields(call)
    named = ",".join(name for name in fields.split(",") if name != "members")
    return _page(call, call.caller.organization.groups.values(), bodies.group, fields=named)


def create_group(call: Call) -> Response:
    group = groups.create(call.world, call.caller, call.body)
    return Response.json(bodies.group(group), 201, location=f"/api/v1/group/{group.id}/")


def get_group(call: Call, group_id: str) -> Response:
    group = groups.find(call.caller.organization, group_id)
    return Response.json(bodies.only(bodies.group(group), _group_fields(call)))


def rename_group(call: Call, group_id: str) -> Response:
    group = groups.find(call.caller.organization, group_id)
    groups.rename(call.caller, group, call.body)
    return Response.json(bodies.only(bodies.group(group), _group_fields(call)))


def delete_group(call: Call, group_id: str) -> Response:
    groups.delete(call.caller, groups.find(call.caller.organization, group_id))
    return Response.empty(204)


def add_group_member(call: Call, group_id: str) -> Response:
    user_id = groups.add(call.caller, groups.find(call.caller.organization, group_id), call.body)
    location = f"/api/v1/group/{group_id}/member/{user_id}/"
    return Response.json({"user_id": user_id}, 201, location=location)


def remove_group_member(call: Call, group_id: str, user_id: str) -> Response:
    groups.remove(call.caller, groups.find(call.caller.organization, group_id), user_id)
    return Response.empty(204)


def list_smart_views(call: Call) -> Response:
    """Without `type__in` only lead views, as documented."""
    params = call.params
    types = set(params["type__in"].split(",")) if "type__in" in params else {params.get("type", "lead")}
    me = call.caller.membership.user.id
    my_groups = {group.id for group in call.caller.organization.groups.values() if me in group.user_ids}
    views = [
        view
        for view in call.caller.organization.smart_views.values()
        if view.type in types
        and (view.is_shared or me in (view.user_id, *view.user_ids) or my_groups & set(view.group_ids))
    ]
    return _page(call, views, bodies.smart_view)


def get_smart_view(call: Call, view_id: str) -> Response:
    view = call.caller.organization.smart_views.get(view_id)
    if view is None:
        raise NotFound("SavedSearch")
    return Response.json(bodies.only(bodies.smart_view(view), call.fields))


def list_phone_numbers(call: Call) -> Response:
    params, numbers = call.params, call.caller.organization.phone_numbers.values()
    user_id, flag = params.get("user_id"), params.get("is_group_number")
    participant = params.get("participant_user_id")
    found = [
        number
        for number in numbers
        if params.get("number") in (None, number.number)
        and (participant is None or participant in number.participants)
        and (user_id is None or (number.participants == [user_id] and not number.is_group_number))
        and (flag is None or (flag.lower() in {"true", "1"}) is number.is_group_number)
    ]
    return _page(call, found, bodies.phone_number)


def get_phone_number(call: Call, phone_id: str) -> Response:
    number = call.caller.organization.phone_numbers.get(phone_id)
    if number is None:
        raise NotFound("PhoneNumber")
    return Response.json(bodies.only(bodies.phone_number(number), call.fields))


def list_tasks(call: Call) -> Response:
    return _page(call, work.find_tasks(call.caller, call.params), lambda task: _task(call, task), most=1000)


def update_tasks(call: Call) -> Response:
    return Response.json({"count": work.update_tasks(call.world, call.caller, call.params, call.body)})


def get_task(call: Call, task_id: str) -> Response:
    return Response.json(bodies.only(_task(call, work.task(call.caller, task_id)), call.fields))


def update_task(call: Call, task_id: str) -> Response:
    task = work.task(call.caller, task_id)
    work.update_task(call.world, call.caller, task, call.body)
    return Response.json(_task(call, task))


def list_opportunities(call: Call) -> Response:
    found = work.find_opportunities(call.caller, call.params)
    return _page(call, found, lambda opportunity: _opportunity(call, opportunity), most=250)


def get_opportunity(call: Call, opportunity_id: str) -> Response:
    found = work.opportunity(call.caller, opportunity_id)
    return Response.json(bodies.only(_opportunity(call, found), call.fields))


def update_opportunity(call: Call, opportunity_id: str) -> Response:
    found = work.opportunity(call.caller, opportunity_id)
    work.update_opportunity(call.world, call.caller, found, call.body)
    return Response.json(_opportunity(call, found))


def list_events(call: Call) -> Response:
    appear_after_s = call.world.switches.events_appear_after_s
    page = call.caller.organization.events.find(call.params, appear_after_s=appear_after_s)
    return Response.json(
        {
            "data": [bodies.only(_event(call, event), call.fields) for event in page.events],
            "cursor_next": page.cursor_next,
            "cursor_previous": page.cursor_previous,
        }
    )


def get_event(call: Call, event_id: str) -> Response:
    event = call.caller.organization.events.get(event_id)
    return Response.json(bodies.only(_event(call, event), call.fields))


def not_rehearsed(call: Call, **ids: str) -> Response:
    """Close documents it; the rehearsal does not have it."""
    return Response.json({"error": "The rehearsal Close does not emulate this call."}, 501)


def _task(call: Call, task: work.Task) -> bodies.Body:
    return bodies.task(task, call.world.users[task.assigned_to])


def _opportunity(call: Call, opportunity: work.Opportunity) -> bodies.Body:
    return bodies.opportunity(opportunity, call.world.users[opportunity.user_id])


def _event(call: Call, event: Event) -> bodies.Body:
    """Only those who manage the organization see what an event older than an hour was about."""
    young = call.world.clock() - event.at.timestamp() < 3600
    return bodies.event(event, call.caller.organization.id, with_data=young or call.caller.manages)


def _group_fields(call: Call) -> str:
    if call.fields:
        return call.fields
    return "id" if call.world.switches.group_fields_must_be_named else "id,name,organization_id"


def _page[Record](
    call: Call,
    records: Iterable[Record],
    shape: Callable[[Record], bodies.Body],
    *,
    fields: str | None = None,
    most: int = 200,
) -> Response:
    """One page by `_limit` and `_skip`. Raises BadRequest."""
    limit_text, skip_text = call.params.get("_limit", "100"), call.params.get("_skip", "0")
    if not limit_text.isdecimal():
        raise BadRequest(f'_limit must be an integer (got "{limit_text}" instead).')
    if not skip_text.isdecimal():
        raise BadRequest(f'_skip must be a non-negative integer (got "{skip_text}" instead).')
    limit, skip = int(limit_text), int(skip_text)
    if limit > most:
        raise BadRequest(
            f"The limit you set is larger than the maximum limit for this resource (max_limit = {most})."
        )
    everything = list(records)
    page = [bodies.only(shape(record), fields or call.fields) for record in everything[skip : skip + limit]]
    return Response.json({"data": page, "has_more": skip + limit < len(everything)})


API = (
    Route("GET", "/me/", me),
    Route("GET", "/user/", list_users),
    Route("GET", "/user/availability/", not_rehearsed),
    Route("GET", "/user/{user_id}/", get_user),
    Route("GET", "/organization/{organization_id}/", get_organization),
    Route("PUT", "/organization/{organization_id}/", not_rehearsed),
    Route("POST", "/membership/", create_membership),
    Route("PUT", "/membership/", update_memberships),
    Route("PUT", "/membership/{membership_id}/", update_membership),
    Route("DELETE", "/membership/{membership_id}/", delete_membership),
    Route("GET", "/membership/{membership_id}/pinned_views/", get_pinned_views),
    Route("PUT", "/membership/{membership_id}/pinned_views/", put_pinned_views),
    Route("GET", "/role/", list_roles),
    Route("POST", "/role/", create_role),
    Route("GET", "/role/{role_id}/", get_role),
    Route("PUT", "/role/{role_id}/", update_role),
    Route("DELETE", "/role/{role_id}/", delete_role),
    Route("GET", "/group/", list_groups),
    Route("POST", "/group/", create_group),
    Route("GET", "/group/{group_id}/", get_group),
    Route("PUT", "/group/{group_id}/", rename_group),
    Route("DELETE", "/group/{group_id}/", delete_group),
    Route("POST", "/group/{group_id}/member/", add_group_member),
    Route("DELETE", "/group/{group_id}/member/{user_id}/", remove_group_member),
    Route("GET", "/saved_search/", list_smart_views),
    Route("POST", "/saved_search/", not_rehearsed),
    Route("GET", "/saved_search/{view_id}/", get_smart_view),
    Route("PUT", "/saved_search/{view_id}/", not_rehearsed),
    Route("DELETE", "/saved_search/{view_id}/", not_rehearsed),
    Route("GET", "/phone_number/", list_phone_numbers),
    Route("POST", "/phone_number/request/internal/", not_rehearsed),
    Route("GET", "/phone_number/{phone_id}/", get_phone_number),
    Route("PUT", "/phone_number/{phone_id}/", not_rehearsed),
    Route("DELETE", "/phone_number/{phone_id}/", not_rehearsed),
    Route("GET", "/event/", list_events),
    Route("GET", "/event/{event_id}/", get_event),
    Route("GET", "/webhook/", not_rehearsed),
    Route("POST", "/webhook/", not_rehearsed),
    Route("GET", "/webhook/{webhook_id}/", not_rehearsed),
    Route("PUT", "/webhook/{webhook_id}/", not_rehearsed),
    Route("DELETE", "/webhook/{webhook_id}/", not_rehearsed),
    Route("GET", "/custom_field/lead/", list_lead_fields),
    Route("GET", "/task/", list_tasks),
    Route("PUT", "/task/", update_tasks),
    Route("GET", "/task/{task_id}/", get_task),
    Route("PUT", "/task/{task_id}/", update_task),
    Route("GET", "/opportunity/", list_opportunities),
    Route("GET", "/opportunity/{opportunity_id}/", get_opportunity),
    Route("PUT", "/opportunity/{opportunity_id}/", update_opportunity),
    Route("POST", "/bulk_action/edit/", not_rehearsed),
    Route("PUT", "/sequence_subscription/{subscription_id}/", not_rehearsed),
    Route("GET", "/connected_account/", not_rehearsed),
)
