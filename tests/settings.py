"""The project's settings as on a developer's machine: no secrets to set, no https to have.

A module of its own because pytest-django reads the settings before it reads any conftest.py.
"""

import os

os.environ.setdefault("DEBUG", "true")

from dashboard.settings import *  # noqa: F403
