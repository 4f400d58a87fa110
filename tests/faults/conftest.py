"""Rigs for jobs that meet misfortune, and the count of how many came through."""

from __future__ import annotations

import pytest

from memberships.models import Connection
from memberships.services import oauth
from sandbox.server import Server
from sandbox.world import World
from tests.faults import rig as rigs
from tests.faults.mishaps import DEADLINE_S
from tests.faults.table import Table

TABLE = pytest.StashKey[Table]()


@pytest.fixture
def world() -> World:
    return World.rehearsal(people=40)


@pytest.fixture
def rig(world: World, close: Server, connection: Connection, settings, monkeypatch) -> rigs.Rig:
    """Northwind with 40 people, at most three people in a call, and no time to lose."""
    settings.CALL_DEADLINE_S = DEADLINE_S
    monkeypatch.setattr(oauth, "CALL_S", DEADLINE_S)
    rigs.hurry(monkeypatch)
    rigs.bulk_size(monkeypatch, 3)
    return rigs.Rig(world, close, connection)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", action="store_true", help="renew the tables of docs/reliability.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `-m`, of the tests marked `faults` only those that say `spread=True` are run."""
    if config.getoption("markexpr"):
        return
    left_out = [
        item
        for item in items
        if (mark := item.get_closest_marker("faults")) and not mark.kwargs.get("spread")
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.when == "call":
        table = item.config.stash.setdefault(TABLE, Table())
        for name, value in report.user_properties:
            table.add(name, str(value), report.passed)
    return report


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    table = config.stash.get(TABLE, None)
    if table and config.getoption("markexpr"):
        terminalreporter.section("what was tried, and how much of it held")
        terminalreporter.write_line(table.text())
        if config.getoption("write_table", default=False):
            table.write()
