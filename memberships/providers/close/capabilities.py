"""What Close can do."""

from memberships.domain.items import NAME, OWNER, PERMISSIONS, Kind
from memberships.domain.people import ROLE

from .. import Capabilities, Field, FieldKind, ToDo

MANAGE = "manage_organization"
SEE_ALL = "view_all_leads"
VISIBILITY_FIELDS = "visibility_user_lcf_ids"
VISIBILITY_BEHAVIOR = "visibility_user_lcf_behavior"

_ON_OFF = (("true", "On"), ("false", "Off"))

CAPABILITIES = Capabilities(
    label="Close",
    fields=(
        Field(ROLE, "Role", FieldKind.ROLE),
        Field(
            "auto_record_calls",
            "Call recording",
            FieldKind.CHOICE,
            (("enabled", "On"), ("disabled", "Off"), ("unset", "Not set")),
            hint="Close documents On and Off for changes; it may refuse to go back to Not set.",
        ),
        Field("track_email_opens", "Email open tracking", FieldKind.FLAG, _ON_OFF),
        Field("may_workflows_impersonate", "Workflows may send as this person", FieldKind.FLAG, _ON_OFF),
        Field(
            "default_caller_id",
            "Default caller ID",
            FieldKind.NUMBER,
            bulk=False,
            hint="One of the numbers this person takes part in.",
        ),
        Field(
            "hangup_recording_url",
            "Voicemail drop URL",
            FieldKind.URL,
            hint="An https address of a recording. Leave it empty to have none.",
        ),
    ),
    # Close's own framework refuses 1,000 and more at once; half of that keeps a call short.
    # Ids of tasks travel in the address, for which Close recommends 2,000 characters at most.
    bulk_sizes={Kind.MEMBER: 500, Kind.TASK: 35},
    invite=True,
    invites_managers=False,
    invited_with=(),
    deactivate=True,
    deactivation_notes=(
        "Their open tasks, opportunities and leads stay with them: move those first.",
        "They stay in their groups, in custom fields and on past activities.",
        "The seat is paid until the billing cycle ends and nothing is given back: deactivate before you invite someone "
        "who takes the seat.",
        "They can be reactivated as long as their address is in one of your verified domains, else not at all.",
    ),
    reactivation_notes=(
        "Close lets people back only while “Restrict new users to emails from these domains” is on, with an address in "
        "one of its verified domains.",
        "A role that can manage the organization is given in a second step, right after they are back.",
        "A seat is charged from now on.",
    ),
    leaving_notes=(
        "Leads, finished work and past activities stay as they are: who owns a lead is a custom field.",
        "The seat is paid until the billing cycle ends and nothing is given back.",
        "They can be reactivated, by an undo too, as long as their address is in one of your verified domains.",
    ),
    leaving_to_dos=(
        ToDo(
            "Phone numbers of their own: only they can forward them or give them up, so ask for that while they are "
            "still here. Numbers shared with others keep ringing there.",
            "/settings/phone/",
            "Phone settings",
        ),
        ToDo(
            "API keys they made act in their name, and Close doesn't say what becomes of them. Give every integration "
            "that uses one a key of somebody else's.",
            "/settings/developer/api-keys/",
            "API keys",
        ),
        # https://developer.close.com/api/resources/connected-accounts
        ToDo(
            "Mailboxes, calendars and video calls they connected: have them disconnected, and forward their mail.",
            "/settings/connected-accounts/",
            "Connected accounts",
        ),
        ToDo(
            "Workflows and sequences that send as them: choose another sender.",
            "/workflows/",
            "Workflows",
        ),
        ToDo(
            "The seat is paid until the billing cycle ends: give it to somebody else, or pay for one less then.",
            "/settings/billing/",
            "Billing",
        ),
    ),
    manage_permission="Manage Organization",
    manage_permission_name=MANAGE,
    item_fields={
        Kind.ROLE: (
            Field(NAME, "Name", FieldKind.TEXT),
            Field(PERMISSIONS, "Permissions", FieldKind.PERMISSIONS),
            Field(
                VISIBILITY_FIELDS,
                "Lead visibility fields",
                FieldKind.NAMED,
                hint="People with this role see the leads that name them in one of these fields. Three at most.",
                most=3,
                unless=SEE_ALL,
            ),
            Field(
                VISIBILITY_BEHAVIOR,
                "Leads with nobody in these fields",
                FieldKind.CHOICE,
                (("require_assignment", "Hidden"), ("allow_unassigned", "Visible")),
                unless=SEE_ALL,
            ),
        ),
        Kind.GROUP: (Field(NAME, "Name", FieldKind.TEXT),),
        Kind.TASK: (Field(OWNER, "Goes to", FieldKind.PERSON),),
        Kind.OPPORTUNITY: (Field(OWNER, "Goes to", FieldKind.PERSON),),
    },
    group_deletion_notes=(
        "Close refuses to delete a group while saved reports or smart views refer to it.",
        "Undo makes a new group with the same name and active people, but with a new id.",
    ),
    pinned_views=True,
    event_log=True,
    consent_note="Remove the consent in Close under Settings > Developer > OAuth Apps if you want to be sure.",
)

SETTINGS = [field.name for field in CAPABILITIES.fields if field.name != ROLE]
