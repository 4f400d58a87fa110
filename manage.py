#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if sys.argv[1:2] in (["demo"], ["sandbox"]):
        # These two never hold anything worth a secret, so they start without one.
        os.environ["DEBUG"] = "true"
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        # Read now, so that whoever forgot one sees its sentence and nothing else.
        settings.DEVELOPMENT  # noqa: B018
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
    execute_from_command_line(sys.argv)
