"""What the queue runs. A message carries an id; everything else is in our rows."""

from __future__ import annotations

from django.tasks import task

from memberships.models import Connection

from . import jobs, roster


@task
def run_job(job_id: str) -> None:
    jobs.run(job_id)


@task
def refresh_roster(connection_pk: int) -> None:
    roster.refresh(Connection.objects.select_related("organization").get(pk=connection_pk))
