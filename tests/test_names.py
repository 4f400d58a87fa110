"""Above the providers nobody says one's name: sentences and settings come from what a provider says of itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Signing in is with Close itself, and so are its settings; the demo plays both.
SIGN_IN = {
    "dashboard/errors.py",
    "dashboard/settings.py",
    "dashboard/signin.py",
    "dashboard/management/commands/demo.py",
    "dashboard/management/commands/sandbox.py",
    "memberships/services/oauth.py",
    "templates/login.html",
}
IN_TEXT = re.compile(r"\bClose\b|^close$|Commerce ?Layer|commercelayer")
IN_CODE = re.compile(
    r"(?i:commerce_?layer)|\bCLOSE(_|$)|[a-z]_close(_|$)|\bClose[A-Z]|\.(close|commercelayer)$"
)


def above_the_providers() -> list[Path]:
    folders = [
        ROOT / "dashboard",
        *(
            ROOT / "memberships" / name
            for name in ("domain", "forms", "management", "models", "services", "views")
        ),
    ]
    found = [path for folder in folders for path in folder.rglob("*.py")]
    return [path for path in found if str(path.relative_to(ROOT)) not in SIGN_IN]


def templates() -> list[Path]:
    found = (ROOT / "templates").rglob("*.html")
    return [path for path in found if str(path.relative_to(ROOT)) not in SIGN_IN]


def named_in(source: str) -> Iterator[str]:
    """Strings and names that name a provider; docstrings and comments may tell of one."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in told and IN_TEXT.search(text):
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) if IN_CODE.search(name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if IN_CODE.search(name):
                yield name
            case ast.ImportFrom(module=str(name)) if IN_CODE.search(name):
                yield name


@pytest.mark.parametrize("path", above_the_providers(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_above_the_providers_names_one(path: Path):
    assert list(named_in(path.read_text())) == []


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_but_the_sign_in_names_a_provider(path: Path):
    assert IN_TEXT.findall(path.read_text()) == []


def test_no_script_names_one():
    for script in (ROOT / "static").glob("*.js"):
        assert IN_TEXT.findall(script.read_text()) == [], script


@pytest.mark.parametrize(
    "code",
    [
        'x = "Close asks us to wait."',
        'x = f"In {y} and Commerce Layer"',
        'if provider == "close": pass',
        'if provider == "commercelayer": pass',
        "url = settings.CLOSE_API_URL",
        "def ask_close_for(x): pass",
        "class CommerceLayerPage: pass",
        "from memberships.providers.close import CAPABILITIES",
    ],
)
def test_what_names_one_is_found(code):
    assert list(named_in(code))


@pytest.mark.parametrize(
    "code",
    ['"""Close keeps no history."""', "file.close()", 'x = "closed"', "from django.db import close_old"],
)
def test_what_does_not_is_left_alone(code):
    assert not list(named_in(code))
