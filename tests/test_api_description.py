"""What the API says of itself is true: every call made up from its description is answered as described."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import msgspec
import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis import Case, Config
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
)
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from memberships.api import examples, operations
from memberships.api.urls import OPERATIONS
from memberships.models import Scope
from sandbox.server import Server
from tests.api import Script, token
from tests.steps import people

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
    allow_header_conformance,
    ignored_auth,
]
# What is of the right form may still be about nobody, or about something that has come otherwise.
_MEANT_WELL = PositiveDataAcceptanceConfig(expected_statuses=["2xx", "404", "409", "422"])
_PROJECT = ProjectConfig(
    checks=ChecksConfig(positive_data_acceptance=_MEANT_WELL),
    # Each call brings its token; what comes of none or of a wrong one, `ignored_auth` asks.
    generation=GenerationConfig(
        deterministic=True, database="none", max_examples=10, with_security_parameters=False
    ),
)
SCHEMA = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json",
    get_wsgi_application(),
    config=Config(seed=1, projects=ProjectsConfig(default=_PROJECT)),
)
bounded = settings(suppress_health_check=list(HealthCheck), deadline=None)


@pytest.fixture(autouse=True)
def thousands_of_calls(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, close: Server
) -> None:
    monkeypatch.setattr(operations, "CALLS_A_MINUTE", 1_000_000)
    close.limits.set({"reads": 10_000, "writes": 10_000})
    caplog.set_level(logging.ERROR, logger="django.request")


@pytest.fixture
def ids(connection, world, northwind, work) -> dict[str, str]:
    """A plan and a job that are there."""
    script = Script(token(connection, Scope.APPLY))
    (member_id,) = people(world, northwind, "user", 1)
    job = script.apply(script.plan({"id": member_id, "role": "Support Lead"}))
    work()
    return {"plan_id": job["plan_id"], "job_id": job["id"]}


@pytest.fixture
def reader(connection) -> str:
    return token(connection, Scope.READ, "Reader")


@pytest.fixture
def changer(connection) -> str:
    return token(connection, Scope.APPLY, "Changer")


@contextmanager
def one_connection() -> Iterator[None]:
    """Outside Django's own test client a request ends with its connection, which is the test's own here."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    try:
        yield
    finally:
        for end in ends:
            end.connect(close_old_connections)


def check(case: Case, text: str, ids: dict[str, str]) -> None:
    """Every other call is about what is there, as far as its address is a good one."""
    if all(map(is_id, case.path_parameters.values())) and len(repr(case.body)) % 2 == 0:
        case.path_parameters.update({name: ids[name] for name in case.path_parameters})
    with one_connection():
        case.call_and_validate(headers=Script(text).headers, checks=CHECKS)


def is_id(text: object) -> bool:
    try:
        return str(UUID(str(text))) == text
    except ValueError:
        return False


@SCHEMA.include(method="GET").parametrize()
@bounded
def test_a_token_that_may_read_is_answered_as_described(case: Case, reader, ids):
    check(case, reader, ids)


@SCHEMA.include(method="POST").parametrize()
@bounded
def test_a_token_that_may_change_things_is_answered_as_described(case: Case, changer, ids):
    check(case, changer, ids)


def test_every_operation_has_an_example_of_what_it_takes_and_answers(subtests):
    for operation in OPERATIONS:
        with subtests.test(operation=operation.name):
            answer = msgspec.json.encode(examples.ANSWERS[operation.name])
            assert msgspec.json.decode(answer, type=operation.answer) == examples.ANSWERS[operation.name]
            assert (operation.body is None) == (operation.name not in examples.BODIES)
