"""Bytes a row and its indexes take in PostgreSQL, filled with 100 organizations of 500 people who had work done."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.open_loop_postgres import database
from bench.rig import press_apply, read_all, rig
from bench.table import Line, took_s

if TYPE_CHECKING:
    from django.db.models import Model


PEOPLE, ORGANIZATIONS, CHANGES = 500, 100, 300


def measure() -> list[Line]:
    with database() as url, rig(PEOPLE, DATABASE_URL=url) as its_rig:
        from django.db import connection

        from memberships.models import (
            AuditEntry,
            Job,
            MirroredGroup,
            MirroredMember,
            MirroredRole,
            Organization,
            PlanRow,
        )
        from memberships.services import jobs, proposals

        read_all(its_rig.connection)
        ordinary = MirroredMember.objects.filter(status="active", can_manage=False).order_by("pk")
        roles = MirroredRole.objects.filter(can_manage=False).order_by("remote_id")
        ids = list(ordinary.values_list("remote_id", flat=True)[:CHANGES])
        held = set(ordinary.filter(remote_id__in=ids).values_list("role_id", flat=True))
        role_id = next((r.remote_id for r in roles if r.remote_id not in held), roles[0].remote_id)
        plan = proposals.change(
            its_rig.connection, ids, {"role": role_id}, reason="As agreed on Monday", channel="dashboard"
        )
        job = press_apply(its_rig, plan)
        jobs.run(job.pk)
        job.refresh_from_db()
        assert job.state == Job.State.FINISHED

        def page_s() -> float:
            return median(took_s(lambda: its_rig.browser.get("/members/")) for _ in range(40))

        alone_s = page_s()
        first = Organization.objects.get(pk=its_rig.connection.organization_id)
        real: dict[type[Model], list[Any]] = {
            model: list(model._default_manager.filter(organization=first))
            for model in (MirroredMember, MirroredRole, MirroredGroup, AuditEntry)
        }
        rows = list(PlanRow.objects.filter(plan=plan))
        for number in range(1, ORGANIZATIONS):
            organization = _copied(first, remote_id=f"orga_{number:039}")
            for model, originals in real.items():
                _copy(model, originals, number, organization=organization)
            another = _copied(plan, pk=uuid.uuid4(), organization=organization)
            _copy(PlanRow, rows, number, plan=another)
        lines = [
            Line("members page, one organization", alone_s * 1000, "ms"),
            Line(f"members page, one of {ORGANIZATIONS}", page_s() * 1000, "ms"),
        ]
        measured = (MirroredMember, MirroredRole, MirroredGroup, PlanRow, AuditEntry)
        with connection.cursor() as cursor:
            for model in measured:
                table = model._meta.db_table
                cursor.execute(f"VACUUM ANALYZE {table}")  # which leaves indexes as full as they came to be
                number = model._default_manager.count()
                cursor.execute("SELECT pg_table_size(%s), pg_indexes_size(%s)", [table, table])
                of_rows, of_indexes = cursor.fetchone()
                name = str(model._meta.verbose_name)
                lines.append(Line(f"{name}: rows", number))
                lines.append(Line(f"{name}: a row", of_rows / number, "bytes"))
                lines.append(Line(f"{name}: its places in indexes", of_indexes / number, "bytes"))
                cursor.execute(
                    "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes "
                    "WHERE relname = %s ORDER BY 2 DESC",
                    [table],
                )
                lines += [Line(f"    {index}", size / number, "bytes") for index, size in cursor.fetchall()]
    return lines


def _copied(original: Any, **changed: Any) -> Any:
    """One more like it, with these fields otherwise."""
    another = copy.copy(original)
    another.pk = None
    another._state = copy.copy(original._state)
    another._state.adding = True
    for name, value in changed.items():
        setattr(another, name, value)
    another.save(force_insert=True)
    return another


def _copy(model: type[Model], originals: Sequence[Any], later: int, **changed: Any) -> None:
    """All of them once more, so many minutes later."""
    more = []
    for original in originals:
        another = copy.copy(original)
        another.pk = None
        moments = {
            n: v + timedelta(minutes=later) for n, v in vars(another).items() if isinstance(v, datetime)
        }
        for name, value in (moments | changed).items():
            setattr(another, name, value)
        more.append(another)
    model._default_manager.bulk_create(more, batch_size=1000)
