"""Three web and three worker processes on PostgreSQL, twenty admins of five organizations, and processes that die."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from dashboard import processes
from sandbox.server import Server, running
from sandbox.world import World
from tests import steps
from tests.browser.stack import free_port, wait_for
from tests.databases import migrated
from tests.faults.truth import Truth, Witness, server
from tests.pages import Page
from tests.scale.browsers import Browser

pytestmark = pytest.mark.skipif(not settings.POSTGRESQL, reason="takes PostgreSQL: make test-postgres")

BUSY_S = 40.0
SETTLED_S = 60.0
KILL_EVERY_S = 4.0
ADMINS, PEOPLE = 4, 36
# Nobody shares a name with anybody of another organization.
SURNAMES = ("Aldermoor", "Birchwick", "Cinderford", "Dunmarrow", "Elmshaven")
_addresses = itertools.count(1)
ROLES = {"user": "User", "superuser": "Super User", "restricteduser": "Restricted User"}


@dataclass
class Company:
    """One organization: what only its own people may ever see, and what others try to get at."""

    id: str
    name: str
    domain: str
    surname: str
    admins: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    plans: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


def found(world: World, surname: str) -> Company:
    name, domain = f"{surname} Works", f"{surname.lower()}.example"
    company = Company(world.add_organization(name, verified_domains=(domain,)), name, domain, surname)
    for number in range(ADMINS + PEOPLE):
        role = "admin" if number < ADMINS else list(ROLES)[number % 3]
        email = f"person.{number}@{domain}"
        member_id = world.add_person(company.id, email, f"Person {number}", surname, role=role)
        (company.admins if number < ADMINS else company.people).append(member_id)
    company.ids = {value for m in world.members(company.id) for value in (m["id"], m["user_id"])}
    company.ids.add(company.id)
    return company


# What is running


@dataclass(frozen=True, slots=True)
class Installation:
    url: str
    web: int
    worker: int


@contextmanager
def installation(environment: dict[str, str]) -> Iterator[Installation]:
    """Three web and three worker processes; the parents of both replace what dies."""
    port = free_port()
    commands = (["serve", "--port", str(port), "--processes", "3"], ["worker", "-n", "3"])
    web, worker = (processes.start(command, environment) for command in commands)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(f"{url}login/")
        yield Installation(url, web.pid, worker.pid)
        assert web.poll() is None, "the web server ended by itself"
        assert worker.poll() is None, "the workers ended by themselves"
    finally:
        processes.stop([web, worker])


def children(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return sorted(found)


class Killer:
    """SIGKILL for a web process, then for a worker, and so on; `killed` counts them."""

    def __init__(self, its: Installation) -> None:
        self.killed: Counter[str] = Counter()
        self.turns = itertools.cycle([("web", its.web), ("worker", its.worker)])

    def __call__(self, over: threading.Event) -> None:
        while not over.wait(KILL_EVERY_S):
            name, parent = next(self.turns)
            alive = children(parent)
            if alive:
                os.kill(alive[0], signal.SIGKILL)  # the oldest, so that each has its turn
                self.killed[name] += 1


# Who works with it


class Admin:
    """Lists, ticks, changes roles, applies, reads receipts, sometimes stops or undoes; and is curious."""

    def __init__(
        self,
        its: Installation,
        world: World,
        close: Server,
        company: Company,
        others: list[Company],
        number: int,
    ) -> None:
        self.close, self.company, self.others = close, company, others
        self.user_id = next(
            m["user_id"] for m in world.members(company.id) if m["id"] == company.admins[number]
        )
        self.random = random.Random(f"{company.surname} {number}")
        self.browser = Browser(its.url, self.look, f"198.51.100.{next(_addresses)}")
        strange = [word for other in others for word in (other.name, other.domain, other.surname)]
        self.strange = re.compile("|".join(map(re.escape, strange)), re.IGNORECASE)
        self.foreign = {one for other in others for one in other.ids}
        self.complaints: list[str] = []
        self.done: Counter[str] = Counter()

    def look(self, path: str, html: str) -> None:
        """Nothing of anybody else is on any page, whatever was asked for."""
        self.done["pages"] += 1
        if words := self.strange.findall(html):
            self.complaints.append(f"{self.company.surname} saw {set(words)} at {path}")
        if ids := self.foreign.intersection(re.findall(r"\w{10,}", html)):
            asked = {one for one in ids if one in path}
            if ids - asked:
                self.complaints.append(f"{self.company.surname} saw ids {ids} at {path}")

    def work(self, until: float) -> None:
        # Whoever's process is killed on the way back from Close has used the code up, and starts again.
        signing_in = (self.browser.sign_in(self.close, self.user_id, self.company.id) for _ in range(3))
        assert any(page.status_code == 200 for page in signing_in)
        self.until(lambda: self.page("/members/").rows("Members") != [], "the first look at everyone")
        while time.monotonic() < until:
            self.read()
            if review := self.review():
                receipt = self.settled(self.applied(review))
                if self.random.random() < 0.3 and "Undo" in receipt.buttons():
                    self.done["undone"] += 1
                    self.settled(self.applied(receipt.press("Undo")))
            self.pry()

    def page(self, address: str) -> Page:
        page = Page.visit(self.browser, address)  # type: ignore[arg-type]
        if page.status != 200:
            self.complaints.append(f"{address} answered {page.status}: {page.text[:200]}")
        return page

    def read(self) -> None:
        one = self.random.choice(self.company.people)
        address = self.random.choice(
            ["/audit/", "/roles/", "/groups/", f"/members/{one}/", "/members/export/"]
        )
        for each in ("/members/", "/members/?role=user&sort=-name", address):
            self.page(each)

    def review(self) -> Page | None:
        chosen = self.random.sample(self.company.people, self.random.randint(1, 5))
        page = steps.review_role(self.browser, chosen, self.random.choice(list(ROLES.values())))  # type: ignore[arg-type]
        return page if page.status == 200 and page.heading == "Review" else None

    def applied(self, review: Page) -> Page | None:
        if not any(name.startswith("Apply") for name in review.buttons()):
            return None
        self.company.plans.append(review.address)
        receipt = steps.apply(review)
        if not receipt.address.startswith("/jobs/"):
            self.complaints.append(f"Apply led to {receipt.address}: {receipt.text[:300]}")
        self.company.jobs.append(receipt.address)
        self.done["applied"] += 1
        if self.random.random() < 0.15 and "Stop" in receipt.buttons():
            self.done["stopped"] += 1
            receipt.press("Stop")
        return receipt

    def settled(self, receipt: Page | None) -> Page:
        """The receipt once nothing moves any more, or the list where there is none."""
        if receipt is None:
            return self.page("/members/")
        seen = [receipt]

        def ended() -> bool:
            seen.append(self.page(receipt.address))
            return not any(seen[-1].all("progress"))

        self.until(ended, f"the end of {receipt.address}")
        return seen[-1]

    def until(self, holds: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + SETTLED_S
        while not holds():
            assert time.monotonic() < give_up, f"{what} did not come"
            time.sleep(0.5)

    def pry(self) -> None:
        """What belongs to another organization isn't there."""
        other = self.random.choice(self.others)
        known = [f"/members/{other.people[0]}/", *other.plans[-1:], *other.jobs[-1:]]
        for address in known:
            answer = self.browser.get(address)
            if answer.status_code != 404:
                self.complaints.append(f"{address} of {other.surname} answered {answer.status_code}")
            self.done["refused"] += 1


