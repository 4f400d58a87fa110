"""How records look as JSON; each function is one documented shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.events import Event
from sandbox.records import Group, LeadField, Membership, Organization, PhoneNumber, Role, SmartView, User
from sandbox.switches import Switches
from sandbox.work import Opportunity, Task

Body = dict[str, Any]

YEAR_ONE = "0001-01-01T00:00:00"

# The keys of the documented examples, for the switches that answer nothing beyond them.
UPDATE_EXAMPLE = {
    "id",
    "organization_id",
    "user_id",
    "role_id",
    "auto_record_calls",
    "permissions_granted",
    "primary_personal_number",
    "plan_type",
}
ROW_EXAMPLE = {
    "auto_record_calls",
    "id",
    "permissions_granted",
    "role_id",
    "track_email_opens",
    "user",
    "user_email",
    "user_first_name",
    "user_full_name",
    "user_id",
    "user_last_name",
    "user_phone",
}


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def only(body: Body, fields: str | None) -> Body:
    """`_fields`: a comma list; unknown names are ignored, `_all` is everything."""
    if not fields or fields == "_all":
        return body
    wanted = set(fields.split(","))
    return {name: value for name, value in body.items() if name in wanted}


def older_date(moment: datetime) -> str:
    """UTC offset, microsecond digits, millisecond precision."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat(timespec="microseconds")


def newer_date(moment: datetime) -> str:
    """Naive, meaning UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def membership(member: Membership) -> Body:
    """Source: https://developer.close.com/api/resources/memberships/create"""
    return {
        "id": member.id,
        "organization_id": member.organization_id,
        "user_id": member.user.id,
        "role": member.role.id,
        **_settings(member),
        "permissions_granted": list(member.role.permissions),
    }


def created_membership(member: Membership, switches: Switches) -> Body:
    body = membership(member)
    if switches.role_key_is_name and member.role.editable:
        body["role"] = member.role.name
    return body


def updated_membership(member: Membership, switches: Switches) -> Body:
    body = {**created_membership(member, switches), "plan_type": member.plan_type}
    if switches.update_answers_example_keys:
        return {name: body[name] for name in body if name in UPDATE_EXAMPLE}
    return body


def organization(
    record: Organization, switches: Switches, *, fields: str | None = None, expand: str = ""
) -> bytes:
    """The whole organization, already encoded: every member, active and inactive.

    Source: https://developer.close.com/api/resources/organizations
    """
    head = {**organization_head(record), "plan_type": None, "currency": "USD", "currency_symbol": "$"}
    parts = [b'"%s": %s' % (name.encode(), encode(value)) for name, value in only(head, fields).items()]
    expanded = set(expand.split(","))
    for name, active in (("memberships", True), ("inactive_memberships", False)):
        if only({name: ...}, fields):
            rows = _rows(record, active, f"{name}__user" in expanded, switches)
            parts.append(b'"%s": [%s]' % (name.encode(), b", ".join(rows)))
    return b"{%s}" % b", ".join(parts)


def organization_head(record: Organization) -> Body:
    """An organization without its people, as in /me/."""
    return {
        "id": record.id,
        "name": record.name,
        "created_by": record.created_by,
        "updated_by": record.created_by,
        "date_created": older_date(record.created_at),
        "date_updated": older_date(record.created_at),
        "lead_statuses": [],
        "pipelines": [],
    }


def user(person: User) -> Body:
    """Source: https://developer.close.com/api/resources/users"""
    return {
        "id": person.id,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "image": _image(person),
        "date_created": older_date(person.created_at),
        "date_updated": older_date(person.created_at),
        "organizations": person.organization_ids,
    }


