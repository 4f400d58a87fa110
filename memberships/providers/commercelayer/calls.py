"""From a request to the calls it takes, and from their answers to ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memberships.domain import metadata
from memberships.domain.apps import App, restored, those_held
from memberships.domain.items import Item, Kind
from memberships.domain.people import APPS, METADATA, RESENT, ROLE, Value, metadata_key

from .. import Answer, Change, Deactivation, Invitation, Request, Resend
from ..errors import NotSent, ProviderError, Refused, Unavailable
from ..many import Ask
from . import answers
from .answers import Document
from .capabilities import PROFILE

# Who is asked for `api_credentials` answers with secrets: never included, and every field is named.
MEMBER = {
    "include": "role,membership_profile",
    "fields[memberships]": "user_email,user_first_name,user_last_name,status,owner,access_scope,reference,"
    "reference_origin,metadata,created_at,updated_at,role,membership_profile",
    "fields[roles]": "name,kind",
    "fields[membership_profiles]": "name",
}
_GONE = "Is no longer in the organization."


class Calls:
    """The calls one request takes. Of apps: what each of them gives, and what was refused without asking."""

    def __init__(self, *asks: Ask, names: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> None:
        self.asks, self.names, self.refused = asks, names, refused


@dataclass(frozen=True, slots=True)
class There:
    """Of members: the metadata and the apps they have now, or the `problem` with reading them."""

    metadata: Mapping[str, object]
    apps: Mapping[str, tuple[str, ...]]
    problem: ProviderError | None = None

    def against(self, member_id: str, fields: Mapping[str, Value]) -> ProviderError | None:
        """Why metadata among these fields can't be merged into what is there."""
        keyed = {name: value for name, value in fields.items() if metadata_key(name)}
        if not keyed or self.problem:
            return self.problem if keyed else None
        if member_id not in self.metadata:
            return Refused(_GONE, 404)
        try:
            metadata.merged(self.metadata[member_id], keyed)
        except ValueError as locked:
            return Refused(f"What stands under {locked} is more than text by now: it is left as it is.", 409)
        return None


def calls_for(request: Request, there: There, organization_id: str) -> Calls | ProviderError:
    """The calls for a request, or why there are none."""
    match request:
        case Invitation(email, role_id, fields):
            data = _document(None, {"user_email": email}, {**fields, ROLE: role_id})
            data["relationships"]["organization"] = _to("organizations", organization_id)
            return Calls(Ask("POST", "memberships", MEMBER, {"data": data}))
        case Change(fields, (member_id,)) if isinstance(apps := fields.get(APPS), tuple):
            return there.problem or _missing(member_id, apps, there.apps.get(member_id), organization_id)
        case Change(fields, (member_id,)):
            if problem := there.against(member_id, fields):
                return problem
            data = _document(member_id, {}, fields, there.metadata.get(member_id))
            return Calls(Ask("PATCH", f"memberships/{member_id}", MEMBER, {"data": data}))
        case Deactivation(member_id):
            return Calls(Ask("DELETE", f"memberships/{member_id}"))
        case Resend(member_id):
            return Calls(Ask("POST", f"memberships/{member_id}/resend", None, {"data": {}}))
        case _:
            raise TypeError(request)


def _missing(
    member_id: str, wanted: Sequence[str], held: Sequence[str] | None, organization_id: str
) -> Calls | ProviderError:
    """A call for each wanted app that isn't there.

    Source: https://docs.commercelayer.io/provisioning/api-reference/application_memberships/create
    """
    if held is None:
        return Refused(_GONE, 404)
    there = those_held(wanted, held)
    missing = [restored(one) for one in wanted if one not in there]
    others = {restored(one).credential_id for one in held}
    refused = tuple(f"{app}: they have this app otherwise." for app in missing if app.credential_id in others)
    missing = [app for app in missing if app.credential_id not in others]
    asks = [_giving(member_id, app, organization_id) for app in missing]
    return Calls(*asks, names=tuple(map(str, missing)), refused=refused)


def _giving(member_id: str, app: App, organization_id: str) -> Ask:
    data = {
        "type": "application_memberships",
        "attributes": {"filters": dict(app.filters)},
        "relationships": {
            "api_credential": _to("api_credentials", app.credential_id),
            "organization": _to("organizations", organization_id),
            "role": _to("roles", app.role_id),
            "membership": _to("memberships", member_id),
        },
    }
    return Ask(
        "POST", "application_memberships", {"fields[application_memberships]": "filters"}, {"data": data}
    )


def understood(request: Request, calls: Calls, raws: Sequence[Any]) -> Answer | ProviderError:
    """The answer to a request from those to its calls."""
    if isinstance(request, Change) and APPS in request.fields:
        return _given(request, calls, raws)
    (raw,) = raws
    try:
        return raw if isinstance(raw, ProviderError) else _answer(request, raw)
    except Unavailable as error:
        return error


def _answer(request: Request, raw: Any) -> Answer:
    match request:
        case Deactivation():
            return None
        case Resend(member_id):
            # Nothing that can be read tells that an e-mail was sent: its acceptance is all there is.
            return Item(Kind.MEMBER, member_id, "", {RESENT: True})
    answer = Document(raw)
    return answers.member(answer, answer.resource)


def _whole(raw: Any) -> Any:
    """An answer that shows what was made, or the error that it doesn't."""
    try:
        return raw if isinstance(raw, ProviderError) else Document(raw).resource
    except Unavailable as error:
        return error


def _given(request: Change, calls: Calls, raws: Sequence[Any]) -> Answer | ProviderError:
    """All of them are there, or what was said against some. Asked for again, those that are there are left out."""
    raws = [_whole(raw) for raw in raws]
    failed = [raw for raw in raws if isinstance(raw, ProviderError) and not isinstance(raw, Refused)]
    if failed:
        # What is in doubt goes before what was only put off.
        in_doubt = [e for e in failed if isinstance(e, Unavailable) and not isinstance(e, NotSent)]
        return (in_doubt or failed)[0]
    refused = [(name, raw) for name, raw in zip(calls.names, raws, strict=True) if isinstance(raw, Refused)]
    words = [*calls.refused, *(f"{name}: {refusal}" for name, refusal in refused)]
    if words:
        status = refused[0][1].status if refused else 409
        return Refused(f"Not given again: {' '.join(words)}", status)
    return Item(Kind.MEMBER, request.member_ids[0], "", {APPS: request.fields[APPS]})


def _document(
    member_id: str | None, attributes: Mapping[str, Value], fields: Mapping[str, Value], held: object = None
) -> dict[str, Any]:
    """A JSON:API resource of these fields: role and profile are relationships, all others attributes.

    `held` is the member's metadata as it is now: it can only be replaced as a whole.
    """
    related = {
        ROLE: ("role", "roles"),
        PROFILE: ("membership_profile", "membership_profiles"),
    }
    relationships = {
        name: _to(type, str(fields[field]) if fields[field] else None)
        for field, (name, type) in related.items()
        if field in fields
    }
    kept = {name: value for name, value in fields.items() if name == METADATA or metadata_key(name)}
    plain = {name: value for name, value in fields.items() if name not in related and name not in kept}
    whole = {METADATA: metadata.merged(held, kept)} if kept else {}
    data: dict[str, Any] = {
        "type": "memberships",
        # Required also when it is empty.
        "attributes": {**attributes, **plain, **whole},
        "relationships": relationships,
    }
    return data | {"id": member_id} if member_id else data


def _to(type: str, item_id: str | None) -> dict[str, Any]:
    return {"data": {"type": type, "id": item_id} if item_id else None}
