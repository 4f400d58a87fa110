"""What the image and compose.yaml promise, as far as it can be read; `make image` does what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import image
from tests.test_settings import COMPLETE

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = dict(
    line.partition("=")[::2]
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)

# The image


@pytest.mark.parametrize(
    "lying_about",
    [
        ".env",
        ".env.example",
        ".git/config",
        "var/roster.sqlite3",
        "key.pem",
        "docs/notes.md",
        "tests/test_settings.py",
        "dashboard/__pycache__/settings.cpython-313.pyc",
        "memberships/providers/__pycache__/http.cpython-313.pyc",
    ],
)
def test_what_lies_about_never_gets_into_the_image(lying_about, tmp_path):
    for name in (lying_about, "dashboard/settings.py", "manage.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    let_in = image.let_in(tmp_path, (ROOT / ".dockerignore").read_text())
    assert [path.as_posix() for path in let_in] == ["dashboard/settings.py", "manage.py"]


def test_instructions_are_read_over_comments_and_continued_lines():
    text = 'FROM a AS b\n# RUN never\nHEALTHCHECK --interval=1s \\\n    CMD ["x", "y z"]\nCMD ["serve"]\n'
    read = list(image.instructions(text))
    assert [step.name for step in read] == ["FROM", "HEALTHCHECK", "CMD"]
    assert read[1].text.endswith('CMD ["x", "y z"]')
    assert read[2].words == ["serve"]


def test_a_step_the_rehearsal_does_not_know_stops_it(tmp_path):
    steps = [*image.instructions("FROM python:3.13-slim\nADD https://example.com/x /x")]
    builder = image.Builder(tmp_path, tmp_path, Path("python3"))
    with pytest.raises(image.Failed):
        builder.build(steps)


def test_a_failing_step_stops_the_rehearsal(tmp_path):
    builder = image.Builder(tmp_path, tmp_path, Path("python3"))
    with pytest.raises(image.Failed, match="ended with 3"):
        builder.build([*image.instructions("FROM python:3.13-slim\nRUN exit 3")])


def test_what_the_images_user_could_change_is_found(tmp_path):
    for name, mode in (("app/open.txt", 0o666), ("app/closed.txt", 0o644), ("app/open/inside", 0o666)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "app/open").chmod(0o777)
    assert image.writable(image.Stage(tmp_path, user="54321")) == ["/app/open", "/app/open.txt"]


def test_a_secret_in_the_image_is_found(tmp_path):
    for name in (".env", "app/roster.sqlite3-wal", "app/settings.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(image.secrets_in(image.Stage(tmp_path))) == [".env", "roster.sqlite3-wal"]


def test_the_image_sets_no_setting():
    steps = image.instructions((ROOT / "Dockerfile").read_text())
    named = {word.partition("=")[0] for step in steps if step.name in ("ENV", "ARG") for word in step.words}
    assert named.isdisjoint({*COMPLETE, "DEBUG", "DATABASE_URL"})


# compose.yaml


def test_every_image_has_a_version():
    for name, service in SERVICES.items():
        _, _, tag = service["image"].partition(":")
        assert re.fullmatch(r"\d+(-\w+)?|\$\{ROSTER_VERSION:-local\}", tag), f"{name}: {service['image']}"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_down(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.keys().isdisjoint(
        {"privileged", "cap_add", "network_mode", "pid", "devices", "userns_mode"}
    )
    mounted = [volume.partition(":")[0] for volume in service.get("volumes", [])]
    assert mounted == (["database"] if name == "database" else ["metrics"]), (
        "nothing of the machine's own is let in"
    )


def test_web_and_worker_count_in_one_folder_that_is_memory_and_theirs():
    (here,) = {volume for name in ("web", "worker") for volume in SERVICES[name]["volumes"]}
    assert here == "metrics:/app/var/metrics"
    options = COMPOSE["volumes"]["metrics"]["driver_opts"]
    assert options["type"] == "tmpfs"
    (owner,) = {tmpfs.split(":")[1] for tmpfs in SERVICES["web"]["tmpfs"] if "/app/var" in tmpfs}
    assert set(owner.split(",")) <= set(options["o"].split(","))


def test_only_the_dashboard_is_reached_and_only_from_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_the_database_has_no_way_out_and_none_in_but_for_the_dashboard():
    assert SERVICES["database"]["networks"] == ["back"]
    assert COMPOSE["networks"]["back"]["internal"] is True


def test_migrations_come_before_web_and_worker_and_the_database_before_all():
    for name in ("web", "worker"):
        waits = SERVICES[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully", name
    for name in ("web", "worker", "migrate"):
        assert SERVICES[name]["depends_on"]["database"]["condition"] == "service_healthy", name


def test_a_worker_has_time_to_finish_the_call_it_is_in():
    (default_s,) = re.findall(r'"CALL_DEADLINE_S", ([\d.]+)', (ROOT / "dashboard/settings.py").read_text())
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > float(default_s)


def test_the_only_proxy_believed_is_the_machine_itself():
    (network,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    assert SERVICES["web"]["environment"]["TRUSTED_PROXIES"] == network["gateway"]


# .env.example


def test_the_example_names_every_required_setting_and_fills_in_none():
    assert EXAMPLE.keys() >= COMPLETE.keys()
    assert set(EXAMPLE.values()) == {""}


def test_the_example_names_nothing_that_is_not_read():
    read = (ROOT / "compose.yaml").read_text() + (ROOT / "dashboard/settings.py").read_text()
    for name in EXAMPLE:
        assert f'"{name}"' in read or f"${{{name}:" in read, name


def test_secrets_have_no_default_in_compose_and_say_what_to_set():
    text = (ROOT / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{POSTGRES_PASSWORD[^}]*\}", text)) == {
        "${POSTGRES_PASSWORD:?Set POSTGRES_PASSWORD in .env, see .env.example}"
    }
    assert "/.env\n" in (ROOT / ".gitignore").read_text()
