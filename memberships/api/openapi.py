"""The description of the API, made of the operations and types that serve it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from memberships.models import Scope

from . import examples, problems
from .operations import CALLS_A_MINUTE, Operation, check_method
from .problems import Failed, Problem
from .shapes import MOST_BYTES

_SCHEMA = "#/components/schemas/{name}"

_DESCRIPTION = f"""The people of one organization, as plans that are reviewed, applied, and taken back.

A personal token is made under Tokens, for one person and one organization, and works while that person may manage it. \
Its scope is {", ".join(Scope.values)}: each includes the ones before it. A plan that is proposed waits on its review \
page; whoever presses Apply there applies it, in their own name. A plan with `needs_review` is applied there and \
nowhere else.

Lists come in pages. A token may make {CALLS_A_MINUTE} calls a minute, and a body may have {MOST_BYTES:,} bytes. \
Everything that goes wrong is `application/problem+json` (RFC 9457) with a `code`."""

# What may come of each call, besides what it is for.
_ALWAYS = (400, 401, 403, 405, 429, 500, 502, 503)
_OF_A_BODY = (413, 415)
_HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


def view(operations: Sequence[Operation], request: HttpRequest) -> HttpResponse:
    """Public: it tells of no organization."""
    try:
        check_method(request, ("GET", "HEAD", "OPTIONS"))
    except Failed as failed:
        return failed.answer()
    return HttpResponse(_encoded(tuple(operations)), content_type="application/json")


@cache
def _encoded(operations: tuple[Operation, ...]) -> bytes:
    return msgspec.json.encode(document(operations))


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1, whose schemas are JSON Schema 2020-12, which is what msgspec writes."""
    types = [op.answer for op in operations] + [op.body for op in operations if op.body] + [Problem]
    _, components = msgspec.json.schema_components(types, ref_template=_SCHEMA)
    paths: dict[str, Any] = {}
    for op in operations:
        paths.setdefault(f"/api/v1{op.path}", {})[op.method.lower()] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Roster", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {str(status): _problem(status) for status in _statuses(operations)},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A personal token, made in this Roster under Tokens.",
                }
            },
        },
    }


def _operation(op: Operation) -> dict[str, Any]:
    summary, _, description = (op.run.__doc__ or "").partition("\n\n")
    told: dict[str, Any] = {
        "operationId": op.name,
        "summary": summary,
        "description": f"{' '.join(description.split())} Takes a token that may {op.scope}.",
        "parameters": [*map(_id, op.ids), *_query(op)],
        "responses": {
            str(op.status): _answer(op),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in _possible(op)},
        },
    }
    if op.body:
        schema = {"$ref": _SCHEMA.format(name=op.body.__name__)}
        content = {"schema": schema, "example": examples.BODIES[op.name]}
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def _id(name: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(op: Operation) -> list[dict[str, Any]]:
    (_,), components = msgspec.json.schema_components([op.query], ref_template=_SCHEMA)
    found = []
    for name, schema in components[op.query.__name__]["properties"].items():
        description = schema.pop("description", "")
        schema = {k: v for k, v in _inlined(schema, components).items() if k != "title"}
        found.append(
            {"name": name, "in": "query", "schema": schema}
            | ({"description": description} if description else {})
        )
    return found


def _inlined(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands on its own."""
    reference = schema.get("$ref", "")
    its = components[reference.rpartition("/")[2]] if reference else {}
    return its | {name: value for name, value in schema.items() if name != "$ref"}


def _answer(op: Operation) -> dict[str, Any]:
    headers = (
        {"Location": {"description": "Where it can be read again.", "schema": {"type": "string"}}}
        if op.leads_to
        else {}
    )
    schema = {"$ref": _SCHEMA.format(name=op.answer.__name__)}
    content = {"application/json": {"schema": schema, "example": examples.ANSWERS[op.name]}}
    return {"description": "As asked.", "headers": headers, "content": content}


def _possible(op: Operation) -> list[int]:
    return sorted({*_ALWAYS, *op.problems, *(_OF_A_BODY if op.body else ())})


def _statuses(operations: Sequence[Operation]) -> list[int]:
    return sorted({status for op in operations for status in _possible(op)})


def _problem(status: int) -> dict[str, Any]:
    header = _HEADERS.get(status)
    headers = {header: {"required": True, "schema": {"type": "string"}}} if header else {}
    content = {"schema": {"$ref": _SCHEMA.format(name="Problem")}, "example": examples.problem(status)}
    return {
        "description": examples.problem(status).title,
        "headers": headers,
        "content": {problems.MEDIA_TYPE: content},
    }
