"""Organizations, and the people who connected them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

from .secrets import EncryptedTextField

if TYPE_CHECKING:
    from .tokens import Token


class Organization(models.Model):
    """One organization at one provider, and how fresh our mirror of its people is."""

    provider = models.CharField(max_length=20)
    remote_id = models.CharField(max_length=100)
    # The organization people sign in to, whose managers look after this one too. None for one they sign in to.
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="attached")
    # Is there such another one? Most requests need look no further.
    has_attached = models.BooleanField(default=False)
    name = models.CharField(max_length=200, blank=True)
    # How things are called that members' settings name by their ids.
    names = models.JSONField(default=dict)
    # When the read that the mirror shows began: an older read never overwrites a newer one.
    roster_read_at = models.DateTimeField(null=True)
    # When the answer to a change was last shown in the mirror: a read begun before that may not know it yet.
    mirror_changed_at = models.DateTimeField(null=True)
    # Of earlier times nothing is known.
    first_read_at = models.DateTimeField(null=True)
    refresh_until = models.DateTimeField(null=True)
    refresh_error = models.CharField(max_length=300, blank=True)
    # The same of the groups, which are read one by one.
    groups_read_at = models.DateTimeField(null=True)
    groups_refresh_until = models.DateTimeField(null=True)
    groups_error = models.CharField(max_length=300, blank=True)
    # One job at a time writes: whoever holds the token may, until the time given.
    writer_token = models.CharField(max_length=40, blank=True)
    writer_until = models.DateTimeField(null=True)
    audit_number = models.PositiveBigIntegerField(default=0)
    audit_hash = models.CharField(max_length=64, blank=True)
    # The latest audit entries of something done outside, and of power given there: most pages need look no further.
    outside_number = models.PositiveBigIntegerField(default=0)
    outside_power_number = models.PositiveBigIntegerField(default=0)
    # How many people weren't as the roster file says when that was last looked at.
    drift_number = models.PositiveIntegerField(default=0)
    # Up to which audit entry somebody has said of outside grants of power: I have seen this.
    acknowledged_number = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "remote_id"],
                condition=models.Q(parent=None),
                name="organization_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "remote_id", "parent"],
                condition=models.Q(parent__isnull=False),
                name="attached_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.remote_id

    def hold(self) -> Organization:
        """This row as it is now, which nobody else can change before the transaction ends.

        Whoever reads what is kept of an organization in order to write it takes this row first, before any other:
        so nothing comes in between, and no two transactions wait for each other.
        """
        # `no_key`: rows that only name this organization may still be written.
        return Organization.objects.select_for_update(no_key=True).get(pk=self.pk)


class Connection(models.Model):
    """One person's consent for one organization. A new consent replaces the tokens in place.

    Where people don't sign in, it is made of somebody's own client id and secret, which all managers of the parent
    organization use; `added_by` is the sign-in of whoever entered them.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="connections")
    user_id = models.CharField(max_length=100)
    name = models.CharField(max_length=300, blank=True)
    email = models.CharField(max_length=254, blank=True)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    client_id = EncryptedTextField(blank=True)
    client_secret = EncryptedTextField(blank=True)
    added_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="added")
    expires_at = models.DateTimeField(null=True)
    # Who may call the token endpoint now: the provider revokes the old refresh token, so exactly one process does.
    renewing_until = models.DateTimeField(null=True)
    renewal_lost = models.BooleanField(default=False)
    can_manage = models.BooleanField(default=False)
    # When the provider last said so, and when it last gave no answer to that question.
    checked_at = models.DateTimeField(null=True)
    unanswered_at = models.DateTimeField(null=True)
    # Up to which audit entry this person has looked at what others did outside.
    seen_number = models.PositiveBigIntegerField(default=0)
    connected_at = models.DateTimeField(auto_now_add=True)
    # The person wants it to outlive their last sign-out, for tokens and schedules.
    kept = models.BooleanField(default=False)

    # Who uses it now, where that isn't whose it is; and the sign-in or the token by which it is used. Not stored.
    person: Connection | None = None
    login: Login | None = None
    token: Token | None = None
    # Nobody waits for a page: what is read with it may wait out a rate limit. Not stored.
    patient = False

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user_id"], name="connection_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.email} in {self.organization}"

    @property
    def actor(self) -> Connection:
        """Who answers for what is done with it."""
        return self.person or self

    @property
    def usable(self) -> bool:
        return bool(self.access_token or self.client_secret)


class Login(models.Model):
    """This browser session has signed in with this connection."""

    session_key = models.CharField(max_length=40, db_index=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="logins")
    # When the person last came back from the provider's consent page, and when they last did something.
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(default=timezone.now)
    # In words: kept no finer than somebody needs to know their own again.
    browser = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_key", "connection"], name="login_once"),
        ]

    def __str__(self) -> str:
        return str(self.connection)
