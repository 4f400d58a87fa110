"""What a role may do, in words. The names are an open set: an unknown one is shown as it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .people import Role

# "Manage Organization" and "Manage Team Phone Numbers" are Close's own labels; the others follow from the names.
# https://developer.close.com/api/resources/roles
_LABELS = {
    "bulk_delete": "delete in bulk",
    "bulk_edit": "edit in bulk",
    "bulk_email": "send bulk email",
    "bulk_import": "import in bulk",
    "bulk_sequence_subscriptions": "enroll contacts in workflows in bulk",
    "call_coach_barge": "join other people's calls",
    "call_coach_listen": "listen to other people's calls",
    "calling": "make and take calls",
    "delete_leads": "delete leads",
    "delete_own_activities": "delete their own activities",
    "delete_own_opportunities": "delete their own opportunities",
    "delete_own_tasks": "delete their own tasks",
    "export": "export data",
    "manage_customizations": "manage custom fields, statuses and other customizations",
    "manage_email_sequences": "manage workflows",
    "manage_group_numbers": "manage team phone numbers",
    "manage_organization": "manage the organization: people, roles, groups and billing",
    "manage_others_activities": "manage other people's activities",
    "manage_others_opportunities": "manage other people's opportunities",
    "manage_others_tasks": "manage other people's tasks",
    "manage_team_email_templates": "manage team email templates",
    "manage_team_smart_views": "manage team smart views",
    "merge_leads": "merge leads",
    "view_all_leads": "see all leads",
}


# As people think of them; what is in none of these, such as tomorrow's names, comes last.
_THEMES = (
    ("Leads", ("view_all_leads", "merge_leads", "delete_leads")),
    ("Their own work", ("delete_own_activities", "delete_own_opportunities", "delete_own_tasks")),
    (
        "Other people's work",
        ("manage_others_activities", "manage_others_opportunities", "manage_others_tasks"),
    ),
    ("Calls", ("calling", "call_coach_listen", "call_coach_barge")),
    (
        "Many at once",
        ("bulk_edit", "bulk_delete", "bulk_email", "bulk_import", "bulk_sequence_subscriptions", "export"),
    ),
    (
        "For the whole team",
        (
            "manage_customizations",
            "manage_email_sequences",
            "manage_group_numbers",
            "manage_team_email_templates",
            "manage_team_smart_views",
        ),
    ),
)
_OTHERS = "Others"

KNOWN = frozenset(_LABELS)
"""The names we have words for."""


def label(permission: str) -> str:
    return _LABELS.get(permission, permission)


@dataclass(frozen=True, slots=True)
class Permission:
    """The provider's name for it, and how it reads; the same where nobody has told us more."""

    name: str
    label: str

    @property
    def known(self) -> bool:
        return self.name in _LABELS


def named(name: str) -> Permission:
    return Permission(name, label(name))


def listed(names: Iterable[str]) -> tuple[Permission, ...]:
    """Each once, in alphabetical order of what is read."""
    found = [named(name) for name in set(names)]
    return tuple(sorted(found, key=lambda p: (p.label.casefold(), p.name)))


def by_theme(names: Iterable[str]) -> list[tuple[str, tuple[Permission, ...]]]:
    """Each once under its theme, in the order of the themes; themes with none of them are left out."""
    left = set(names)
    found = []
    for theme, its_names in _THEMES:
        found.append((theme, tuple(named(name) for name in its_names if name in left)))
        left.difference_update(its_names)
    return [(theme, its) for theme, its in (*found, (_OTHERS, listed(left))) if its]


@dataclass(frozen=True, slots=True)
class Difference:
    gained: tuple[str, ...]
    lost: tuple[str, ...]


def difference(before: Role | None, after: Role | None) -> Difference:
    """Permissions won and lost by moving from one role to another, as labels in alphabetical order."""
    return changed(before.permissions if before else (), after.permissions if after else ())


def changed(before: Iterable[str], after: Iterable[str]) -> Difference:
    """The same by the permissions' names."""
    old, new = frozenset(before), frozenset(after)
    return Difference(gained=_labels(new - old), lost=_labels(old - new))


def _labels(permissions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(label(p) for p in permissions))


def summary(role: Role) -> tuple[str, ...]:
    """Everything a role may do, as labels in alphabetical order."""
    return _labels(role.permissions)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two roles may do, each alone and both."""

    only_first: tuple[Permission, ...]
    only_second: tuple[Permission, ...]
    both: tuple[Permission, ...]


def compare(first: Role, second: Role) -> Comparison:
    one, other = first.permissions, second.permissions
    return Comparison(listed(one - other), listed(other - one), listed(one & other))


def granted(roles: Iterable[Role]) -> frozenset[str]:
    """Every permission that at least one of these roles grants: nobody publishes the whole set."""
    return frozenset[str]().union(*(role.permissions for role in roles))


def matrix(roles: Sequence[Role]) -> list[tuple[Permission, list[bool]]]:
    """For each permission that any role grants: does each role grant it, in their order?"""
    return [(p, [p.name in role.permissions for role in roles]) for p in listed(granted(roles))]
