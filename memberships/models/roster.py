"""The mirror: what the provider last said about an organization's people and roles."""

from __future__ import annotations

from django.db import models

from memberships.domain.people import Member, Role, Status, full_name

from .connections import Organization
from .scope import Owned


class MirroredRole(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="roles")
    remote_id = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    permissions = models.JSONField(default=list)
    can_manage = models.BooleanField(default=False)
    editable = models.BooleanField(default=False)
    settings = models.JSONField(default=dict)

    objects = Owned()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "remote_id"], name="role_once")]

    def __str__(self) -> str:
        return self.name

    def role(self) -> Role:
        return Role(
            self.remote_id,
            self.name,
            frozenset(self.permissions),
            self.can_manage,
            self.editable,
            {name: tuple(v) if isinstance(v, list) else v for name, v in self.settings.items()},
        )


class MirroredGroup(models.Model):
    """A group. Who is in it costs a call of its own: `user_ids` is as of `members_read_at`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="groups")
    remote_id = models.CharField(max_length=100)
    name = models.CharField(max_length=300)
    user_ids = models.JSONField(default=list)
    # When the read that it shows began: an older read never overwrites a newer one.
    members_read_at = models.DateTimeField(null=True)

    objects = Owned()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "remote_id"], name="group_once")]

    def __str__(self) -> str:
        return self.name


class MirroredMember(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="members")
    remote_id = models.CharField(max_length=100)
    user_id = models.CharField(max_length=100, blank=True)
    email = models.CharField(max_length=254, blank=True)
    first_name = models.CharField(max_length=300, blank=True)
    last_name = models.CharField(max_length=300, blank=True)
    role_id = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=10, choices=[(s.value, s.name.title()) for s in Status])
    can_manage = models.BooleanField(default=False)
    settings = models.JSONField(default=dict)
    more = models.JSONField(default=dict)
    owner = models.BooleanField(default=False)
    # Both without case and accents; see `searchable`.
    search_text = models.TextField()
    sort_name = models.CharField(max_length=620)

    objects = Owned()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "remote_id"], name="member_once")]
        indexes = [
            models.Index(fields=["organization", "sort_name", "id"], name="member_by_name"),
            models.Index(fields=["organization", "status", "sort_name"], name="member_by_status"),
            models.Index(fields=["organization", "role_id"], name="member_by_role"),
            # The numbers above the list are counted from this alone.
            models.Index(fields=["organization", "status", "role_id", "can_manage"], name="member_counts"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def name(self) -> str:
        return full_name(self.first_name, self.last_name)

    def member(self) -> Member:
        return Member(
            self.remote_id,
            self.user_id,
            self.email,
            self.first_name,
            self.last_name,
            self.role_id,
            Status(self.status),
            self.can_manage,
            self.settings,
            self.more,
            self.owner,
        )


class Selection(models.Model):
    """Who is ticked on the members page, kept here so that it survives paging and never travels as a list of ids."""

    session_key = models.CharField(max_length=40)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    members = models.JSONField(default=list)
    changed_at = models.DateTimeField(auto_now=True)

    objects = Owned()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session_key", "organization"], name="selection_once")]

    def __str__(self) -> str:
        return f"{len(self.members)} selected"
