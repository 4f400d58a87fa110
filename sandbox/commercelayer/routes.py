"""The API's routes, one table, and what each answers.

Everything in the schema can be read: as a list, alone, and from the other end of each relationship.
Documented calls that are not rehearsed, and those nobody documents, answer 501.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.commercelayer import access, bodies, documents, memberships, organizations, query, roles
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.errors import NotFound, NotRehearsed
from sandbox.commercelayer.records import (
    KINDS,
    TYPES,
    ApplicationMembership,
    Membership,
    MembershipProfile,
    Organization,
    Permission,
    Record,
    Role,
)
from sandbox.commercelayer.schema import SCHEMA, Resource
from sandbox.commercelayer.world import CommerceWorld
from sandbox.messages import Response
from sandbox.routing import Route


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call. `base` is the address of the API, `path` what is below it."""

    world: CommerceWorld
    caller: Caller
    base: str
    path: str
    params: Mapping[str, str]
    body: bytes

    def find[Its: Record](self, kind: type[Its], record_id: str) -> Its:
        """Raises NotFound, also for what is not the caller's to see."""
        record = self.world.find(kind, record_id)
        if not self.caller.sees(record):
            raise NotFound
        return record

    def asked(self, resource: Resource, *, many: bool = False) -> query.Query:
        return query.read(self.params, resource, self.world.switches, many=many)

    def sent(self, type_: str, flag: Literal["C", "U"], record_id: str | None = None) -> documents.Document:
        return documents.read(self.body, SCHEMA[type_], flag, self.world.switches, record_id=record_id)

    def show(self, asked: query.Query, record: Record | None, status: int = 200) -> Response:
        return Response.json_api(bodies.Shown(self.base, asked, self.caller).one(record), status)

    def show_list(self, asked: query.Query, records: list[Any]) -> Response:
        found = asked.found([record for record in records if self.caller.sees(record)])
        shown = bodies.Shown(self.base, asked, self.caller)
        return Response.json_api(shown.many(found, self.path, self.params))


type Handler = Callable[..., Response]
type Creates = Callable[[CommerceWorld, Caller, documents.Document], Record]


def listing(type_: str) -> Handler:
    def handler(call: Call) -> Response:
        asked = call.asked(SCHEMA[type_], many=True)
        return call.show_list(asked, call.world.all(KINDS[type_]))

    return handler


def single(type_: str) -> Handler:
    def handler(call: Call, record_id: str) -> Response:
        asked = call.asked(SCHEMA[type_])
        return call.show(asked, call.find(KINDS[type_], record_id))

    return handler


def related(type_: str, name: str) -> Handler:
    """What is at the other end of a relationship."""
    relationship = SCHEMA[type_].relationships[name]

    def handler(call: Call, record_id: str) -> Response:
        asked = call.asked(SCHEMA[relationship.type], many=relationship.many)
        found = getattr(call.find(KINDS[type_], record_id), name)
        if relationship.many:
            return call.show_list(asked, found)
        return call.show(asked, found if found and call.caller.sees(found) else None)

    return handler


def creating(type_: str, create: Creates) -> Handler:
    """201; `include` and `fields` work as in reading."""

    def handler(call: Call) -> Response:
        asked = call.asked(SCHEMA[type_])
        return call.show(asked, create(call.world, call.caller, call.sent(type_, "C")), 201)

    return handler


def updating[Its: Record](
    kind: type[Its], update: Callable[[CommerceWorld, Caller, Its, documents.Document], None]
) -> Handler:
    type_ = TYPES[kind]

    def handler(call: Call, record_id: str) -> Response:
        asked = call.asked(SCHEMA[type_])
        record = call.find(kind, record_id)
        update(call.world, call.caller, record, call.sent(type_, "U", record_id))
        return call.show(asked, record)

    return handler


def deleting[Its: Record](kind: type[Its], delete: Callable[[CommerceWorld, Caller, Its], None]) -> Handler:
    def handler(call: Call, record_id: str) -> Response:
        delete(call.world, call.caller, call.find(kind, record_id))
        return Response.empty(204)

    return handler


