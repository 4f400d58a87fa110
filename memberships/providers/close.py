"""Close: https://developer.close.com/api/ . One client acts in one person's name on one organization."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from memberships.domain.people import ROLE, Actor, Member, Role, Roster, Status, Value

from . import Capabilities, Change, Deactivation, Field, FieldKind, Invitation, Request
from .errors import Refused, Unavailable
from .http import Api, Credentials

API_PATH = "/api/v1/"
MANAGE = "manage_organization"

_ON_OFF = (("true", "On"), ("false", "Off"))

CAPABILITIES = Capabilities(
    label="Close",
    fields=(
        Field(ROLE, "Role", FieldKind.ROLE),
        Field(
            "auto_record_calls",
            "Call recording",
            FieldKind.CHOICE,
            (("enabled", "On"), ("disabled", "Off"), ("unset", "Not set")),
            hint="Close documents On and Off for changes; it may refuse to go back to Not set.",
        ),
        Field("track_email_opens", "Email open tracking", FieldKind.FLAG, _ON_OFF),
        Field("may_workflows_impersonate", "Workflows may send as this person", FieldKind.FLAG, _ON_OFF),
        Field(
            "default_caller_id",
            "Default caller ID",
            FieldKind.NUMBER,
            bulk=False,
            hint="One of the numbers this person takes part in.",
        ),
        Field(
            "hangup_recording_url",
            "Voicemail drop URL",
            FieldKind.URL,
            hint="An https address of a recording. Leave it empty to have none.",
        ),
    ),
    # Close's own framework refuses 1,000 and more at once; half of that keeps a call short.
    bulk_size=500,
    invite=True,
    deactivate=True,
    deactivation_notes=(
        "Their open tasks, opportunities and leads stay with them: move those first.",
        "They stay in their groups, in custom fields and on past activities.",
        "The seat is paid until the billing cycle ends and nothing is given back: deactivate before you invite someone "
        "who takes the seat.",
        "They can be reactivated at any time.",
    ),
    reactivation_notes=(
        "Close lets people back only while “Restrict new users to emails from these domains” is on, with an address in "
        "one of its verified domains.",
        "A role that can manage the organization is given in a second step, right after they are back.",
        "A seat is charged from now on.",
    ),
    manage_permission="Manage Organization",
)

_SETTINGS = [field.name for field in CAPABILITIES.fields if field.name != ROLE]
_INVITATION_ADVICE = {
    # Close documents three causes for one status and no text, so all that could help is said.
    # https://developer.close.com/api/resources/memberships/create
    403: "Close allows invitations only when Settings > Organization > “Restrict new users to emails from these "
    "domains” is on, for a role that can't manage the organization, by someone with Manage Organization.",
    400: "If the address is right, check in Close under Settings > Organization that its domain is among the "
    "verified domains.",
}


class _User(msgspec.Struct):
    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class _Membership(msgspec.Struct):
    """What we rely on; all but the id may be missing, and a field of another type is an answer we can't use."""

    id: str
    user_id: str | None = None
    role_id: str | None = None
    permissions_granted: list[str] | None = None
    user_email: str | None = None
    user_first_name: str | None = None
    user_last_name: str | None = None
    user: _User | None = None


_KNOWN = frozenset({*_Membership.__struct_fields__, "organization_id", "user_full_name", *_SETTINGS})


class _Role(msgspec.Struct):
    id: str
    name: str
    permissions: list[str]
    editable: bool = False


class _Number(msgspec.Struct):
    id: str
    number: str | None = None
    number_formatted: str | None = None
    label: str | None = None


class _Organization(msgspec.Struct):
    id: str
    memberships: list[dict[str, Any]]
    inactive_memberships: list[dict[str, Any]] = []
    name: str = ""


class _Me(msgspec.Struct):
    class _Membership(msgspec.Struct):
        organization_id: str
        permissions_granted: list[str] = []

    class _Organization(msgspec.Struct):
        id: str
        name: str = ""

    id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    memberships: list[_Membership] = []
    organizations: list[_Organization] = []


