"""Commerce Layer's provisioning API: https://docs.commercelayer.io/provisioning . Credentials are a person's own."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched, islice
from typing import Any

from memberships.domain import metadata
from memberships.domain.apps import App, restored, those_held
from memberships.domain.happenings import Happening
from memberships.domain.items import Item, Items, Kind
from memberships.domain.people import (
    APPS,
    METADATA,
    RESENT,
    ROLE,
    Actor,
    Member,
    Role,
    Roster,
    Value,
    metadata_key,
)
from memberships.domain.versions import Version
from memberships.domain.views import View

from .. import Answer, Change, Deactivation, Invitation, Request, Resend
from ..errors import NotSent, ProviderError, Refused, Unavailable
from ..http import Api, Credentials
from ..many import Ask, get_many, send_many
from ..pacing import Pacing
from . import answers
from .answers import Document
from .capabilities import ADMIN, CAPABILITIES, PROFILE

__all__ = ["ADMIN", "CAPABILITIES", "CommerceLayerProvider"]

API_PATH = "/api/"
JSON_API = "application/vnd.api+json"
# A page can't be longer: https://docs.commercelayer.io/core/pagination
_PAGE = 25
_READ_AGAIN = 3
# Who is asked for `api_credentials` answers with secrets: never included, and every field is named.
_MEMBER = {
    "include": "role,membership_profile",
    "fields[memberships]": "user_email,user_first_name,user_last_name,status,owner,access_scope,reference,"
    "reference_origin,metadata,created_at,updated_at,role,membership_profile",
    "fields[roles]": "name,kind",
    "fields[membership_profiles]": "name",
}
_EVERYONE = _MEMBER | {
    "include": f"{_MEMBER['include']},organization",
    "fields[memberships]": f"{_MEMBER['fields[memberships]']},organization",
    "fields[organizations]": "name",
    "sort": "created_at",
}
_APPS = {
    "include": "application_memberships.api_credential,application_memberships.role",
    "fields[memberships]": "application_memberships",
    "fields[application_memberships]": "filters,api_credential,role",
    "fields[api_credentials]": "name,kind,mode",
    "fields[roles]": "name",
}
# The burst window: after a refusal it is empty by then, whatever Retry-After says.
_AFTER_429_S = 10.0


_GONE = "Is no longer in the organization."


class _Calls:
    """The calls one request takes. Of apps: what each of them gives, and what was refused without asking."""

    def __init__(self, *asks: Ask, names: tuple[str, ...] = (), refused: tuple[str, ...] = ()) -> None:
        self.asks, self.names, self.refused = asks, names, refused


@dataclass(frozen=True, slots=True)
class _There:
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


class CommerceLayerProvider:
    """A MembershipProvider for one organization, in the name of the user whose credentials these are."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        api_url: str,
        credentials: Credentials,
        organization_id: str,
        *,
        deadline_s: float,
        patient: bool = False,
        pace: Pacing | None = None,
    ) -> None:
        """`api_url` is the host's address; see `Api` for the other arguments."""
        self.organization_id = organization_id
        self.api = Api(
            api_url.rstrip("/") + API_PATH,
            credentials,
            name="Commerce Layer",
            whoami="user",
            explain=answers.explain,
            deadline_s=deadline_s,
            patient=patient,
            pace=pace,
            headers={"Accept": JSON_API, "Content-Type": JSON_API},
            wait_after_429_s=_AFTER_429_S,
        )

    # People

    def actor(self) -> Actor:
        """Who the credentials belong to, and whether they are an Admin here.

        Source: https://docs.commercelayer.io/provisioning/getting-started/authorization
        """
        user = Document(self.api.call("GET", "user")).resource
        name = self._organization("name").attributes.get("name")
        mine = answers.actor(user, self.organization_id, str(name or ""), can_manage=False)
        params = _MEMBER | {"filter[q][user_email_eq]": mine.email, "page[size]": str(_PAGE)}
        page = Document(self.api.call("GET", self._path("memberships"), params=params))
        members = [answers.member(page, raw) for raw in page.resources]
        manages = any(m.can_manage and m.email == mine.email for m in members)
        return answers.actor(user, self.organization_id, mine.organization_name, can_manage=manages)

    def organizations(self) -> list[tuple[str, str]]:
        """Ids and names of the organizations these credentials are an Admin of."""
        params = {
            "include": "organization,role",
            "fields[memberships]": "user_email,status,organization,role",
            "fields[organizations]": "name",
            "fields[roles]": "kind",
        }
        mine = Document(self.api.call("GET", "user")).resource.attributes.get("email")
        found = {}
        for page in self._pages("memberships", params | {"filter[q][user_email_eq]": str(mine or "")}):
            for raw in page.resources:
                role, organization = page.related(raw, "role"), page.related(raw, "organization")
                is_mine = str(raw.attributes.get("user_email")).lower() == str(mine).lower()
                if is_mine and role and organization and role.attributes.get("kind") == ADMIN:
                    found[organization.id] = str(organization.attributes.get("name") or organization.id)
        return sorted(found.items(), key=lambda pair: pair[1].casefold())

    def roster(self) -> Roster:
        """25 people a call, eight calls at a time after the first, which tells how many there are.

        Source: https://docs.commercelayer.io/provisioning/api-reference/memberships
        """
        for _ in range(_READ_AGAIN):
            read_at = datetime.now(UTC)
            members: dict[str, Member] = {}
            names: dict[str, str] = {}
            organizations: dict[str, str] = {}
            counts = set()
            for page in self._pages(self._path("memberships"), _EVERYONE):
                counts.add(page.record_count)
                members |= {raw.id: answers.member(page, raw) for raw in page.resources}
                names |= page.names("membership_profiles")
                organizations |= page.names("organizations")
            # Somebody who comes or goes meanwhile shifts the pages, and someone else is skipped.
            if counts == {len(members)} or counts == {None}:
                name = organizations.get(self.organization_id, "")
                return Roster(self.organization_id, name, members, read_at, names)
        raise Unavailable("People came and went in Commerce Layer while they were read. Try again.")

    def versions(self, member_id: str) -> list[Version]:
        """Source: https://docs.commercelayer.io/provisioning/api-reference/versions"""
        pages = self._pages(f"memberships/{member_id}/versions", {"sort": "-created_at"})
        return [answers.version(raw) for page in pages for raw in page.resources]

    def apps(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """25 people a call.

        Source: https://docs.commercelayer.io/provisioning/api-reference/application_memberships
        """
        found = self._some(member_ids, _APPS)
        return {pk: answers.apps(document, raw) for pk, (document, raw) in found.items()}

    def _some(self, member_ids: Sequence[str], params: Mapping[str, str]) -> dict[str, tuple[Document, Any]]:
        """These members, each with the answer it stands in; whoever is gone is left out."""
        path, sized = self._path("memberships"), {**params, "page[size]": str(_PAGE)}
        wanted = [",".join(some) for some in batched(dict.fromkeys(member_ids), _PAGE, strict=False)]
        documents = map(
            Document, get_many(self.api, [(path, {**sized, "filter[q][id_in]": ids}) for ids in wanted])
        )
        found = {raw.id: (document, raw) for document in documents for raw in document.resources}
        return {pk: found[pk] for pk in member_ids if pk in found}

    def seats(self) -> tuple[int, int] | None:
        """How many members the plan allows, and how many there are; None where it doesn't say.

        Source: https://docs.commercelayer.io/provisioning/api-reference/organizations
        """
        info = self._organization("subscription_info").attributes.get("subscription_info")
        limits, totals = (info.get(key) if isinstance(info, dict) else None for key in ("limits", "totals"))
        most = limits.get("memberships") if isinstance(limits, dict) else None
        used = totals.get("memberships") if isinstance(totals, dict) else None
        return (most, used) if isinstance(most, int) and isinstance(used, int) else None

    # Roles and profiles

    def roles(self) -> list[Role]:
        """Source: https://docs.commercelayer.io/provisioning/api-reference/roles"""
        pages = self._pages(self._path("roles"), {"fields[roles]": "name,kind"})
        found = [raw for page in pages for raw in page.resources]
        return [
            answers.role(raw, self._permissions(raw.id) if answers.is_custom(raw) else frozenset())
            for raw in found
        ]

    def _permissions(self, role_id: str) -> frozenset[str]:
        fields = {"fields[permissions]": "subject,can_create,can_read,can_update,can_destroy"}
        pages = self._pages(f"roles/{role_id}/permissions", fields)
        return answers.permissions([raw for page in pages for raw in page.resources])

    def profiles(self) -> list[tuple[str, str]]:
        """Source: https://docs.commercelayer.io/provisioning/api-reference/membership_profiles"""
        params = {
            "filter[q][organization_id_eq]": self.organization_id,
            "fields[membership_profiles]": "name",
        }
        pages = self._pages("membership_profiles", params)
        return [
            (raw.id, str(raw.attributes.get("name") or raw.id)) for page in pages for raw in page.resources
        ]

    # What there isn't

    def numbers(self, user_id: str) -> list[tuple[str, str]]:
        return []

    def groups(self) -> list[Item]:
        return []

    def group_members(self, group_id: str) -> frozenset[str] | None:
        return None

    def views(self) -> list[View]:
        return []

    def pinned_views(self, member_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return {}

    def work(self, kind: Kind, user_id: str) -> list[Item]:
        return []

    def find_work(self, kind: Kind, item_ids: Collection[str], holders: Collection[str]) -> Items:
        return {}

    def role_choices(self) -> Mapping[str, list[tuple[str, str]]]:
        return {}

    def happenings(self, kind: Kind, since: datetime) -> list[Happening]:
        return []

    # Changes

    def apply(self, request: Request) -> Answer:
        """Source: https://docs.commercelayer.io/provisioning/api-reference/memberships"""
        (answer,) = self.apply_many([request])
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    def apply_many(self, requests: Sequence[Request]) -> list[Answer | ProviderError]:
        """What only adds to something that is there is set against a read of just now."""
        there = self._read_before(requests)
        asked = [self._asked(request, there) for request in requests]
        raws = iter(
            send_many(self.api, [ask for calls in asked if isinstance(calls, _Calls) for ask in calls.asks])
        )
        return [
            _understood(request, calls, list(islice(raws, len(calls.asks))))
            if isinstance(calls, _Calls)
            else calls
            for request, calls in zip(requests, asked, strict=True)
        ]

    def _read_before(self, requests: Sequence[Request]) -> _There:
        changes = [request for request in requests if isinstance(request, Change)]
        keyed = [
            pk for change in changes if any(map(metadata_key, change.fields)) for pk in change.member_ids
        ]
        given = [pk for change in changes if APPS in change.fields for pk in change.member_ids]
        try:
            objects = self._some(keyed, {"fields[memberships]": METADATA})
            apps = self.apps(given)
        except Unavailable as error:
            # Nothing was sent yet, so nothing is in doubt.
            return _There({}, {}, NotSent(str(error)))
        except ProviderError as error:
            return _There({}, {}, error)
        return _There({pk: raw.attributes.get(METADATA) for pk, (_, raw) in objects.items()}, apps)

    def _asked(self, request: Request, there: _There) -> _Calls | ProviderError:
        """The calls for a request, or why there are none."""
        match request:
            case Invitation(email, role_id, fields):
                data = _document(None, {"user_email": email}, {**fields, ROLE: role_id})
                data["relationships"]["organization"] = _to("organizations", self.organization_id)
                return _Calls(Ask("POST", "memberships", _MEMBER, {"data": data}))
            case Change(fields, (member_id,)) if isinstance(apps := fields.get(APPS), tuple):
                return there.problem or self._missing(member_id, apps, there.apps.get(member_id))
            case Change(fields, (member_id,)):
                if problem := there.against(member_id, fields):
                    return problem
                data = _document(member_id, {}, fields, there.metadata.get(member_id))
                return _Calls(Ask("PATCH", f"memberships/{member_id}", _MEMBER, {"data": data}))
            case Deactivation(member_id):
                return _Calls(Ask("DELETE", f"memberships/{member_id}"))
            case Resend(member_id):
                return _Calls(Ask("POST", f"memberships/{member_id}/resend", None, {"data": {}}))
            case _:
                raise TypeError(request)

    def _missing(
        self, member_id: str, wanted: Sequence[str], held: Sequence[str] | None
    ) -> _Calls | ProviderError:
        """A call for each wanted app that isn't there.

        Source: https://docs.commercelayer.io/provisioning/api-reference/application_memberships/create
        """
        if held is None:
            return Refused(_GONE, 404)
        there = those_held(wanted, held)
        missing = [restored(one) for one in wanted if one not in there]
        others = {restored(one).credential_id for one in held}
        refused = tuple(
            f"{app}: they have this app otherwise." for app in missing if app.credential_id in others
        )
        missing = [app for app in missing if app.credential_id not in others]
        asks = [self._giving(member_id, app) for app in missing]
        return _Calls(*asks, names=tuple(map(str, missing)), refused=refused)

    def _giving(self, member_id: str, app: App) -> Ask:
        data = {
            "type": "application_memberships",
            "attributes": {"filters": dict(app.filters)},
            "relationships": {
                "api_credential": _to("api_credentials", app.credential_id),
                "organization": _to("organizations", self.organization_id),
                "role": _to("roles", app.role_id),
                "membership": _to("memberships", member_id),
            },
        }
        return Ask(
            "POST", "application_memberships", {"fields[application_memberships]": "filters"}, {"data": data}
        )

    # Asking

    def _path(self, what: str) -> str:
        return f"organizations/{self.organization_id}/{what}"

    def _organization(self, field: str) -> Any:
        params = {"fields[organizations]": field}
        return Document(self.api.call("GET", f"organizations/{self.organization_id}", params=params)).resource

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterable[Document]:
        """Every page of a list: the first alone, then the others a few at a time."""
        sized = {**params, "page[size]": str(_PAGE)}
        first = Document(self.api.call("GET", path, params={**sized, "page[number]": "1"}))
        yield first
        rest = range(2, first.page_count + 1)
        for answer in get_many(self.api, [(path, {**sized, "page[number]": str(n)}) for n in rest]):
            yield Document(answer)


def _understood(request: Request, calls: _Calls, raws: Sequence[Any]) -> Answer | ProviderError:
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


def _given(request: Change, calls: _Calls, raws: Sequence[Any]) -> Answer | ProviderError:
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
