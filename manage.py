#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    if sys.argv[1:2] in (["demo"], ["sandbox"]):
        # These two never hold anything worth a secret, so they start without one.
        os.environ["DEBUG"] = "true"
    if sys.argv[1:2] == ["doctor"]:
        # It is asked when something is wrong, and settings that nothing can start with may be just that.
        from dashboard import findings

        if problem := findings.of_settings():
            print(findings.written([problem], as_json="--json" in sys.argv))
            sys.exit(1)
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        # Read now, so that whoever forgot one sees its sentence and nothing else.
        settings.DEVELOPMENT  # noqa: B018
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
    execute_from_command_line(sys.argv)