class CloseProvider:
    """A MembershipProvider for the organization `organization_id`."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        api_url: str,
        credentials: Credentials,
        organization_id: str,
        *,
        deadline_s: float,
        patient: bool = False,
    ) -> None:
        """`api_url` is the host's address; see `Api` for the other arguments."""
        self.organization_id = organization_id
        self.api = Api(
            api_url.rstrip("/") + API_PATH,
            credentials,
            name="Close",
            whoami="me/",
            explain=_explain,
            deadline_s=deadline_s,
            patient=patient,
        )

    def actor(self) -> Actor:
        """Source: https://developer.close.com/api/resources/users"""
        me = _typed(self.api.call("GET", "me/"), _Me)
        granted = [
            p
            for m in me.memberships
            if m.organization_id == self.organization_id
            for p in m.permissions_granted
        ]
        name = next((o.name for o in me.organizations if o.id == self.organization_id), "")
        full_name = f"{me.first_name or ''} {me.last_name or ''}".strip()
        return Actor(
            me.id, full_name, (me.email or "").lower(), self.organization_id, name, MANAGE in granted
        )

    def roles(self) -> list[Role]:
        """Source: https://developer.close.com/api/resources/roles"""
        found: list[Role] = []
        while True:
            page = self.api.call("GET", "role/", params={"_skip": str(len(found))} if found else None)
            items = [_typed(item, _Role) for item in _list(page, "data")]
            found += [
                Role(r.id, r.name, frozenset(r.permissions), MANAGE in r.permissions, r.editable)
                for r in items
            ]
            if not items or page.get("has_more") is not True:
                return found

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
        organization = _typed(answer, _Organization)
        if organization.id != self.organization_id:
            raise Unavailable("Close answered about another organization.")
        members = {
            raw_member.id: raw_member
            for raw_member in _members(organization.inactive_memberships, Status.INACTIVE)
        }
        members |= {
            raw_member.id: raw_member for raw_member in _members(organization.memberships, Status.ACTIVE)
        }
        return Roster(organization.id, organization.name, members, read_at)

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        """Source: https://developer.close.com/api/resources/phone-numbers"""
        found: list[_Number] = []
        while True:
            params = {"participant_user_id": user_id, "_fields": "id,number,number_formatted,label"}
            page = self.api.call("GET", "phone_number/", params=params | {"_skip": str(len(found))})
            items = [_typed(item, _Number) for item in _list(page, "data")]
            found += items
            if not items or page.get("has_more") is not True:
                return [
                    (n.id, " ".join(filter(None, (n.number_formatted or n.number, n.label)))) for n in found
                ]

    def apply(self, request: Request) -> Member | None:
        """Source: https://developer.close.com/api/resources/memberships"""
        match request:
            case Invitation(email, role_id):
                body = {"email": email, "role_id": role_id}
                try:
                    return _answered(self.api.call("POST", "membership/", body=body))
                except Refused as refusal:
                    advice = _INVITATION_ADVICE.get(refusal.status, "")
                    raise Refused(str(refusal), refusal.status, advice) from None
            case Deactivation(member_id):
                self.api.call("DELETE", f"membership/{member_id}/")
                return None
            case Change(fields, (member_id,)):
                answer = self.api.call("PUT", f"membership/{member_id}/", body=_body(fields))
                return _answered(answer)
            case Change(fields, member_ids):
                # A bulk call whose filter is missing may change everybody: Change can't be built without ids.
                bulk: dict[str, Any] = {"_params": {"id__in": ",".join(member_ids)}, **_body(fields)}
                self.api.call("PUT", "membership/", body=bulk)
                return None
            case _:
                raise TypeError(request)


def _body(fields: Any) -> dict[str, Value]:
    return {"role_id" if name == ROLE else name: value for name, value in fields.items()}


def _typed[T](raw: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise Unavailable(f"Close gave an answer that can't be understood ({error}).") from None


def _list(raw: dict[str, Any], key: str) -> list[Any]:
    found = raw.get(key)
    if not isinstance(found, list):
        raise Unavailable(f"Close gave an answer without the list “{key}”.")
    return found


def _members(raw: Iterable[dict[str, Any]], status: Status) -> list[Member]:
    return [_member(item, status) for item in raw]


def _member(raw: dict[str, Any], status: Status) -> Member:
    known = _typed(raw, _Membership)
    user = known.user or _User()
    return Member(
        id=known.id,
        user_id=known.user_id or user.id or "",
        email=_text(known.user_email or user.email).lower(),
        first_name=_text(known.user_first_name or user.first_name),
        last_name=_text(known.user_last_name or user.last_name),
        role_id=known.role_id or "",
        status=status,
        # People who left keep their role and permissions on paper.
        can_manage=status is Status.ACTIVE and MANAGE in (known.permissions_granted or ()),
        settings={name: raw[name] for name in _SETTINGS if _is_value(raw.get(name, ...))},
        more={name: value for name, value in raw.items() if name not in _KNOWN},
    )


def _text(raw: str | None) -> str:
    """Text without the one character PostgreSQL can't store."""
    return (raw or "").replace("\0", "")


def _is_value(raw: object) -> bool:
    return raw is None or isinstance(raw, str | bool)


def _answered(raw: dict[str, Any]) -> Member | None:
    """The member an answer shows. An answer without its role proves nothing and counts as none."""
    if not isinstance(raw.get("id"), str) or not isinstance(raw.get("role_id"), str):
        return None
    return _member(raw, Status.ACTIVE)


def _explain(answer: Any) -> str:
    """Close's own words out of its three error shapes.

    `{"error": text or object}`, `{"errors": [...], "field-errors": {...}}`, `{"errors": [...]}`.
    """
    if not isinstance(answer, dict):
        return ""
    found = [*_texts(answer.get("error")), *_texts(answer.get("errors"))]
    fields = answer.get("field-errors")
    if isinstance(fields, dict):
        found += [f"{name}: {text}" for name, value in fields.items() for text in _texts(value)]
    return " ".join(dict.fromkeys(found))[:500]


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value.strip()] if value.strip() else []
        case list():
            return [text for item in value for text in _texts(item)]
        case dict():
            return [text for item in value.values() for text in _texts(item)]
        case _:
            return []