def test_every_receipt_is_true_and_nobody_sees_anything_of_another_organization(tmp_path, record_property):
    world = World.empty(seed=23)
    companies = [found(world, surname) for surname in SURNAMES]
    with running(world) as close, migrated(tmp_path) as environment:
        close.latency_s = 0.02
        witness = Witness(world, close.app)
        close.app = witness
        environment |= {
            "CLOSE_APP_URL": close.url,
            "CLOSE_API_URL": close.url,
            "CALL_DEADLINE_S": "4",
            "LEASE_MARGIN_S": "1",
            # As behind a proxy: each admin is somewhere else.
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        truth = Truth(witness, server(environment["DATABASE_URL"]))
        with installation(environment) as its:
            admins = [
                Admin(its, world, close, company, [o for o in companies if o is not company], number)
                for company in companies
                for number in range(ADMINS)
            ]
            over, killer = threading.Event(), Killer(its)
            killing = threading.Thread(target=killer, args=(over,))
            killing.start()
            try:
                with ThreadPoolExecutor(len(admins)) as pool:
                    until = time.monotonic() + BUSY_S
                    working = [pool.submit(admin.work, until) for admin in admins]
            finally:
                over.set()
                killing.join()
            for each in working:
                each.result()
            open_jobs = "SELECT 1 FROM memberships_job WHERE state <> 'finished'"
            give_up = time.monotonic() + SETTLED_S
            while truth.query(open_jobs) and time.monotonic() < give_up:
                time.sleep(0.3)
            done = sum((admin.done for admin in admins), Counter())
            record_property("done", dict(done | killer.killed))
            assert [complaint for admin in admins for complaint in admin.complaints] == []
            assert truth.lies_of_many() == []
            assert min(killer.killed["web"], killer.killed["worker"]) >= 3
            assert done["applied"] >= len(admins)
            assert done["undone"] >= 1
