"""Commerce Layer's provisioning API: https://docs.commercelayer.io/provisioning . Credentials are a person's own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched, islice
from typing import Any

from memberships.domain.people import APPS, METADATA, Actor, Member, Role, Roster, metadata_key
from memberships.domain.versions import Version

from .. import Answer, Change, Request
from ..client import Client
from ..errors import NotSent, ProviderError, Unavailable
from ..http import Service
from ..many import get_many, send_many
from . import answers
from .answers import Document
from .calls import MEMBER, Calls, There, calls_for, understood
from .capabilities import ADMIN, CAPABILITIES

__all__ = ["ADMIN", "CAPABILITIES", "CommerceLayerProvider"]

API_PATH = "/api/"
JSON_API = "application/vnd.api+json"
# A page can't be longer: https://docs.commercelayer.io/core/pagination
_PAGE = 25
_READ_AGAIN = 3
_EVERYONE = MEMBER | {
    "include": f"{MEMBER['include']},organization",
    "fields[memberships]": f"{MEMBER['fields[memberships]']},organization",
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


class CommerceLayerProvider(Client):
    """A MembershipProvider for one organization, in the name of the user whose credentials these are."""

    capabilities = CAPABILITIES
    service = Service(
        "Commerce Layer",
        API_PATH,
        "user",
        answers.explain,
        headers={"Accept": JSON_API, "Content-Type": JSON_API},
        # The burst window: after a refusal it is empty by then, whatever Retry-After says.
        wait_after_429_s=10.0,
    )

    # People

    def actor(self) -> Actor:
        """Who the credentials belong to, and whether they are an Admin here.

        Source: https://docs.commercelayer.io/provisioning/getting-started/authorization
        """
        user = Document(self.api.call("GET", "user")).resource
        name = self._organization("name").attributes.get("name")
        mine = answers.actor(user, self.organization_id, str(name or ""), can_manage=False)
        params = MEMBER | {"filter[q][user_email_eq]": mine.email, "page[size]": str(_PAGE)}
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
        asked = [calls_for(request, there, self.organization_id) for request in requests]
        raws = iter(
            send_many(self.api, [ask for calls in asked if isinstance(calls, Calls) for ask in calls.asks])
        )
        return [
            understood(request, calls, list(islice(raws, len(calls.asks))))
            if isinstance(calls, Calls)
            else calls
            for request, calls in zip(requests, asked, strict=True)
        ]

    def _read_before(self, requests: Sequence[Request]) -> There:
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
            return There({}, {}, NotSent(str(error)))
        except ProviderError as error:
            return There({}, {}, error)
        return There({pk: raw.attributes.get(METADATA) for pk, (_, raw) in objects.items()}, apps)

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
