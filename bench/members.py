"""The members page with 10,000 people, against Django admin's changelist over the same table, both served alike."""

from __future__ import annotations

from statistics import median

from bench.rig import rig
from bench.table import Line
from bench.web import AT_ONCE, per_second, served

PEOPLE = 10_000
ROUNDS, FOR_S = 7, 3.0
PAGES = ("", "?page=100", "?q=an", "?sort=role", "?status=inactive")
MEMBERS, CHANGELIST = "/members/", "/admin/memberships/mirroredmember/"


def measure() -> list[Line]:
    with rig(PEOPLE, settings="bench.admin_settings") as its_rig, served() as site:
        from django.contrib.auth.models import User
        from django.db import connection
        from django.test import Client
        from django.test.utils import CaptureQueriesContext

        from memberships.services import roster

        roster.read(its_rig.connection)
        admin = Client(SERVER_NAME="localhost")
        admin.force_login(User.objects.create_superuser("admin"))

        def most_queries() -> int:
            numbers = []
            for query in PAGES:
                with CaptureQueriesContext(connection) as caught:
                    page = its_rig.browser.get(f"{MEMBERS}{query}")
                assert page.content.count(b'name="member"') == 50
                numbers.append(len(caught))
            return max(numbers)

        queries = most_queries()
        ours, theirs = (
            [site.visitor(browser) for _ in range(AT_ONCE)] for browser in (its_rig.browser, admin)
        )
        # Both show fifty rows each time; asked once for that, and so that everything is loaded.
        for visitor in ours:
            assert visitor.get(MEMBERS).count(b'name="member"') == 50
        for visitor in theirs:
            assert visitor.get(CHANGELIST).count(b'name="_selected_action"') == 50
        rounds = [
            (per_second(ours, MEMBERS, FOR_S), per_second(theirs, CHANGELIST, FOR_S)) for _ in range(ROUNDS)
        ]
        its_rig.browser.post("/members/selection/", {"all": f"{PEOPLE:,}"})
        queries_selected = most_queries()
        selected = median(per_second(ours, MEMBERS, FOR_S) for _ in range(3))
    return [
        Line("most queries of a page", queries, limit=12),
        Line("with everybody selected", queries_selected, limit=12),
        Line("members page, one web process", median(ours for ours, _ in rounds), "/s"),
        Line("admin's changelist, the same process", median(theirs for _, theirs in rounds), "/s"),
        Line("members page : changelist", median(ours / theirs for ours, theirs in rounds), least=2.0),
        Line("members page, everybody selected", selected, "/s"),
    ]
