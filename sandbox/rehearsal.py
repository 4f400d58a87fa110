"""The company one rehearses with: three organizations of people who do not exist."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox import members
from sandbox.people import Person, awkward, believable
from sandbox.records import MANAGE, USER_PERMISSIONS, Organization

if TYPE_CHECKING:
    from sandbox.world import World

NORTHWIND, HARBOR, VALLEY = "Northwind Rehearsal", "Harbor Lights", "Quiet Valley"
NORTHWIND_DOMAIN = "northwind-rehearsal.example"
HARBOR_DOMAIN = "harbor-lights.example"
VALLEY_DOMAIN = "quiet-valley.example"

ADMIN = f"alex.morgan@{NORTHWIND_DOMAIN}"  # admin here and in Harbor Lights, a user in Quiet Valley
SECOND_ADMIN = f"priya.natarajan@{NORTHWIND_DOMAIN}"
ORDINARY = f"sam.okafor@{NORTHWIND_DOMAIN}"  # may not manage the organization
TWO_PLACES = f"robin.castellano@{NORTHWIND_DOMAIN}"  # sales manager here, admin in Harbor Lights
PEOPLE_OPS = f"noor.haddad@{NORTHWIND_DOMAIN}"  # manages the organization through a custom role
LEAVER = TWO_PLACES  # has a desk full of work, and is the one to practise a leaving with
CLOSE_STAFF = "support@close-rehearsal.example"  # an account of Close's own, free of charge

SALES_MANAGER, SUPPORT_LEAD, PEOPLE_OPS_ROLE = "Sales Manager", "Support Lead", "People Ops"
CUSTOM_ROLES = {
    SALES_MANAGER: [*USER_PERMISSIONS, "bulk_edit", "call_coach_barge", "call_coach_listen", "export"],
    SUPPORT_LEAD: [name for name in USER_PERMISSIONS if name != "bulk_email"] + ["call_coach_listen"],
    PEOPLE_OPS_ROLE: [*USER_PERMISSIONS, "manage_group_numbers", MANAGE],
}

# Lead custom fields, by which roles without view_all_leads see leads if they hold users.
LEAD_OWNER, ACCOUNT_TEAM, SUPPORT_CONTACT = "Lead Owner", "Account Team", "Support Contact"
LEAD_FIELDS = (
    (LEAD_OWNER, "user"),
    ("Industry", "choices"),
    (ACCOUNT_TEAM, "user"),
    ("Renewal date", "date"),
    (SUPPORT_CONTACT, "user"),
    ("Seats <sold>", "number"),
    ("Second opinion", "user"),
)
# Nobody has it.
CONTRACTOR = "Contractor"
CONTRACTOR_PERMISSIONS = ["calling", "delete_own_activities", "delete_own_tasks"]

# Out of a hundred, for everyone who is not placed by hand.
ROLE_SHARES = {"user": 62, "restricteduser": 12, "superuser": 7, SALES_MANAGER: 11, SUPPORT_LEAD: 8}
INACTIVE_SHARE = 0.12

GROUPS = ("Sales EMEA", "Sales Americas", "Customer Success", "Onboarding & Training", "Night <Shift>")
VIEWS = (
    ("No contact in 30 days", "lead"),
    ("Untouched leads", "lead"),
    ("Renewals this quarter", "opportunity"),
    ("Missed calls", "call"),
    ("Champions", "contact"),
    ("Meetings this week", "meeting"),
)
TASKS = ("Call back", "Send the offer", "Prepare the demo", "Ask about the <renewal>")
TASK_TYPES = {
    "lead": 17,
    "incoming_email": 6,
    "missed_call": 4,
    "voicemail": 2,
    "email_followup": 4,
    "opportunity_due": 1,
}
LEADS = (
    "Bluewater Marine",
    "Café Zürich",
    "Ortiz & Daughters",
    "Fairway <Test>",
    "Lindqvist Bygg AB",
    "Tanaka 商店",
)
DEALS = ("Yearly plan", "Pilot with 20 seats", "Extension")
LONG_AGO = datetime(2021, 3, 1, 9, tzinfo=UTC)


def build(world: World, people: int, seed: int) -> World:
    """Fill an empty world. Six people are always the same; so are the awkward names, as far as they fit."""
    rng = random.Random(seed)
    northwind = world.add_organization(NORTHWIND, verified_domains=(NORTHWIND_DOMAIN,))
    roles = {name: world.add_role(northwind, name, list(names)) for name, names in CUSTOM_ROLES.items()}
    by_hand = _principals(roles)
    for person, role in by_hand[: max(people, 1)]:
        _add(world, northwind, person, role, rng)
    names, shares = list(ROLE_SHARES), list(ROLE_SHARES.values())
    for person in _everyone_else(rng, people - len(by_hand)):
        role = rng.choices(names, shares)[0]
        active = rng.random() >= INACTIVE_SHARE
        _add(world, northwind, person, roles.get(role, role), rng, active=active)
    _furnish(world, world.organizations[northwind], rng)

    harbor = world.add_organization(HARBOR, domain_restriction=False)
    placed = {person.email: person for person, _ in by_hand}
    _add(world, harbor, placed[ADMIN], "admin", rng)
    _add(world, harbor, placed[TWO_PLACES], "admin", rng)
    _staff(world, harbor, HARBOR_DOMAIN, 10, rng)

    valley = world.add_organization(VALLEY, verified_domains=(VALLEY_DOMAIN,))
    _add(world, valley, Person(f"maren.holt@{VALLEY_DOMAIN}", "Maren", "Holt"), "admin", rng)
    _add(world, valley, placed[ADMIN], "user", rng)
    _staff(world, valley, VALLEY_DOMAIN, 3, rng)

    # Last of all, so that whoever was drawn before stays as they were.
    _fill_desk(world, northwind, rng)

    _pin(world, northwind)

    visitors = (ADMIN, SECOND_ADMIN, ORDINARY, TWO_PLACES, PEOPLE_OPS)
    world.visitors = [user.id for email in visitors if (user := world.user_by_email(email))]
    return world


def _fill_desk(world: World, northwind: str, rng: random.Random) -> None:
    """What somebody holds who has been here for years, if there are people enough for them to be here."""
    organization, leaver = world.organizations[northwind], world.user_by_email(LEAVER)
    membership = organization.by_user.get(leaver.id) if leaver else None
    if leaver is None or membership is None:
        return
    for kind, number in TASK_TYPES.items():
        for _ in range(number):
            text = rng.choice(TASKS) if kind == "lead" else ""
            world.add_task(northwind, leaver.id, text, type=kind, lead=rng.choice(LEADS))
    for _ in range(3):
        world.add_task(northwind, leaver.id, rng.choice(TASKS), complete=True, lead=rng.choice(LEADS))
    for status, number in (("active", 5), ("won", 3), ("lost", 1)):
        for _ in range(number):
            value, lead = rng.randrange(1, 500) * 10_000, rng.choice(LEADS)
            world.add_opportunity(
                northwind, leaver.id, rng.choice(DEALS), status=status, value=value, lead=lead
            )
    world.add_phone_number(northwind, "+442079460910", f"{leaver.first_name}'s line", [leaver.id])
    groups, views = list(organization.groups.values()), list(organization.smart_views)
    for group in groups[:3]:
        if leaver.id not in group.user_ids:
            group.user_ids.append(leaver.id)
    membership.pinned_views = views[:4]


def _pin(world: World, northwind: str) -> None:
    """Views that not everyone may open, and one that is gone, pinned by people one finds by their names."""
    organization = world.organizations[northwind]
    named = {view.name: view.id for view in organization.smart_views.values()}
    placed = [user.id for email in (SECOND_ADMIN, ORDINARY) if (user := world.user_by_email(email))]
    few = world.add_smart_view(
        northwind, "Renewal risk", type="opportunity", shared=False, users=(world.user_id(ADMIN), *placed)
    )
    gone = world.add_smart_view(northwind, "Trade fair 2023")
    pins = {
        SECOND_ADMIN: [few, named["Missed calls"], named["Shared with sales"], named["Untouched leads"]],
        ORDINARY: [named["Untouched leads"], gone, named["Missed calls"]],
    }
    for email, view_ids in pins.items():
        if user := world.user_by_email(email):
            organization.by_user[user.id].pinned_views = view_ids
    world.delete_smart_view(northwind, gone)


def _principals(roles: dict[str, str]) -> list[tuple[Person, str]]:
    return [
        (Person(ADMIN, "Alex", "Morgan", "+442079460001"), "admin"),
        (Person(SECOND_ADMIN, "Priya", "Natarajan", "+442079460002"), "admin"),
        (Person(ORDINARY, "Sam", "Okafor", "+442079460003"), "user"),
        (Person(TWO_PLACES, "Robin", "Castellano"), roles[SALES_MANAGER]),
        (Person(PEOPLE_OPS, "Noor", "Haddad"), roles[PEOPLE_OPS_ROLE]),
        (Person(CLOSE_STAFF, "Close", "Support"), "superuser"),
    ]


def _everyone_else(rng: random.Random, count: int) -> Iterator[Person]:
    """Awkward names first drawn, then mixed among the others: they must not sit on page one only."""
    taken: set[str] = set()
    strange = awkward(NORTHWIND_DOMAIN)[: max(count, 0)]
    ordinary = believable(rng, NORTHWIND_DOMAIN, taken)
    contractors = believable(rng, "contractors.example", taken)
    people = strange + [
        next(contractors if rng.random() < 0.05 else ordinary) for _ in range(count - len(strange))
    ]
    rng.shuffle(people)
    yield from people


def _staff(world: World, organization_id: str, domain: str, count: int, rng: random.Random) -> None:
    people = believable(rng, domain, set())
    for number in range(count):
        role = "superuser" if number == 0 else "restricteduser" if number == 1 else "user"
        _add(world, organization_id, next(people), role, rng, active=number != 2)


def _add(
    world: World, organization_id: str, person: Person, role: str, rng: random.Random, *, active: bool = True
) -> None:
    world.add_person(
        organization_id,
        person.email,
        person.first_name,
        person.last_name,
        role=role,
        active=active,
        phone=person.phone,
        created_at=LONG_AGO
        + timedelta(seconds=rng.randrange(4 * 365 * 86400), milliseconds=rng.randrange(1000)),
        is_free=person.email == CLOSE_STAFF,
        auto_record_calls=rng.choices(("unset", "enabled", "disabled"), (70, 20, 10))[0],
        track_email_opens=rng.random() < 0.9,
        may_workflows_impersonate=rng.random() < 0.2,
        onboarding_status="complete" if rng.random() < 0.8 else "in-progress",
    )


def _furnish(world: World, organization: Organization, rng: random.Random) -> None:
    """Groups, numbers, views, pinned views, and what the event log still remembers."""
    everyone = list(organization.memberships.values())
    admin, active = everyone[0], [membership for membership in everyone if membership.active]

    groups = []
    for name in GROUPS:
        chosen = rng.sample(everyone, min(len(everyone), 4 + rng.randrange(20)))
        user_ids = [membership.user.id for membership in chosen]
        groups.append(world.add_group(organization.id, name, user_ids))
    views = [world.add_smart_view(organization.id, name, type=kind) for name, kind in VIEWS]
    views.append(world.add_smart_view(organization.id, "My own list", owner=admin.user.id, shared=False))
    world.add_smart_view(
        organization.id, "Shared with sales", owner=admin.user.id, shared=False, groups=(groups[0],)
    )

    for number, membership in enumerate(rng.sample(active, min(len(active), 40))):
        phone = f"+44207946{number:04}"
        label = f"{membership.user.full_name or membership.user.email}'s number"
        own = world.add_phone_number(organization.id, phone, label, [membership.user.id])
        membership.default_caller_id = own if number % 2 else None
    team = [membership.user.id for membership in active[:6]]
    world.add_phone_number(organization.id, "+442079460900", "Main line", team, group=True)
    world.add_phone_number(organization.id, "+442079460901", "Support", team[:3], group=True)

    for membership in rng.sample(active, min(len(active), 60)):
        membership.pinned_views = rng.sample(views, rng.randrange(1, 4))
        if rng.random() < 0.2:
            membership.hangup_recording_url = f"https://voice.{NORTHWIND_DOMAIN}/{membership.user.id}.mp3"
        membership.user.changed()

    for membership in rng.sample(everyone, min(len(everyone), 400)):
        user_id = membership.user.id
        for text in rng.sample(TASKS, rng.randrange(len(TASKS))):
            world.add_task(organization.id, user_id, text, complete=rng.random() < 0.3)
        if rng.random() < 0.2:
            world.add_task(organization.id, user_id, "", type="missed_call")
        for note in rng.sample(DEALS, rng.randrange(len(DEALS))):
            status = rng.choice(("active", "active", "won", "lost"))
            value = rng.randrange(1, 500) * 10_000
            world.add_opportunity(organization.id, user_id, note, status=status, value=value)

    fields = {
        name: world.add_lead_field(organization.id, name, type=type, several=name == ACCOUNT_TEAM)
        for name, type in LEAD_FIELDS
    }
    world.add_role(
        organization.id,
        CONTRACTOR,
        CONTRACTOR_PERMISSIONS,
        visible_by=(fields[LEAD_OWNER], fields[ACCOUNT_TEAM]),
        behavior="require_assignment",
    )

    now = datetime.fromtimestamp(world.clock(), UTC)
    for days_ago in range(28, 0, -2):
        membership = rng.choice(everyone)
        members.log(
            organization,
            "activated" if membership.active else "deactivated",
            membership,
            by_user_id=admin.user.id,
            at=now - timedelta(days=days_ago),
        )