def me(person: User, organizations: list[Organization]) -> Body:
    """`organizations` are objects here and ids in /user/, as documented."""
    return {
        **user(person),
        "last_used_timezone": "Europe/London",
        "email_accounts": [],
        "phone_numbers": [
            {
                "id": number.id,
                "number": number.number,
                "organization_id": number.organization_id,
                "date_created": older_date(number.created_at),
                "date_updated": older_date(number.created_at),
            }
            for record in organizations
            for number in record.phone_numbers.values()
            if number.participants == [person.id]
        ],
        "organizations": [organization_head(record) for record in organizations],
        "memberships": [
            {
                "id": member.id,
                "organization_id": member.organization_id,
                "user_id": person.id,
                "role_id": member.role.id,
                "permissions_granted": list(member.role.permissions),
                "auto_record_calls": member.auto_record_calls,
                "track_email_opens": member.track_email_opens,
            }
            for record in organizations
            for member in (record.by_user[person.id],)
        ],
    }


def role(record: Role) -> Body:
    """Source: https://developer.close.com/api/resources/roles"""
    return {
        "id": record.id,
        "name": record.name,
        "editable": record.editable,
        "organization_id": record.organization_id,
        "permissions": list(record.permissions),
        "visibility_user_lcf_ids": record.visibility_user_lcf_ids,
        "visibility_user_lcf_behavior": record.visibility_user_lcf_behavior,
        "date_created": newer_date(record.created_at) if record.created_at else YEAR_ONE,
        "date_updated": newer_date(record.updated_at) if record.updated_at else YEAR_ONE,
    }


def lead_field(record: LeadField) -> Body:
    """Source: https://developer.close.com/api/resources/custom-fields/lead"""
    made = newer_date(record.created_at)
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "accepts_multiple_values": record.several,
        "organization_id": record.organization_id,
        "description": None,
        "editable_with_roles": [],
        "date_created": made,
        "date_updated": made,
    }


def group(record: Group) -> Body:
    """Source: https://developer.close.com/api/resources/groups"""
    return {
        "id": record.id,
        "name": record.name,
        "organization_id": record.organization_id,
        "members": [{"user_id": user_id} for user_id in record.user_ids],
    }


def phone_number(record: PhoneNumber) -> Body:
    """Source: https://developer.close.com/api/resources/phone-numbers"""
    sole = record.participants[0] if len(record.participants) == 1 else None
    return {
        "id": record.id,
        "organization_id": record.organization_id,
        "number": record.number,
        "number_formatted": record.number,
        "label": record.label,
        "type": "internal",
        "country": "GB",
        "carrier": "twilio",
        "carrier_type": "local",
        "user_id": None if record.is_group_number else sole,
        "is_group_number": record.is_group_number,
        "participants": list(record.participants),
        "phone_numbers": [],
        "phone_numbers_formatted": [],
        "forward_to": None,
        "forward_to_formatted": None,
        "forward_to_enabled": False,
        "press_1_to_accept": False,
        "inbound_ring_duration": None,
        "voicemail_greeting_url": None,
        "sms_enabled": True,
        "mms_enabled": False,
        "supports_sms_to_countries": ["GB"],
        "supports_mms_to_countries": [],
        "is_premium": False,
        "is_verified": True,
        "was_ported": False,
        "address_id": None,
        "bundle_id": None,
        "last_billed_price": None,
        "next_billing_on": None,
        "date_created": newer_date(record.created_at),
        "date_updated": newer_date(record.created_at),
    }


def smart_view(record: SmartView) -> Body:
    """Source: https://developer.close.com/api/resources/smart-views"""
    return {
        "id": record.id,
        "name": record.name,
        "description": None,
        "type": record.type,
        "organization_id": record.organization_id,
        "user_id": record.user_id,
        "is_shared": record.is_shared,
        "is_user_dependent": False,
        "query": None,
        "s_query": {"query": {"type": "match_all"}},
        "selected_fields": [],
        "shared_with": [],
        "sharing_settings": {
            "whole_org": record.is_shared,
            "user_ids": list(record.user_ids),
            "group_ids": list(record.group_ids),
            "created_at": newer_date(record.created_at),
            "created_by_id": record.user_id,
            "updated_at": newer_date(record.created_at),
            "updated_by_id": record.user_id,
        },
        "date_created": newer_date(record.created_at),
        "date_updated": newer_date(record.created_at),
    }


