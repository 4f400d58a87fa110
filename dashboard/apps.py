from typing import Any

from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"

    def ready(self) -> None:
        post_migrate.connect(_prepare, sender=apps.get_app_config("memberships"))


def _prepare(using: str, **_: Any) -> None:
    """The tables that are nobody's models: `migrate` is all an operator has to remember."""
    from huey.contrib.djhuey import HUEY
    from huey.storage import BaseSqlStorage

    call_command("createcachetable", database=using, verbosity=0)
    if isinstance(HUEY.storage, BaseSqlStorage):
        HUEY.storage.initialize_schema()
