"""What supervisors ask, at addresses of their own before anything is asked of hosts, https, sessions or people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from memberships.models import Job
from memberships.services import audit_stream, health, metrics, workers

from .middleware import Handler

_NOT_KEPT = {"Cache-Control": "no-store"}


class Readyz:
    """Answers /readyz: 200 when all is there that people may ask for, else 503 and what is not."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/readyz":
            return self.get_response(request)
        now = health.readiness()
        body = {"ready": not now.problems, "problems": now.problems, **now.details}
        return JsonResponse(body, status=503 if now.problems else 200, headers=_NOT_KEPT)


class Metrics:
    """Answers /metrics for whoever has METRICS_TOKEN. For everybody else there is no such address."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/metrics":
            return self.get_response(request)
        if not _may_read(request):
            return HttpResponse("Nothing is here.", status=404, content_type="text/plain", headers=_NOT_KEPT)
        with metrics.everything() as counted:
            text = generate_latest(counted)
        text += generate_latest(_Database())
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST, headers=_NOT_KEPT)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and constant_time_compare(token.strip(), wanted)


class _Database:
    """What is true for the whole installation, read when it is asked for: the same from every process."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = list(_gauges())
        except Error:
            found = []
        yield from found
        yield _gauge("roster_database_up", "Whether the database answers", 1.0 if found else 0.0)


def _gauges() -> Iterator[Metric]:
    counted = dict(Job.objects.order_by().values_list("state").annotate(Count("pk")))
    its_jobs = GaugeMetricFamily("roster_jobs", "Jobs by state", labels=["state"])
    for state in Job.State.values:
        its_jobs.add_metric([state], counted.get(state, 0))
    yield its_jobs
    yield _gauge(
        "roster_queue_age_seconds", "How long the oldest job waits that could be run", health.queue_age_s()
    )
    yield _gauge("roster_workers", "Workers that are alive", workers.alive().count())
    backlog = GaugeMetricFamily("roster_audit_backlog", "Entries not passed on yet", labels=["sink"])
    failing = GaugeMetricFamily(
        "roster_audit_failing_seconds", "For how long nothing could be passed on", labels=["sink"]
    )
    for sink in audit_stream.states():
        backlog.add_metric([sink.name], sink.backlog)
        failing.add_metric([sink.name], sink.failing_s)
    yield backlog
    yield failing


def _gauge(name: str, words: str, value: float) -> Any:
    return GaugeMetricFamily(name, words, value=value)
