"""The dashboard, and Django's admin over the mirror: the columns and filters the members page has."""

from django.contrib import admin
from django.urls import path

from dashboard.urls import urlpatterns as dashboard_urls
from memberships.models import MirroredMember


@admin.register(MirroredMember)
class MirroredMemberAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "role_id", "status", "can_manage")
    list_filter = ("role_id", "status")
    search_fields = ("search_text",)
    ordering = ("sort_name", "id")
    list_per_page = 50


urlpatterns = [path("admin/", admin.site.urls), *dashboard_urls]
