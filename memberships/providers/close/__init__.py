"""Close: https://developer.close.com/api/ . One client acts in one person's name on one organization."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from memberships.domain.happenings import Happening
from memberships.domain.items import NAME, OWNER, Item, Items, Kind, role_item
from memberships.domain.people import PINS, ROLE, Actor, Role, Roster, Value
from memberships.domain.views import View

from .. import (
    Answer,
    Change,
    Creation,
    Deactivation,
    Deletion,
    Grouping,
    Invitation,
    ItemChange,
    Pinning,
    Request,
)
from ..client import Client
from ..errors import Refused
from ..http import Service
from ..many import get_many
from . import answers
from .capabilities import CAPABILITIES, MANAGE, VISIBILITY_FIELDS

__all__ = ["CAPABILITIES", "MANAGE", "CloseProvider"]

API_PATH = "/api/v1/"
# Every kind there is: without it the list is of leads only.
_VIEW_TYPES = (
    "lead,contact,opportunity,call,email,sms,meeting,note,whatsapp_message,custom_activity,form_submission"
)
_EVENTS = {
    Kind.MEMBER: ("membership", ("activated", "deactivated")),
    Kind.GROUP: ("group", ("created", "updated", "deleted")),
}
# 1,000 events an action: whoever changed more people than that at once is known by one of them.
_MOST_EVENT_PAGES = 20
_GROUP_FIELDS = {"_fields": "id,name,organization_id,members"}
_INVITATION_ADVICE = {
    # Close documents three causes for one status and no text, so all that could help is said.
    # https://developer.close.com/api/resources/memberships/create
    403: "Close allows invitations only when Settings > Organization > “Restrict new users to emails from these "
    "domains” is on, for a role that can't manage the organization, by someone with Manage Organization.",
    400: "If the address is right, check in Close under Settings > Organization that its domain is among the "
    "verified domains.",
}
_NO_CUSTOM_ROLES = (
    "Custom roles belong to Close's largest plan (today “Scale”): see Settings > Billing in Close. People who can do "
    "without one get a system role."
)


class CloseProvider(Client):
    """The organization somebody chose when they signed in."""

    capabilities = CAPABILITIES
    service = Service("Close", API_PATH, "me/", answers.explain)

    # People

    def actor(self) -> Actor:
        """Source: https://developer.close.com/api/resources/users"""
        return answers.actor(self.api.call("GET", "me/"), self.organization_id)

    def organizations(self) -> list[tuple[str, str]]:
        """Those this person manages; an API key is good for one of them.

        Source: https://developer.close.com/api/resources/users
        """
        return answers.managed(self.api.call("GET", "me/"))

    def roster(self) -> Roster:
        """One call for everyone, active or not.

        Source: https://developer.close.com/api/resources/organizations
        """
        read_at = datetime.now(UTC)
        answer = self.api.call(
            "GET",
            f"organization/{self.organization_id}/",
            params={"_fields": "id,name,memberships,inactive_memberships"},
        )
        name, members = answers.organization(answer, self.organization_id)
        return Roster(self.organization_id, name, members, read_at)

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        """Source: https://developer.close.com/api/resources/phone-numbers"""
        params = {"participant_user_id": user_id, "_fields": "id,number,number_formatted,label"}
        return [answers.number(item) for item in self._all("phone_number/", params)]

    def pinned_views(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Source: https://developer.close.com/api/resources/memberships"""
        found = get_many(self.api, [(f"membership/{pk}/pinned_views/", None) for pk in member_ids])
        return dict(zip(member_ids, map(answers.pins, found), strict=True))

    def views(self) -> list[View]:
        """Source: https://developer.close.com/api/resources/smart-views"""
        params = {
            "type__in": _VIEW_TYPES,
            "_fields": "id,name,type,user_id,is_shared,shared_with,sharing_settings",
        }
        return [answers.view(item) for item in self._all("saved_search/", params)]

    # Roles and groups

    def roles(self) -> list[Role]:
        """Source: https://developer.close.com/api/resources/roles"""
        return [answers.role(item) for item in self._all("role/")]

    def role_choices(self) -> Mapping[str, list[tuple[str, str]]]:
        """Lead custom fields that hold users. Source: https://developer.close.com/api/resources/custom-fields/lead"""
        found = map(answers.user_field, self._all("custom_field/lead/", {"_fields": "id,name,type"}))
        return {VISIBILITY_FIELDS: [pair for pair in found if pair]}

    def groups(self) -> list[Item]:
        """Source: https://developer.close.com/api/resources/groups"""
        return [answers.group(item) for item in self._all("group/", {"_fields": "id,name,organization_id"})]

    def group_members(self, group_id: str) -> frozenset[str] | None:
        """Source: https://developer.close.com/api/resources/groups"""
        answer = self._or_none(f"group/{group_id}/", _GROUP_FIELDS)
        return None if answer is None else answers.group_members(answer)

    # Work

    def work(self, kind: Kind, user_id: str) -> list[Item]:
        """Sources: https://developer.close.com/api/resources/tasks,
        https://developer.close.com/api/resources/opportunities
        """
        if kind is Kind.TASK:
            # Without a type only those about leads are listed.
            params = {"assigned_to": user_id, "is_complete": "false", "_type": "all"}
            return [answers.task(item) for item in self._all("task/", params)]
        params = {"user_id": user_id, "status_type": "active"}
        return [answers.opportunity(item) for item in self._all("opportunity/", params)]

    def find_work(self, kind: Kind, item_ids: Collection[str], holders: Collection[str]) -> Items:
        """Tasks by id, as many in a call as fit into its address; opportunities by owner, the rest one by one."""
        found: dict[tuple[Kind, str], Item] = {}
        wanted = dict.fromkeys(item_ids)
        if kind is Kind.TASK:
            for ids in batched(wanted, CAPABILITIES.bulk_sizes[Kind.TASK], strict=False):
                params = {"id__in": ",".join(ids), "_type": "all"}
                found |= {(kind, i.id): i for i in map(answers.task, self._all("task/", params))}
            return found
        for user_id in holders:
            found |= {(kind, i.id): i for i in self.work(kind, user_id) if i.id in wanted}
        for pk in wanted:
            if (kind, pk) not in found and (answer := self._or_none(f"opportunity/{pk}/")) is not None:
                found[kind, pk] = answers.opportunity(answer)
        return found

    # History

    def happenings(self, kind: Kind, since: datetime) -> list[Happening]:
        """Kept for 30 days; a type has to be asked for together with an action.

        Source: https://developer.close.com/api/resources/events
        """
        object_type, actions = _EVENTS[kind]
        found: list[Happening] = []
        for action in actions:
            params = {
                "object_type": object_type,
                "action": action,
                "date_updated__gt": since.isoformat(),
                "_fields": "object_id,action,date_updated,user_id",
            }
            cursor: str | None = ""
            for _ in range(_MOST_EVENT_PAGES):
                page = self.api.call(
                    "GET", "event/", params={**params, "_cursor": cursor} if cursor else params
                )
                found += [answers.happening(item, kind) for item in answers.items(page)]
                cursor = page.get("cursor_next")
                if not isinstance(cursor, str) or not cursor:
                    break
        return found

    # Changes

    def apply(self, request: Request) -> Answer:
        """Sources: https://developer.close.com/api/resources/memberships and the pages named above"""
        match request:
            case Invitation(email, role_id, _):
                body = {"email": email, "role_id": role_id}
                try:
                    return answers.changed_member(self.api.call("POST", "membership/", body=body))
                except Refused as refusal:
                    advice = _INVITATION_ADVICE.get(refusal.status, "")
                    raise Refused(str(refusal), refusal.status, advice) from None
            case Deactivation(member_id):
                self.api.call("DELETE", f"membership/{member_id}/")
                return None
            case Change(fields, (member_id,)):
                answer = self.api.call("PUT", f"membership/{member_id}/", body=_body(fields))
                return answers.changed_member(answer)
            case Change(fields, member_ids):
                # A bulk call whose filter is missing may change everybody: Change can't be built without ids.
                bulk: dict[str, Any] = {"_params": {"id__in": ",".join(member_ids)}, **_body(fields)}
                self.api.call("PUT", "membership/", body=bulk)
                return None
            case Grouping(group_id, user_id, True):
                self.api.call("POST", f"group/{group_id}/member/", body={"user_id": user_id})
                return None
            case Grouping(group_id, user_id, False):
                self.api.call("DELETE", f"group/{group_id}/member/{user_id}/")
                return None
            case Pinning(member_id, view_ids):
                body_of_pins = {"saved_view_ids": list(view_ids)}
                answer = self.api.call("PUT", f"membership/{member_id}/pinned_views/", body=body_of_pins)
                return Item(Kind.MEMBER, member_id, "", {PINS: answers.pins(answer)})
            case _:
                return self._apply_to_item(request)

    def _apply_to_role(self, request: Creation | ItemChange | Deletion) -> Item | None:
        try:
            match request:
                case Creation(values=values):
                    answer = self.api.call("POST", "role/", body=_body(values))
                case ItemChange(values=values, item_ids=(role_id,)):
                    answer = self.api.call("PUT", f"role/{role_id}/", body=_body(values))
                case Deletion(item_id=role_id):
                    self.api.call("DELETE", f"role/{role_id}/")
                    return None
                case _:
                    raise TypeError(request)
        except Refused as refusal:
            # https://help.close.com/docs/roles-permissions
            advice = _NO_CUSTOM_ROLES if refusal.status == 402 else ""
            raise Refused(str(refusal), refusal.status, advice) from None
        return role_item(answers.role(answer))

    def _apply_to_item(self, request: Request) -> Item | None:
        match request:
            case Creation() | ItemChange() | Deletion() if request.kind is Kind.ROLE:
                return self._apply_to_role(request)
            case Creation(Kind.GROUP, values):
                # Without `_fields` an answer may be the id alone.
                body = {NAME: values[NAME]}
                return answers.group(self.api.call("POST", "group/", params=_GROUP_FIELDS, body=body))
            case ItemChange(Kind.GROUP, values, (group_id,)):
                body = {NAME: values[NAME]}
                return answers.group(
                    self.api.call("PUT", f"group/{group_id}/", params=_GROUP_FIELDS, body=body)
                )
            case Deletion(Kind.GROUP, group_id):
                self.api.call("DELETE", f"group/{group_id}/")
                return None
            case ItemChange(Kind.TASK, values, task_ids):
                # As with people: without the ids every task might be given away. Without the type, only some are.
                params = {"id__in": ",".join(task_ids), "_type": "all"}
                self.api.call("PUT", "task/", params=params, body={"assigned_to": values[OWNER]})
                return None
            case ItemChange(Kind.OPPORTUNITY, values, (opportunity_id,)):
                answer = self.api.call(
                    "PUT", f"opportunity/{opportunity_id}/", body={"user_id": values[OWNER]}
                )
                return answers.opportunity(answer)
            case _:
                raise TypeError(request)

    # Asking

    def _all(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Every item of a list, page after page."""
        seen = 0
        while True:
            skip = {"_skip": str(seen)} if seen else {}
            page = self.api.call("GET", path, params={**(params or {}), **skip} or None)
            found = answers.items(page)
            yield from found
            seen += len(found)
            if not found or page.get("has_more") is not True:
                return

    def _or_none(self, path: str, params: dict[str, str] | None = None) -> Any:
        """One resource; None when there is no such thing (404)."""
        try:
            return self.api.call("GET", path, params=params)
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return None


def _body(fields: Mapping[str, Value]) -> dict[str, Any]:
    return {
        "role_id" if name == ROLE else name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
    }
