"""The members page with 10,000 people, against Django admin's changelist over the same table."""

from __future__ import annotations

from statistics import median

from bench.rig import rig
from bench.table import Line, medians, took_s

PEOPLE = 10_000
ROUNDS = 100
PAGES = ("", "?page=100", "?q=an", "?sort=role", "?status=inactive")


def measure() -> list[Line]:
    with rig(PEOPLE, settings="bench.admin_settings") as its_rig:
        from django.contrib.auth.models import User
        from django.db import connection
        from django.test import Client
        from django.test.utils import CaptureQueriesContext

        from memberships.services import roster

        roster.read(its_rig.connection)
        admin = Client(SERVER_NAME="localhost")
        admin.force_login(User.objects.create_superuser("admin"))

        def members(query: str = "") -> None:
            page = its_rig.browser.get(f"/members/{query}")
            assert page.content.count(b'name="member"') == 50

        def changelist() -> None:
            page = admin.get("/admin/memberships/mirroredmember/")
            assert page.content.count(b'name="_selected_action"') == 50

        def most_queries() -> int:
            numbers = []
            for query in PAGES:
                with CaptureQueriesContext(connection) as caught:
                    members(query)
                numbers.append(len(caught))
            return max(numbers)

        members()
        changelist()
        ours_s, its_s = medians(ROUNDS, lambda: took_s(members), lambda: took_s(changelist))
        queries = most_queries()
        its_rig.browser.post("/members/selection/", {"all": f"{PEOPLE:,}"})
        queries_selected = most_queries()
        selected_s = median(took_s(members) for _ in range(ROUNDS))
    return [
        Line("most queries of a page", queries, limit=12),
        Line("with everybody selected", queries_selected, limit=12),
        Line("members page", ours_s * 1000, "ms"),
        Line("admin's changelist", its_s * 1000, "ms"),
        Line("members page : changelist", ours_s / its_s, limit=0.5),
        Line("members page, everybody selected", selected_s * 1000, "ms"),
    ]
