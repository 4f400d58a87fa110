"""The audit log: one chain of entries per organization, written once and never changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from memberships.domain.people import METADATA, metadata_key

from .connections import Organization
from .scope import Owned, OwnedRows

EVENTS = {
    "member.role.set": "Role",
    "member.auto_record_calls.set": "Call recording",
    "member.track_email_opens.set": "Email open tracking",
    "member.may_workflows_impersonate.set": "Workflows may send as this person",
    "member.default_caller_id.set": "Default caller ID",
    "member.hangup_recording_url.set": "Voicemail drop URL",
    "member.invited": "Invitation",
    "member.resent": "Invitation sent again",
    "member.access_scope.set": "Access",
    "member.reference.set": "Reference",
    "member.membership_profile.set": "Membership profile",
    "member.metadata.set": "Metadata",
    "member.apps.set": "Apps",
    "member.reactivated": "Reactivation",
    "member.deactivated": "Deactivation",
    "member.removed": "Removal",
    "member.can_manage.set": "Can manage",
    "member.status.set": "Status",
    "member.joined": "Joined",
    "member.gone": "No longer listed",
    "member.pinned_views.set": "Pinned views",
    "member.group.set": "Group",
    "role.created": "Role created",
    "role.changed": "Role changed",
    "role.deleted": "Role deleted",
    "group.created": "Group created",
    "group.changed": "Group changed",
    "group.deleted": "Group deleted",
    "task.moved": "Task moved",
    "opportunity.moved": "Opportunity moved",
    "outside.acknowledged": "Changes outside acknowledged",
    "plan.applied": "Plan applied",
    "command.run": "Command run",
    "roster_file.uploaded": "Roster file uploaded",
    "roster_file.adopted": "Adopted into the roster file",
    "roster_file.checked": "Compared with the roster file",
    "roster_file.scheduled": "Drift schedule",
    "plan.number_typed": "Number typed instead of signing in again",
    "session.signed_in": "Signed in",
    "session.signed_out": "Signed out everywhere",
    "connection.attached": "Connected",
    "connection.disconnected": "Disconnected",
    "token.made": "Token made",
    "token.revoked": "Token revoked",
}
"""What can happen, with the words for it."""


class Untouchable(OwnedRows["AuditEntry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit entries are never changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Audit entries are never deleted.")


class AuditEntry(models.Model):
    """One thing that happened to a person, a role or a group, or to nobody. Names are copies, which stay."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="audit")
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    event = models.CharField(max_length=40)
    channel = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=100, blank=True)
    actor_name = models.CharField(max_length=300, blank=True)
    # Whose connection was used, where that isn't the actor's own.
    through = models.CharField(max_length=300, blank=True)
    member_id = models.CharField(max_length=100, blank=True)
    member_name = models.TextField(blank=True)
    member_email = models.CharField(max_length=254, blank=True)
    # What it happened to, where that isn't a person: a role, a group, a task or opportunity of that person.
    item_kind = models.CharField(max_length=20, blank=True)
    item_id = models.CharField(max_length=100, blank=True)
    item_name = models.TextField(blank=True)
    field = models.CharField(max_length=120, blank=True)
    # The provider's values, and how they read at the time. Of somebody who is gone: all values there were, by name.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    before_text = models.CharField(max_length=300, blank=True)
    after_text = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)
    reason = models.CharField(max_length=200, blank=True)
    # Of what was noticed and not done here: it happened after this moment and before `at`.
    since = models.DateTimeField(null=True)
    # When exactly, where the provider's own log says so.
    happened_at = models.DateTimeField(null=True)
    # The person can manage the organization by this, and could not before.
    gained_power = models.BooleanField(default=False)
    plan_id = models.UUIDField(null=True, db_index=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = Owned.from_queryset(Untouchable)()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "number"], name="audit_number_once")]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_by_time"),
            models.Index(fields=["organization", "member_id"], name="audit_by_member"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.event}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("Audit entries are never changed.")
        super().save(*args, **kwargs)  # type: ignore[unreachable]

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Audit entries are never deleted.")

    @property
    def field_label(self) -> str:
        return _keyed(self.field) or EVENTS.get(f"member.{self.field}.set", self.field)

    @property
    def label(self) -> str:
        # One event for all keys, to be searched by; which key it was stands in the field.
        keyed = _keyed(self.field) if self.event == "member.metadata.set" else ""
        return keyed or EVENTS.get(self.event, self.event)


def _keyed(field: str) -> str:
    """How a field of metadata is called; empty for any other field."""
    if field == METADATA:
        return "Other metadata"
    return f"Metadata {metadata_key(field)}" if metadata_key(field) else ""
