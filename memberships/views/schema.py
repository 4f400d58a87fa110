"""What editors ask for."""

from __future__ import annotations

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from memberships.services.rosterfile import schema


@require_GET
def roster(request: HttpRequest, provider: str) -> JsonResponse:
    """The schema of roster files for one provider. Tells nothing of anybody, so anybody may have it."""
    try:
        found = schema.schema(provider)
    except KeyError:
        raise Http404 from None
    return JsonResponse(found, json_dumps_params={"indent": 2}, content_type="application/schema+json")
