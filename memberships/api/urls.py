"""Where the API is. What is nowhere here is nowhere, and no page says so."""

from functools import partial

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


# No cookie counts here, so there is nothing to forge.
urlpatterns = [
    *(path(f"api/v1/{op.route}", csrf_exempt(op.view), name=op.name) for op in OPERATIONS),
    path("api/v1/openapi.json", csrf_exempt(partial(openapi.view, OPERATIONS)), name="openapi"),
    re_path(r"^api(?:/.*)?$", csrf_exempt(nowhere), name="nowhere"),
]
