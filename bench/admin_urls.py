"""The dashboard, and Django's admin over the mirror: the columns and filters the members page has."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import path

from dashboard.urls import urlpatterns as dashboard_urls
from memberships.models import MirroredMember, scope


@admin.register(MirroredMember)
class MirroredMemberAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "role_id", "status", "can_manage")
    list_filter = ("role_id", "status")
    search_fields = ("search_text",)
    ordering = ("sort_name", "id")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[MirroredMember]:
        """The admin knows no organizations."""
        with scope.everyone():
            return super().get_queryset(request)


urlpatterns = [path("admin/", admin.site.urls), *dashboard_urls]
