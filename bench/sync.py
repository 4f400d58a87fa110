"""The first sync of 10,000 people, against fetching, decoding and inserting the same and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

from bench.rig import rig
from bench.table import Line, medians, took_s

PEOPLE = 10_000
ROUNDS = 7


def measure() -> list[Line]:
    with rig(PEOPLE) as its_rig:
        from django.db import connection

        from memberships.models import MirroredMember, MirroredRole, Organization
        from memberships.services import roster

        def sync() -> float:
            MirroredMember.objects.all().delete()
            MirroredRole.objects.all().delete()
            # Nobody was ever read: otherwise everyone would be noticed as having joined.
            Organization.objects.update(roster_read_at=None, first_read_at=None)
            return took_s(lambda: roster.read(its_rig.connection, patient=True))

        address = f"organization/{its_rig.close.organization_id}/"
        fields = {"_fields": "id,name,memberships,inactive_memberships"}
        sync()
        table = _same_columns(MirroredMember)
        with connection.schema_editor() as editor:
            editor.create_model(table)
        columns = [field.attname for field in table._meta.concrete_fields if not field.primary_key]
        rows = list(MirroredMember.objects.values(*columns))

        def bare() -> float:
            table.objects.all().delete()
            ready = [table(**row) for row in rows]

            def fetch_and_insert() -> None:
                msgspec.json.decode(its_rig.close.api("GET", address, fields))
                table.objects.bulk_create(ready)

            return took_s(fetch_and_insert)

        sync()
        bare()
        ours_s, bare_s = medians(ROUNDS, sync, bare)
    return [
        Line("first sync", ours_s * 1000, "ms"),
        Line("fetch, decode, bulk_create", bare_s * 1000, "ms"),
        Line("first sync : bare", ours_s / bare_s, limit=2.0),
    ]


def _same_columns(model: Any) -> Any:
    """A table with the columns of `model`, and no index but its key."""
    from django.db import models

    columns: dict[str, Any] = {"__module__": __name__, "Meta": type("Meta", (), {"app_label": "memberships"})}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            columns[field.attname] = models.BigIntegerField()
        elif not field.primary_key:
            columns[field.name] = field.clone()
    return type("Bare", (models.Model,), columns)
