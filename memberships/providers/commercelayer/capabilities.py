"""What Commerce Layer's provisioning API can do."""

from memberships.domain.people import ROLE

from .. import Capabilities, Field, FieldKind

ADMIN = "admin"
ACCESS = "access_scope"
REFERENCE = "reference"
PROFILE = "membership_profile"

CAPABILITIES = Capabilities(
    label="Commerce Layer",
    fields=(
        Field(ROLE, "Role", FieldKind.ROLE),
        Field(
            ACCESS,
            "Access",
            FieldKind.CHOICE,
            (("live_access", "Live"), ("test_access", "Test"), ("all_access", "Live and test")),
            hint="Which environment's apps they may use. A membership profile, where somebody has one, counts instead.",
        ),
        Field(
            PROFILE,
            "Membership profile",
            FieldKind.PROFILE,
            hint="A named set of apps. Somebody who is no Admin sees only the apps given by a profile or one by one.",
        ),
        Field(
            REFERENCE,
            "Reference",
            FieldKind.TEXT,
            hint="Your own key for this person, such as a staff number.",
        ),
    ),
    bulk_sizes={},
    at_once=8,
    invite=True,
    invites_managers=True,
    invited_with=(ACCESS, PROFILE),
    deactivate=True,
    removes=True,
    resend=True,
    versions=True,
    metadata=True,
    apps=True,
    statuses=("active", "pending"),
    deactivation_notes=(
        "This deletes the membership: they lose access at once, and it is no longer listed.",
        "Undo is an invitation: an e-mail is sent, and they may have to accept it. Their role, access, profile and "
        "apps are given again.",
    ),
    reactivation_notes=(),
    return_notes=(
        "They are invited again. Their role, access, membership profile, reference, metadata and apps are given "
        "again. What can't be is told on the receipt.",
    ),
    demotion_note="Apps are switched on for Admins by themselves. Without a membership profile or apps of their own, "
    "they may be left with none.",
    manage_permission="Admin role",
    manage_permission_name=ADMIN,
    invitation_notes=(
        "Whoever has an account there is active at once, everybody else pending until they accept. All get an e-mail.",
    ),
    invited_notes={
        "active": "Has an account there: active at once.",
        "pending": "Pending until they accept.",
    },
    credentials_note="Both are on the “Provisioning API” page of your Commerce Layer user menu.",
)
