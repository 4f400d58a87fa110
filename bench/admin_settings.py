"""The bench's settings with Django's admin beside the dashboard."""

from pathlib import Path

import django

from bench.settings import *  # noqa: F403
from bench.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES

ROOT_URLCONF = "bench.admin_urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
]
MIDDLEWARE = [*MIDDLEWARE, "django.contrib.auth.middleware.AuthenticationMiddleware"]
# The admin's pages in an engine of their own, so that they do not pay for what every page of the dashboard shows.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "admin",
        "DIRS": [Path(django.__file__).parent / "contrib/admin/templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
    *TEMPLATES,
]
