"""Rehearse the container image without a container engine: `make image`.

Reads the Dockerfile and does what it says, step by step, in a folder of its own: what .dockerignore lets in, each COPY,
each RUN. Then it starts the CMD as the image's user, who can write nothing but var/, with settings as in production,
and asks it what a TLS proxy would. compose.yaml says how the migrations and a worker are started. So none of the three
files can say what doesn't work. What it can't show is the base image: the Python here stands for that one.

Has to be root, because it runs the server as another user. Where there is a PostgreSQL, it is done with that, too.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO

import yaml

from scripts import postgres

ROOT = Path(__file__).resolve().parent.parent
HOST = "people.example.com"
_START_S = 30
_END_S = 15


class Failed(Exception):
    """The image would not be what its files promise."""


# The Dockerfile


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """As an exec form if it is one, else as the shell would take it apart."""
        if self.text.startswith("["):
            words: list[str] = json.loads(self.text)
            return words
        return shlex.split(self.text)


def instructions(dockerfile: str) -> Iterator[Instruction]:
    """Comments left out, continued lines put together."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, text = line.strip().partition(" ")
        yield Instruction(name.upper(), text.strip())


# What .dockerignore lets in


def let_in(root: Path, ignore: str) -> list[Path]:
    """The files an engine would be sent, relative to `root`. The last pattern that fits decides, as it does there."""
    rules = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]

    def ignored(path: Path) -> bool:
        verdict = False
        for rule in rules:
            if _fits(path, rule.removeprefix("!").strip("/")):
                verdict = not rule.startswith("!")
        return verdict

    tops = [path for path in root.iterdir() if not ignored(path.relative_to(root))]
    found = [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]
    return sorted(path.relative_to(root) for path in found if not ignored(path.relative_to(root)))


def _fits(path: Path, pattern: str) -> bool:
    """A pattern fits what it names and all that is in it. `*` stays within one folder, `**/` is any number of them."""
    expression = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.fullmatch(f"{expression}(/.*)?", path.as_posix()) is not None


# Doing what it says


@dataclass(slots=True)
class Stage:
    """A file system that is being built, as far as the Dockerfile touches it, with what the image will say."""

    root: Path
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    ports: list[int] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / str(Path(self.workdir) / path).lstrip("/")


