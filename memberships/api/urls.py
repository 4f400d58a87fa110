"""Where the API is. What is nowhere here is nowhere, and no page says so."""

from collections.abc import Callable
from functools import partial, wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from . import audit, jobs, members, openapi, plans, problems, successors

app_name = "api"

OPERATIONS = (
    members.list_members,
    plans.create_plan,
    plans.show_plan,
    plans.apply_plan,
    jobs.show_job,
    successors.undo_job,
    successors.retry_job,
    audit.list_audit,
)


def nowhere(request: HttpRequest) -> HttpResponse:
    return problems.not_found().answer()


def _door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Over https alone: a redirect would hide that a token went over the wire for all to read."""

    @wraps(view)
    def answer(request: HttpRequest, **ids: object) -> HttpResponse:
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return problems.not_https().answer()
        return view(request, **ids)

    # No cookie counts here, so there is nothing to forge.
    return csrf_exempt(answer)


urlpatterns = [
    *(path(f"api/v1/{op.route}", _door(op.view), name=op.name) for op in OPERATIONS),
    path("api/v1/openapi.json", _door(partial(openapi.view, OPERATIONS)), name="openapi"),
    re_path(r"^api(?:/.*)?$", _door(nowhere), name="nowhere"),
]
