"""What Commerce Layer does not document, decided once; every doubt is a switch."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass
class CommerceSwitches:
    """The rehearsal's answer where Commerce Layer's is unknown.

    The defaults are the likeliest behaviour. Flip one to see whether a client survives the other
    answer. The numbers in the comments are the sections of the contract, commercelayer-api.md,
    that leave the question open.
    """

    # 1 a token that is still good is handed out again, with what is left of its life.
    live_token_is_issued_again: bool = True
    token_lifetime_s: float = 7200
    # 1 the code of a refused token: Core's is INVALID_TOKEN.
    invalid_token_code: Literal["UNAUTHORIZED", "INVALID_TOKEN"] = "UNAUTHORIZED"
    # 1 `errors` of the token endpoint: a list, or one object.
    token_errors_are_an_object: bool = False

    # 2.1, 1 members who are no admins see everybody, or themselves only.
    members_see_everybody: bool = False
    # 2.2 the names of somebody invited who has no account: null, or empty.
    pending_names_are_empty: bool = False
    # 2.2 emails are kept in lower case.
    emails_are_lowered: bool = True

    # 2.5 a second invitation of the same email.
    duplicate_status: Literal[409, 422] = 422
    # 2.5 one member more than the plan has.
    over_cap_status: Literal[401, 422] = 422
    # 2.6, 2.5 a role, profile or app of another organization, or one that does not exist.
    foreign_reference_status: Literal[404, 422] = 422
    # 2.6 to-many lists can be replaced; one object does for a list of one.
    to_many_update_allowed: bool = True
    to_many_may_be_an_object: bool = True
    # 2.6 `attributes` may not be left out.
    attributes_are_required: bool = True
    # 2.6 guards nobody documents: off, so that a client without guards does real harm here.
    owner_role_change_refused: bool = False
    own_role_change_refused: bool = False
    last_admin_demotion_refused: bool = False
    # 2.7 the same for deleting; the owner can't delete their own membership, which is documented.
    last_admin_deletion_refused: bool = False
    owner_deletion_by_others_refused: bool = True
    # How any of these refusals looks.
    guard_status: Literal[401, 422, 423] = 422
    # 2.7 resending to somebody active, and again at once.
    resend_to_active_status: Literal[202, 422] = 422
    resend_again_after_s: float = 0
    # 2.7 what the new owner's role is afterwards.
    new_owner_becomes_admin: bool = True

    # 3.1 creating roles outside Enterprise plans.
    role_not_in_plan_status: Literal[401, 422] = 422
    # 3.4 secrets of apps: shown, or masked, as a precaution of the rehearsal.
    client_secrets_are_shown: bool = False
    # 3.5 deleting a profile that members still have.
    used_profile_is_locked: bool = True
    # 3.6 how many dots an include path may have; None is no limit.
    include_depth: int | None = None
    # 3.7 a role change in `versions` is role_id, or not there.
    versions_show_role_id: bool = True

    # 4.1 `Accept` has to name JSON:API; off, */* or nothing will do.
    accept_must_be_named: bool = True
    # 4.3 page_count of an empty list.
    pages_of_nothing: Literal[0, 1] = 0

    # 4.7 GET has the write limits, or those of cacheable requests: 1000 and 250.
    reads_are_generous: bool = False
    # 4.7 each HTTP method has a window of its own, or all writes share one.
    methods_count_apart: bool = True
    # 4.7 whether refused calls count.
    refused_calls_count: bool = False
    # 4.7 `errors` of a 429: one object, as recorded, or a list as everywhere else.
    throttled_errors_are_an_object: bool = True

    # 2.4 what an included relationship may come to: resource types that are missing from `included`,
    # and relationships whose `data` is null although something is there.
    left_out_of_included: tuple[str, ...] = ()
    null_linkage: tuple[str, ...] = ()

    def reset(self) -> None:
        """Back to the defaults, in place."""
        for field in fields(self):
            setattr(self, field.name, field.default)