@dataclass(frozen=True, slots=True)
class Builder:
    home: Path
    context: Path
    python: Path  # stands for the base image's

    def build(self, steps: Sequence[Instruction]) -> Stage:
        stages: dict[str, Stage] = {}
        stage: Stage | None = None
        for step in steps:
            if step.name == "FROM":
                base, _, name = step.text.partition(" AS ")
                self._check_base(base)
                name = name or "image"
                stage = stages[name] = Stage(self.home / name)
                stage.root.mkdir()
            elif stage is None:
                raise Failed(f"{step.name} stands before the first FROM")
            else:
                self._take(step, stage, stages)
        if stage is None:
            raise Failed("the Dockerfile has no FROM")
        return stage

    def _check_base(self, base: str) -> None:
        ours = ".".join(map(str, sys.version_info[:2]))
        if not base.startswith(f"python:{ours}-"):
            raise Failed(f"{base} can't be rehearsed with Python {ours}")

    def _take(self, step: Instruction, stage: Stage, stages: Mapping[str, Stage]) -> None:
        match step.name:
            case "RUN":
                said(f"RUN {step.text}")
                run(["/bin/sh", "-c", step.text], stage, self.python)
            case "COPY":
                self._copy(step.words, stage, stages)
            case "ENV":
                for pair in step.words:
                    name, _, value = pair.partition("=")
                    stage.environment[name] = value
            case "WORKDIR":
                stage.workdir = step.text
                stage.place(".").mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = step.text
            case "VOLUME":
                stage.volumes += step.words
            case "EXPOSE":
                stage.ports += map(int, step.words)
            case "HEALTHCHECK":
                stage.health = Instruction("CMD", step.text.partition("CMD ")[2]).words
            case "CMD":
                stage.command = step.words
            case _:
                raise Failed(f"the rehearsal does not know {step.name}: teach it, in scripts/image.py")

    def _copy(self, words: Sequence[str], stage: Stage, stages: Mapping[str, Stage]) -> None:
        options = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        origin = self.context
        for option in options:
            if not option.startswith("--from="):
                raise Failed(f"the rehearsal does not know COPY {option}: teach it, in scripts/image.py")
            origin = stages[option.removeprefix("--from=")].root
        for source in sources:
            here, there = origin / source.lstrip("/"), stage.place(target)
            if here.is_dir():
                shutil.copytree(here, there, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(here, there)


def environment_of(stage: Stage, python: Path, own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's but where its programs are, and where uv finds and keeps packages."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    # Its folder for what pip installs, then the one uv takes a Python from.
    outer = f"{python.parent}:{python.resolve().parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    said_path = stage.environment.get("PATH", "$PATH")
    path = ":".join(
        str(stage.place(part)) if part.startswith(stage.workdir + "/") else part
        for part in said_path.replace("$PATH", outer).split(":")
    )
    # A Python that was moved finds its library no more by itself.
    libraries = {"LD_LIBRARY_PATH": str(python.resolve().parent.parent / "lib")}
    inner = {"PATH": path, "HOME": os.environ.get("HOME", "/root"), "LANG": "C.UTF-8"}
    return passed | libraries | stage.environment | inner | dict(own or {})


def run(command: Sequence[str], stage: Stage, python: Path) -> None:
    environment = environment_of(stage, python)
    ended = subprocess.run(
        command, cwd=stage.place("."), env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise Failed(f"the step ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")


# Being the image


@dataclass(frozen=True, slots=True)
class Image:
    """What was built, being run as its user."""

    stage: Stage
    python: Path
    settings: Mapping[str, str]
    log: IO[str]

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        uid = int(self.stage.user)
        return subprocess.Popen(
            command,
            cwd=self.stage.place("."),
            env=environment_of(self.stage, self.python, {**self.settings, "HOME": "/app"}),
            user=uid,
            group=uid,
            extra_groups=[],
            stdout=self.log,
            stderr=self.log,
            text=True,
        )

    def run(self, command: Sequence[str]) -> None:
        if code := self.start(command).wait(60):
            raise Failed(f"{shlex.join(command)} ended with {code}")

    @contextmanager
    def running(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """Ends with the block, told as an engine tells it; has to end well."""
        process = self.start(command)
        try:
            yield process
            if process.poll() is not None:
                raise Failed(f"{shlex.join(command)} ended by itself, with {process.returncode}")
            process.send_signal(signal.SIGTERM)
            if code := process.wait(_END_S):
                raise Failed(f"{shlex.join(command)} ended with {code} when told to end")
        finally:
            process.kill()
            process.wait()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        """A redirect is an answer to look at."""


def ask(port: int, path: str, **headers: str) -> tuple[int, Message, str]:
    """One question to the server, as a proxy passes it on."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=named)
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=5) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


def check(image: Image, worker: Sequence[str], migrate: Sequence[str]) -> None:
    """Everything an operator is promised of a freshly made image."""
    stage = image.stage
    image.run(migrate)
    _expect(stage.ports == [8000], f"it says it listens on {stage.ports}")
    port = _free_port()
    # On this machine alone, and on a port that is free: all else as it stands in the Dockerfile.
    command = [word.replace("0.0.0.0", "127.0.0.1") for word in stage.command] + ["--port", str(port)]
    health = [word.replace(":8000/", f":{port}/") for word in stage.health]
    with image.running(command), image.running(worker):
        _wait_for(port)
        image.run(health)
        status, _, body = ask(port, "/healthz")
        _expect((status, body) == (200, "ok"), f"/healthz answered {status} {body}")
        status, headers, _ = ask(port, "/login/", Host=HOST)
        _expect(
            status == 301 and headers.get("Location") == f"https://{HOST}/login/",
            f"plain http was answered with {status}, {headers.get('Location')}",
        )
        status, headers, page = ask(port, "/login/", Host=HOST, X_Forwarded_Proto="https")
        _expect(status == 200 and "Sign in with Close" in page, f"/login/ answered {status}: {page[:500]}")
        _expect("Strict-Transport-Security" in headers, "/login/ is not for https alone")
        for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            status, headers, _ = ask(port, address, Host=HOST, X_Forwarded_Proto="https")
            _expect(
                status == 200 and "immutable" in headers.get("Cache-Control", ""),
                f"{address} answered {status}, {headers.get('Cache-Control')}",
            )
        time.sleep(1)  # so that a worker that can't work has ended


def writable(stage: Stage) -> list[str]:
    """What the image's user could change of it, without what is in a folder already told."""
    uid = int(stage.user)
    found: list[str] = []
    for path in sorted(stage.root.rglob("*")):
        if path.is_symlink() or any(path.is_relative_to(stage.root / known) for known in found):
            continue
        about = path.stat()
        if about.st_mode & 0o002 or about.st_uid == uid or about.st_gid == uid:
            found.append(path.relative_to(stage.root).as_posix())
    return [f"/{path}" for path in found]


def secrets_in(stage: Stage) -> list[str]:
    """Names of files no image may have."""
    forbidden = (".env", ".env.*", "*.sqlite3*", "*.pem", "*.key", "id_*", ".git", ".netrc", ".pypirc")
    inside = [path for path in stage.root.rglob("*") if ".venv" not in path.parts]
    return [path.name for path in inside if any(fnmatch.fnmatch(path.name, name) for name in forbidden)]


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError):
            ask(port, "/healthz")
            return
        time.sleep(0.1)
    raise Failed(f"the server did not answer within {_START_S} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def production_settings() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_hex(48),
        "TOKEN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "PUBLIC_URL": f"https://{HOST}",
        "CLOSE_CLIENT_ID": "oa2client_" + secrets.token_hex(12),
        "CLOSE_CLIENT_SECRET": secrets.token_hex(24),
        "TRUSTED_PROXIES": "127.0.0.1",
    }


def python_for_others(home: Path) -> Path:
    """A Python of this one's version with pip that any user may run, as the base image has one."""
    base = Path(sys.base_prefix)
    if any(not folder.stat().st_mode & 0o001 for folder in (base, *base.parents)):
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        unneeded = shutil.ignore_patterns("test", "site-packages", "__pycache__", "*.a", "include", "share")
        shutil.copytree(base, home / "python", symlinks=True, ignore=unneeded)
        base = home / "python"
        # Where pip would put things; nothing else of it is missed.
        Path(sysconfig.get_path("purelib", vars={"base": str(base)})).mkdir(parents=True, exist_ok=True)
    else:
        name = Path(os.path.realpath(sys.executable)).name
    environment = os.environ | {"LD_LIBRARY_PATH": str(base / "lib")}
    venv = ["venv", "--quiet", "--seed", "--python", str(base / "bin" / name), str(home / "base")]
    subprocess.run([str(ROOT / "scripts/uv"), *venv], check=True, env=environment)
    # Accounts are the machine's: here a user is a number, and making one is left to the engine.
    useradd = home / "base/bin/useradd"
    useradd.write_text("#!/bin/sh\nexit 0\n")
    useradd.chmod(0o755)
    return home / "base/bin/python"


def _postgresql() -> AbstractContextManager[str] | None:
    try:
        postgres.binaries()
    except SystemExit:
        return None
    return postgres.running()


def said(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    if os.geteuid():
        sys.exit(
            "The rehearsal of the image runs a server as another user, and has to be root for that: sudo make image"
        )
    os.umask(0o022)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    worker, migrate = services["worker"]["command"], services["migrate"]["command"]
    with tempfile.TemporaryDirectory(prefix="roster-image-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        context = home / "context"
        for path in let_in(ROOT, (ROOT / ".dockerignore").read_text()):
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, context / path)
        python = python_for_others(home)
        stage = Builder(home, context, python).build([*instructions((ROOT / "Dockerfile").read_text())])
        var = stage.place("var")
        if not stage.user.isdigit() or stage.user == "0":
            raise Failed(f"it would run as {stage.user}: name a user other than root by number")
        if found := secrets_in(stage):
            raise Failed(f"the image has files it must not have: {', '.join(found)}")
        if (found := writable(stage)) != ["/app/var"] or stage.volumes != ["/app/var"]:
            raise Failed(f"its user can write to {found}; kept is {stage.volumes}")
        for name, database in (("SQLite", nullcontext("")), ("PostgreSQL", _postgresql())):
            if database is None:
                said("There is no PostgreSQL here, so it was not tried with that.")
                continue
            said(f"Starting it as user {stage.user}, with {name}")
            with database as url, (home / f"{name}.log").open("w+") as log:
                settings = production_settings() | ({"DATABASE_URL": url} if url else {})
                try:
                    check(Image(stage, python, settings, log), worker, migrate)
                except Failed as failure:
                    log.seek(0)
                    raise Failed(f"{failure}\n{log.read()}") from None
            for left in [*var.iterdir()]:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        if (found := writable(stage)) != ["/app/var"]:
            raise Failed(f"it has written to {found}")
    said("The image does what its files promise.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED: {failure}")
