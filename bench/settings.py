"""The project's settings as in production. DEBUG=true only lets plain http in: it would slow down every query."""

from dashboard.settings import *  # noqa: F403

DEBUG = False
