"""The project's settings as on a developer's machine: no secrets to set, no https to have.

A module of its own because pytest-django reads the settings before it reads any conftest.py.
"""

import os

os.environ.setdefault("DEBUG", "true")

from dashboard.settings import *  # noqa: F403

# Tasks are noted, not run: a test that wants a worker is one (`work`), or starts a real one.
TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
CALL_DEADLINE_S = 5.0
# Journeys follow one another faster than anybody signs in.
SIGN_INS_PER_MINUTE = 1000
