"""What Close does not document, decided once; every doubt is a switch."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass
class Switches:
    """The rehearsal's answer where Close's is unknown.

    The defaults are the likeliest behaviour. Flip one to see whether a client survives the other
    answer: `world.switches.permission_refusal_status = 403`. The numbers in the comments are the
    sections of the contract, close-api.md, that leave the question open.
    """

    # 1.2 code lifetime is unknown; a code is good for one exchange.
    code_lifetime_s: float = 600
    # 1.3 the example says 3600.
    access_token_lifetime_s: float = 3600
    # 1.4 refresh-token lifetime, reuse detection and the fate of old access tokens are unknown.
    refresh_token_lifetime_s: float | None = None
    reuse_revokes_the_family: bool = False
    refresh_revokes_old_access: bool = False
    # 1.6 the 401 body for a bad bearer token: the API-key text, or RFC 6750's invalid_token.
    bad_bearer_says_invalid_token: bool = False
    # 1.8 /me/ under OAuth: every organization of the person, or the granted one.
    me_lists_every_organization: bool = True
    # 4 what happens to a removed person's tokens and keys; False lets them sleep until re-activation.
    deactivation_revokes_tokens: bool = True

    # 2.1 unknown keys in write bodies are refused (the schema) or ignored (the framework).
    unknown_keys_refused: bool = True
    # 2.1 POST for somebody who is active with another role: role left alone, or overwritten.
    create_overwrites_role: bool = False
    # 2.1 POST for somebody inactive: takes the posted role, or comes back with the old one.
    reactivation_takes_role: bool = True
    # 4 people who left stay in their groups; whether they still are in them when they come back is unknown.
    reactivation_keeps_groups: bool = True
    # 2.1, 7.10 whether an API create shows up in the event log.
    create_is_logged: bool = True
    # 2.1 PUT role_id=admin is in the schema, but unproven.
    admin_can_be_granted: bool = True
    # 2.1 writing auto_record_calls=unset back is in the enum, but unproven.
    unset_can_be_written_back: bool = True
    # 2.1 a member without manage_organization editing own settings (never the own role).
    own_settings_editable: bool = True
    # 2.1 guards nobody documents: off, so that a client without guards does real harm here.
    own_role_change_refused: bool = False
    last_manager_demotion_refused: bool = False
    # 2.1 an inactive membership answers 404 to PUT and DELETE, or behaves like any other.
    inactive_is_not_found: bool = True
    # 2.1 DELETE of oneself and of the last manager.
    self_deactivation_refused: bool = True
    last_manager_deactivation_refused: bool = True
    # 2.1 DELETE answers {} or nothing at all.
    delete_answers_json: bool = True
    # 2.1 PUT answers the whole membership, or only the keys of the documented example.
    update_answers_example_keys: bool = False
    # 2.1 value of `role` for custom roles: the id, or the name.
    role_key_is_name: bool = False
    # 2.1 bulk: one after another, or all or nothing; refused from this many matches on.
    bulk_is_atomic: bool = False
    bulk_refused_from: int = 1000
    # 2.1 pinned views that do not exist.
    unknown_pinned_views_refused: bool = True

    # 2.2 custom roles belong to the top plan; otherwise 402.
    plan_has_custom_roles: bool = True
    # 2.2 permission names nobody has published: refused or kept.
    unknown_permissions_refused: bool = True
    # 2.2 visibility fields that are no lead fields of type user.
    unknown_visibility_fields_refused: bool = True
    # 2.2 two roles of one name.
    same_role_name_refused: bool = True
    # 2.2 what a deleted role means for people who left with it: they get the least, still carry its id, or prevent it.
    departed_with_deleted_role: Literal["get_the_least", "carry_it", "prevent_it"] = "get_the_least"

    # 2.3 without _fields a group shows id, name and organization_id, or its id only.
    group_fields_must_be_named: bool = False

    # 2.4 /user/ also lists people who left.
    users_include_departed: bool = True

    # 2.5 rows in the organization carry every setting, or only the keys of the documented example.
    organization_rows_have_example_keys: bool = False
    # 2.5 whether user_id survives beside the expanded user object.
    expanded_rows_keep_user_id: bool = True

    # 2.8 events may appear late.
    events_appear_after_s: float = 0

    # 3.2 not JSON: 400 in the framework, 415 in the list of codes.
    wrong_content_type_status: Literal[400, 415] = 400
    # 3.2 a missing trailing slash is redirected, or served.
    missing_slash_redirects: bool = True

    # 3.5 a refused permission is 401 in the framework; parts of the API moved to 403.
    permission_refusal_status: Literal[401, 403] = 401
    # 3.5 field-errors may carry internal names: `role` instead of `role_id`.
    role_errors_say_role: bool = False

    # 3.6 live headers used semicolons, the documentation commas; the split headers came along.
    ratelimit_separator: Literal[";", ","] = ";"
    ratelimit_split_headers: bool = True
    # 3.6 the deprecated 429 body, where `error` is an object.
    old_429_body: bool = False

    def reset(self) -> None:
        """Back to the defaults, in place."""
        for field in fields(self):
            setattr(self, field.name, field.default)
