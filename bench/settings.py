"""The project's settings as in production. DEBUG=true only lets plain http in: it would slow down every query."""

from dashboard.settings import *  # noqa: F403
from dashboard.settings import LOGGING

DEBUG = False
# A line for each request would stand between the numbers.
LOGGING = LOGGING | {"root": {"handlers": ["console"], "level": "WARNING"}}