def show_user(call: Call) -> Response:
    return call.show(call.asked(SCHEMA["users"]), call.caller.user)


def update_user(call: Call) -> Response:
    asked, user = call.asked(SCHEMA["users"]), call.caller.user
    organizations.update_user(call.world, call.caller, call.sent("users", "U", user.id))
    return call.show(asked, user)


def resend(call: Call, record_id: str) -> Response:
    """Whatever the body is: the documentation has none, the vendor's client an empty one."""
    memberships.resend(call.world, call.caller, call.find(Membership, record_id))
    return Response.empty(202)


def transfer_ownership(call: Call, record_id: str) -> Response:
    organization = call.find(Organization, record_id)
    names = {"new_owner_email"}
    attributes = documents.read_attributes(call.body, SCHEMA["organizations"], record_id, names)
    organizations.transfer(call.world, call.caller, organization, attributes)
    return Response.empty(202)


def not_rehearsed(call: Call, **ids: str) -> Response:
    raise NotRehearsed


READABLE = [type_ for type_ in SCHEMA if type_ != "users"]
METHODS = ("GET", "POST", "PATCH", "DELETE")

API = (
    Route("GET", "/user", show_user),
    Route("PATCH", "/user", update_user),
    Route("POST", "/organizations", creating("organizations", organizations.create)),
    Route("PATCH", "/organizations/{record_id}", updating(Organization, organizations.update)),
    Route("PATCH", "/organizations/{record_id}/transfer_ownership", transfer_ownership),
    Route("POST", "/memberships", creating("memberships", memberships.create)),
    Route("PATCH", "/memberships/{record_id}", updating(Membership, memberships.update)),
    Route("DELETE", "/memberships/{record_id}", deleting(Membership, memberships.delete)),
    Route("POST", "/memberships/{record_id}/resend", resend),
    Route("POST", "/roles", creating("roles", roles.create)),
    Route("PATCH", "/roles/{record_id}", updating(Role, roles.update)),
    Route("POST", "/permissions", creating("permissions", roles.create_permission)),
    Route("PATCH", "/permissions/{record_id}", updating(Permission, roles.update_permission)),
    Route("POST", "/membership_profiles", creating("membership_profiles", access.create_profile)),
    Route("PATCH", "/membership_profiles/{record_id}", updating(MembershipProfile, access.update_profile)),
    Route("DELETE", "/membership_profiles/{record_id}", deleting(MembershipProfile, access.delete_profile)),
    Route("POST", "/application_memberships", creating("application_memberships", access.create_app)),
    Route(
        "PATCH", "/application_memberships/{record_id}", updating(ApplicationMembership, access.update_app)
    ),
    Route(
        "DELETE", "/application_memberships/{record_id}", deleting(ApplicationMembership, access.delete_app)
    ),
    Route("POST", "/api_credentials", not_rehearsed),
    Route("PATCH", "/api_credentials/{record_id}", not_rehearsed),
    Route("DELETE", "/api_credentials/{record_id}", not_rehearsed),
    *(Route("GET", f"/{type_}", listing(type_)) for type_ in READABLE),
    *(Route("GET", f"/{type_}/{{record_id}}", single(type_)) for type_ in READABLE),
    *(
        Route("GET", f"/{type_}/{{record_id}}/{name}", related(type_, name))
        for type_ in READABLE
        for name in SCHEMA[type_].relationships
    ),
    *(
        Route(method, f"/{type_}/{{record_id}}/relationships/{name}", not_rehearsed)
        for type_ in READABLE
        for name in SCHEMA[type_].relationships
        for method in METHODS
    ),
    Route("GET", "/identity_providers", not_rehearsed),
    Route("POST", "/identity_providers", not_rehearsed),
    Route("GET", "/identity_providers/{record_id}", not_rehearsed),
    Route("PATCH", "/identity_providers/{record_id}", not_rehearsed),
    Route("DELETE", "/identity_providers/{record_id}", not_rehearsed),
)