def task(record: Task, assignee: User) -> Body:
    """Source: https://developer.close.com/api/resources/tasks"""
    return {
        "_type": record.type,
        "id": record.id,
        "assigned_to": record.assigned_to,
        "assigned_to_name": assignee.full_name,
        "date": record.date,
        "date_created": older_date(record.created_at),
        "date_updated": older_date(record.created_at),
        "is_complete": record.is_complete,
        "is_dateless": False,
        "lead_id": record.lead_id,
        "lead_name": record.lead_name,
        "organization_id": record.organization_id,
        "text": record.text,
    }


def opportunity(record: Opportunity, owner: User) -> Body:
    """Source: https://developer.close.com/api/resources/opportunities"""
    return {
        "id": record.id,
        "user_id": record.user_id,
        "user_name": owner.full_name,
        "lead_id": record.lead_id,
        "lead_name": record.lead_name,
        "note": record.note,
        "organization_id": record.organization_id,
        "status_type": record.status_type,
        "status_label": record.status_type.title(),
        "value": record.value,
        "value_formatted": f"${record.value / 100:,.0f}",
        "value_currency": "USD",
        "value_period": "one_time",
        "date_created": older_date(record.created_at),
        "date_updated": older_date(record.created_at),
    }


def event(record: Event, organization_id: str, *, with_data: bool) -> Body:
    """Source: https://developer.close.com/api/resources/events"""
    return {
        "id": record.id,
        "object_type": record.object_type,
        "object_id": record.object_id,
        "action": record.action,
        "date_created": newer_date(record.at),
        "date_updated": newer_date(record.at),
        "organization_id": organization_id,
        "user_id": record.user_id,
        "lead_id": record.lead_id,
        "request_id": record.request_id,
        "api_key_id": record.api_key_id,
        "changed_fields": sorted(record.previous_data),
        "data": record.data if with_data else None,
        "previous_data": record.previous_data if with_data else {},
        "meta": record.meta,
    }


def _settings(member: Membership) -> Body:
    return {
        "role_id": member.role.id,
        "auto_record_calls": member.auto_record_calls,
        "default_caller_id": member.default_caller_id,
        "hangup_recording_url": member.hangup_recording_url,
        "is_free": member.is_free,
        "may_workflows_impersonate": member.may_workflows_impersonate,
        "onboarding_status": member.onboarding_status,
        "primary_personal_number": member.primary_personal_number,
        "track_email_opens": member.track_email_opens,
    }


def _rows(record: Organization, active: bool, expanded: bool, switches: Switches) -> Iterator[bytes]:
    """The members' encoded rows, from each member's own cache where it is warm."""
    example, keep_id = switches.organization_rows_have_example_keys, switches.expanded_rows_keep_user_id
    variant = f"{expanded}{example}{keep_id}"
    # One list of permissions serves everybody with the role; encoding it per row would be most of the work.
    permissions: dict[str, bytes] = {}
    for member in record.memberships.values():
        if member.active is active:
            row = member.encoded.get(variant)
            if row is None:
                body = _row(member, expanded)
                if example:
                    body = {name: body[name] for name in body if name in ROW_EXAMPLE}
                if expanded and not keep_id:
                    del body["user_id"]
                role = member.role
                if role.id not in permissions:
                    permissions[role.id] = encode(role.permissions)
                row = b'%s, "permissions_granted": %s}' % (encode(body)[:-1], permissions[role.id])
                member.encoded[variant] = row
            yield row


def _row(member: Membership, expanded: bool) -> Body:
    """A member inside their organization: no organization_id, and permissions follow separately."""
    person = member.user
    row: Body = {"id": member.id, "user_id": person.id}
    if expanded:
        row["user"] = user(person)
    else:
        row |= {
            "user_email": person.email,
            "user_first_name": person.first_name,
            "user_last_name": person.last_name,
            "user_full_name": person.full_name,
            "user_phone": person.phone,
            "user_image": _image(person),
        }
    return row | _settings(member)


def _image(person: User) -> str:
    """Same shape as Close's avatar links, but on a name that resolves nowhere."""
    return f"https://images.close-rehearsal.example/avatar/{hashlib.md5(person.email.encode()).hexdigest()}"
