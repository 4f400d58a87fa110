from django.urls import path
from django.views.generic import RedirectView

from .views import attached, audit, changes, connections, history, members, people, plans, roles

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="members"), name="home"),
    path("members/", members.members, name="members"),
    path("members/freshness/", members.freshness, name="freshness"),
    path("members/refresh/", members.refresh, name="refresh"),
    path("members/find/", people.find, name="find-members"),
    path("members/selection/", members.select, name="select"),
    path("members/selection/<slug:field>/", changes.choose_value, name="choose-value"),
    path("members/deactivate/", changes.leave_or_return, {"action": "deactivate"}, name="deactivate"),
    path("members/reactivate/", changes.leave_or_return, {"action": "reactivate"}, name="reactivate"),
    path("members/invite/", changes.invite, name="invite"),
    path("members/export/", members.export, name="export-members"),
    path("members/as-of/", history.as_of, name="as-of"),
    path("members/as-of/export/", history.export, name="export-as-of"),
    path("members/<str:member_id>/", changes.member, name="member"),
    path("plans/<uuid:plan_id>/", plans.plan, name="plan"),
    path("plans/<uuid:plan_id>/apply/", plans.apply, name="apply"),
    path("jobs/<uuid:job_id>/", plans.job, name="job"),
    path("jobs/<uuid:job_id>/stop/", plans.stop, name="stop"),
    path("jobs/<uuid:job_id>/retry/", plans.retry, name="retry"),
    path("jobs/<uuid:job_id>/undo/", plans.undo, name="undo"),
    path("jobs/<uuid:job_id>/result/", plans.result, name="result"),
    path("roles/", roles.roles, name="roles"),
    path("roles/freshness/", roles.freshness, name="roles-freshness"),
    path("roles/refresh/", roles.refresh, name="refresh-roles"),
    path("audit/", audit.log, name="audit"),
    path("audit/acknowledge/", audit.acknowledge, name="acknowledge"),
    path("audit/export/", audit.export, name="export-audit"),
    path("connections/", connections.connections, name="connections"),
    path("connections/attach/", attached.attach, name="attach"),
    path("connections/attach/organization/", attached.choose, name="attach-organization"),
    path("connections/switch/", connections.switch, name="switch"),
    path("connections/<int:pk>/disconnect/", connections.disconnect, name="disconnect"),
]
