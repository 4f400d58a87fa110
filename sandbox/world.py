"""The people, roles, groups and numbers of several organizations. Knows no HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from sandbox import bodies, groups, members
from sandbox.events import EventLog
from sandbox.oauth import Grants, Holder
from sandbox.records import (
    SYSTEM_ROLES,
    Caller,
    Group,
    Ids,
    LeadField,
    Membership,
    Organization,
    PhoneNumber,
    Role,
    SmartView,
    User,
)
from sandbox.switches import Switches
from sandbox.work import Opportunity, Task


class World:
    """Everything the rehearsal Close knows; the same seed gives the same people and ids.

    `lock` makes one step of what is done under it; it is re-entrant. Methods here take it
    themselves. What the API may do is in members.py, roles.py and groups.py; the methods here
    are for building a world, for what somebody else does in Close meanwhile, and for comparing
    a client's view with the truth.
    """

    def __init__(self, *, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.switches = Switches()
        self.ids = Ids(seed)
        self.grants = Grants(seed, self.switches, clock)
        self.organizations: dict[str, Organization] = {}
        self.users: dict[str, User] = {}
        self.visitors: list[str] = []
        self._by_email: dict[str, User] = {}
        self._again: Callable[[], World] | None = None

    @classmethod
    def empty(cls, *, seed: int = 0, clock: Callable[[], float] = time.time) -> Self:
        """Nobody at all; build with `add_organization` and `add_person`."""
        return cls(seed=seed, clock=clock)

    @classmethod
    def rehearsal(cls, people: int = 240, seed: int = 1, *, clock: Callable[[], float] = time.time) -> World:
        """Northwind with that many people, Harbor Lights with 12, Quiet Valley with 5."""
        from sandbox.rehearsal import build

        world = build(cls(seed=seed, clock=clock), people, seed)
        world._again = lambda: cls.rehearsal(people, seed, clock=clock)
        return world

    def reset(self) -> None:
        """Switches, and everyone a rehearsal began with; connections stay, and fit the same people.

        A world built by hand keeps its people.
        """
        with self.lock:
            self.switches.reset()
            if self._again is not None:
                fresh = self._again()
                self.organizations, self.users = fresh.organizations, fresh.users
                self._by_email, self.ids = fresh._by_email, fresh.ids

    # Building

    def add_organization(
        self,
        name: str,
        *,
        domain_restriction: bool = True,
        verified_domains: tuple[str, ...] = (),
    ) -> str:
        """An organization with the four system roles and nobody in it; returns its id."""
        with self.lock:
            organization = Organization(
                id=self.ids.make("orga"),
                name=name,
                created_at=datetime(2021, 3, 1, 9, tzinfo=UTC),
                events=EventLog(self.ids, self.clock),
                domain_restriction=domain_restriction,
                verified_domains=set(verified_domains),
            )
            for role_id, (role_name, permissions) in SYSTEM_ROLES.items():
                organization.roles[role_id] = Role(role_id, role_name, list(permissions), organization.id)
            self.organizations[organization.id] = organization
            return organization.id

    def add_person(
        self,
        organization_id: str,
        email: str,
        first_name: str | None = "",
        last_name: str | None = "",
        *,
        role: str = "user",
        active: bool = True,
        phone: str | None = None,
        created_at: datetime | None = None,
        **settings: Any,
    ) -> str:
        """A member, by role id; the person is made unless the email is known. Returns the membership id.

        `settings` are attributes of records.Membership, such as `auto_record_calls="enabled"`.
        """
        with self.lock:
            organization = self.organizations[organization_id]
            user = self.user_by_email(email)
            if user is None:
                user = self.provision(email, first_name, last_name, phone, created_at)
            membership = self.join(organization, user, organization.roles[role])
            membership.active = active
            for name, value in settings.items():
                setattr(membership, name, value)
            if organization.created_by is None:
                organization.created_by = user.id
            return membership.id

    def add_role(
        self,
        organization_id: str,
        name: str,
        permissions: list[str],
        *,
        visible_by: tuple[str, ...] | None = None,
        behavior: str | None = None,
    ) -> str:
        """A custom role; any permission name will do here. Returns its id.

        `visible_by` are the ids of the lead fields by which its people see leads, `behavior` is what they see of the
        leads with nobody in these fields.
        """
        with self.lock:
            moment = datetime(2023, 6, 29, 12, tzinfo=UTC)
            role = Role(self.ids.make("role"), name, list(permissions), organization_id, moment, moment)
            role.visibility_user_lcf_ids = None if visible_by is None else list(visible_by)
            role.visibility_user_lcf_behavior = behavior
            self.organizations[organization_id].roles[role.id] = role
            return role.id

    def add_lead_field(
        self, organization_id: str, name: str, *, type: str = "user", several: bool = False
    ) -> str:
        """A custom field of leads. Returns its id."""
        with self.lock:
            made = datetime(2023, 6, 28, 9, tzinfo=UTC)
            found = LeadField(self.ids.make("cf"), organization_id, name, type, made, several)
            self.organizations[organization_id].lead_fields[found.id] = found
            return found.id

    def unlist_role(self, organization_id: str, role_id: str) -> None:
        """The role is gone from the list of roles; people still carry its id."""
        with self.lock:
            del self.organizations[organization_id].roles[role_id]

    def add_group(self, organization_id: str, name: str, user_ids: list[str]) -> str:
        with self.lock:
            group = Group(self.ids.make("group"), name, organization_id, list(user_ids))
            self.organizations[organization_id].groups[group.id] = group
            return group.id

    def add_phone_number(
        self, organization_id: str, number: str, label: str, participants: list[str], *, group: bool = False
    ) -> str:
        """`participants` are user ids. One participant's personal number becomes their primary one."""
        with self.lock:
            organization = self.organizations[organization_id]
            made = datetime(2024, 1, 15, 8, 30, tzinfo=UTC)
            phone = PhoneNumber(
                self.ids.make("phon"), organization_id, number, label, participants, group, made
            )
            organization.phone_numbers[phone.id] = phone
            if not group and len(participants) == 1:
                membership = organization.by_user[participants[0]]
                membership.primary_personal_number = phone.id
                membership.user.changed()
            return phone.id

    def add_smart_view(
        self,
        organization_id: str,
        name: str,
        *,
        type: str = "lead",
        owner: str | None = None,
        shared: bool = True,
        groups: tuple[str, ...] = (),
        users: tuple[str, ...] = (),
    ) -> str:
        """`owner` is a user id; `groups` and `users` are the ids it is shared with, `shared` is with everyone."""
        with self.lock:
            made, pk = datetime(2024, 5, 2, 10, tzinfo=UTC), self.ids.make("save")
            view = SmartView(pk, organization_id, name, type, owner, shared, made, list(groups), list(users))
            self.organizations[organization_id].smart_views[view.id] = view
            return view.id

    def delete_smart_view(self, organization_id: str, view_id: str) -> None:
        """Whoever has it pinned keeps its id."""
        with self.lock:
            del self.organizations[organization_id].smart_views[view_id]

    def add_task(
        self,
        organization_id: str,
        user_id: str,
        text: str,
        *,
        type: str = "lead",
        complete: bool = False,
        lead: str | None = None,
    ) -> str:
        """Open unless `complete`; assigned to that user, about the lead of that name."""
        with self.lock:
            identity, made = self.ids.make("task"), datetime(2026, 1, 12, 9, tzinfo=UTC)
            task = Task(identity, organization_id, type, user_id, text, "2026-02-01", made, complete)
            if lead:
                task.lead_id, task.lead_name = self.ids.make("lead"), lead
            self.organizations[organization_id].tasks[task.id] = task
            return task.id

    def add_opportunity(
        self,
        organization_id: str,
        user_id: str,
        note: str,
        *,
        status: str = "active",
        value: int = 100_000,
        lead: str | None = None,
    ) -> str:
        """Owned by that user; `value` is in cents."""
        with self.lock:
            identity, made = self.ids.make("oppo"), datetime(2026, 1, 12, 9, tzinfo=UTC)
            opportunity = Opportunity(identity, organization_id, user_id, note, value, status, made)
            if lead:
                opportunity.lead_id, opportunity.lead_name = self.ids.make("lead"), lead
            self.organizations[organization_id].opportunities[opportunity.id] = opportunity
            return opportunity.id

    def provision(
        self,
        email: str,
        first_name: str | None = "",
        last_name: str | None = "",
        phone: str | None = None,
        created_at: datetime | None = None,
    ) -> User:
        """A person who is in no organization yet."""
        made = created_at or datetime.fromtimestamp(self.clock(), UTC)
        user = User(self.ids.make("user"), email, first_name, last_name, phone, made)
        self.users[user.id] = user
        self._by_email[email.lower()] = user
        return user

    def join(self, organization: Organization, user: User, role: Role) -> Membership:
        """A new, active membership."""
        membership = Membership(self.ids.make("memb"), organization.id, user, role)
        organization.memberships[membership.id] = membership
        organization.by_user[user.id] = membership
        user.memberships.append(membership)
        user.changed()
        return membership

    # What somebody else does in Close meanwhile; none of it asks for permission

    def set_role(self, membership_id: str, role_id: str) -> None:
        """By a system slug or a custom role's id. Leaves no event, as in Close."""
        with self.lock:
            organization, membership = self._locate(membership_id)
            membership.role = organization.roles[role_id]
            membership.user.changed()

    def set_settings(self, membership_id: str, **settings: Any) -> None:
        """Attributes of records.Membership, unchecked."""
        with self.lock:
            _, membership = self._locate(membership_id)
            for name, value in settings.items():
                setattr(membership, name, value)
            membership.user.changed()

    def deactivate(self, membership_id: str, *, by_user_id: str | None = None) -> None:
        with self.lock:
            organization, membership = self._locate(membership_id)
            members.leave(self, organization, membership)
            members.log(organization, "deactivated", membership, by_user_id=by_user_id)

    def reactivate(self, membership_id: str, *, by_user_id: str | None = None) -> None:
        with self.lock:
            organization, membership = self._locate(membership_id)
            members.activate(membership, membership.role)
            members.log(organization, "activated", membership, by_user_id=by_user_id)

    def set_group(self, organization_id: str, group_id: str, user_ids: list[str], name: str = "") -> None:
        """Exactly these users are in it; another name, if one is given."""
        with self.lock:
            organization = self.organizations[organization_id]
            groups.overwrite(organization, organization.groups[group_id], user_ids, name)

    def drop_group(self, organization_id: str, group_id: str) -> None:
        with self.lock:
            organization = self.organizations[organization_id]
            groups.drop(organization, organization.groups[group_id])

    def set_permissions(self, organization_id: str, role_id: str, permissions: list[str]) -> None:
        """Edit a role; everyone who holds it has the new permissions at once."""
        with self.lock:
            organization = self.organizations[organization_id]
            role = organization.roles[role_id]
            role.permissions = list(permissions)
            for membership in organization.memberships.values():
                membership.user.changed()

    def rename(self, user_id: str, first_name: str | None, last_name: str | None) -> None:
        with self.lock:
            user = self.users[user_id]
            user.first_name, user.last_name = first_name, last_name
            user.changed()

    def hand_over(self, work_id: str, user_id: str) -> None:
        """A task or an opportunity has somebody else now."""
        with self.lock:
            item, _ = self._locate_work(work_id)
            if isinstance(item, Task):
                item.assigned_to = user_id
            else:
                item.user_id = user_id

    def finish(self, work_id: str) -> None:
        """A task is complete, an opportunity won."""
        with self.lock:
            item, _ = self._locate_work(work_id)
            if isinstance(item, Task):
                item.is_complete = True
            else:
                item.status_type = "won"

    def delete_work(self, work_id: str) -> None:
        with self.lock:
            _, among = self._locate_work(work_id)
            del among[work_id]

    def refuse_work(self, work_id: str, text: str | None = "This can not be changed.") -> None:
        """Every change of this task or opportunity fails with that text, until it is None again."""
        with self.lock:
            item, _ = self._locate_work(work_id)
            item.refusal = text

    def set_domain_rule(self, organization_id: str, on: bool, domains: tuple[str, ...] | None = None) -> None:
        """ "Restrict new users to emails from these domains", and which domains are verified."""
        with self.lock:
            organization = self.organizations[organization_id]
            organization.domain_restriction = on
            if domains is not None:
                organization.verified_domains = set(domains)

    def refuse(self, membership_id: str, text: str | None = "This user can not be changed.") -> None:
        """From now on every change of this member fails validation; None lets changes through again."""
        with self.lock:
            self._locate(membership_id)[1].refusal = text

    def meanwhile(
        self, membership_id: str, *, role_id: str | None = None, active: bool | None = None, **others: Any
    ) -> dict[str, Any]:
        """Any of these at once; `refusal` as in `refuse`. Raises KeyError or TypeError for what is not here."""
        if set(others) - {"refusal"}:
            raise TypeError(f"not among role_id, active, refusal: {', '.join(sorted(others))}")
        if role_id is not None:
            self.set_role(membership_id, role_id)
        if active is not None:
            (self.reactivate if active else self.deactivate)(membership_id)
        if "refusal" in others:
            self.refuse(membership_id, others["refusal"])
        return self.membership(membership_id)

    # The truth, for tests

    def membership(self, membership_id: str) -> dict[str, Any]:
        """A copy of what is true now; changing it changes nothing."""
        with self.lock:
            return _snapshot(self._locate(membership_id)[1])

    def members(self, organization_id: str, *, active: bool | None = True) -> list[dict[str, Any]]:
        """Snapshots as from `membership`; active None gives everybody."""
        with self.lock:
            return [
                _snapshot(membership)
                for membership in self.organizations[organization_id].memberships.values()
                if active is None or membership.active is active
            ]

    def everybody(self) -> list[dict[str, Any]]:
        """Snapshots of everybody in every organization."""
        return [
            person
            for organization_id in list(self.organizations)
            for person in self.members(organization_id, active=None)
        ]

    def groups(self, organization_id: str) -> dict[str, list[str]]:
        """The user ids in each group by its name."""
        with self.lock:
            found = self.organizations[organization_id].groups.values()
            return {group.name: list(group.user_ids) for group in found}

    def group_id(self, organization_id: str, name: str) -> str:
        found = self.organizations[organization_id].groups.values()
        return next(group.id for group in found if group.name == name)

    def desk(self, membership_id: str) -> dict[str, list[str]]:
        """Ids of the open `tasks` and active `opportunities` a member has."""
        with self.lock:
            organization, membership = self._locate(membership_id)
            user_id = membership.user.id
            tasks, opportunities = organization.tasks.values(), organization.opportunities.values()
            return {
                "tasks": [task.id for task in tasks if task.assigned_to == user_id and not task.is_complete],
                "opportunities": [
                    found.id
                    for found in opportunities
                    if found.user_id == user_id and found.status_type == "active"
                ],
            }

    def role(self, organization_id: str, role_id: str) -> dict[str, Any] | None:
        """A copy of what is true of a role now; None when there is no such role."""
        with self.lock:
            found = self.organizations[organization_id].roles.get(role_id)
            return bodies.role(found) if found else None

    def organization_id(self, name: str) -> str:
        """By its exact name."""
        return next(record.id for record in self.organizations.values() if record.name == name)

    def user_id(self, email: str) -> str:
        return self._by_email[email.lower()].id

    def membership_id(self, organization_id: str, email: str) -> str:
        return self.organizations[organization_id].by_user[self.user_id(email)].id

    def role_id(self, organization_id: str, name: str) -> str:
        roles = self.organizations[organization_id].roles.values()
        return next(role.id for role in roles if role.name == name)

    def user_by_email(self, email: str) -> User | None:
        return self._by_email.get(email.lower())

    # Credentials

    def grant(self, user_id: str, organization_id: str) -> dict[str, Any]:
        """What the token endpoint answers after a consent, without the browser."""
        with self.lock:
            return self.grants.grant(user_id, organization_id)

    def api_key(self, user_id: str, organization_id: str) -> str:
        with self.lock:
            return self.grants.api_key(user_id, organization_id)

    def expire_access_tokens(self) -> None:
        with self.lock:
            self.grants.expire_access_tokens()

    def revoke_everything(self, user_id: str) -> None:
        """As if the person had removed the app and their keys."""
        with self.lock:
            self.grants.revoke(user_id)

    def register_client(self, client_id: str, secret: str, *redirect_uris: str, name: str = "Other") -> None:
        """An OAuth app whose redirect URLs must match exactly."""
        with self.lock:
            self.grants.register(client_id, secret, name, redirect_uris)

    def caller(self, holder: Holder, *, request_id: str, meta: dict[str, Any]) -> Caller | None:
        """Who a credential is in its organization; None once they are no active member."""
        organization = self.organizations.get(holder.organization_id)
        membership = organization.by_user.get(holder.user_id) if organization else None
        if organization is None or membership is None or not membership.active:
            return None
        return Caller(organization, membership, membership.manages, request_id, holder.api_key_id, meta)

    def _locate(self, membership_id: str) -> tuple[Organization, Membership]:
        for organization in self.organizations.values():
            if membership_id in organization.memberships:
                return organization, organization.memberships[membership_id]
        raise KeyError(membership_id)

    def _locate_work(self, work_id: str) -> tuple[Task | Opportunity, dict[str, Any]]:
        """A task or an opportunity, and what it is among."""
        for organization in self.organizations.values():
            for among in (organization.tasks, organization.opportunities):
                if work_id in among:
                    return among[work_id], among
        raise KeyError(work_id)


def _snapshot(membership: Membership) -> dict[str, Any]:
    return {
        "id": membership.id,
        "organization_id": membership.organization_id,
        "user_id": membership.user.id,
        "email": membership.user.email,
        "first_name": membership.user.first_name,
        "last_name": membership.user.last_name,
        "full_name": membership.user.full_name,
        "active": membership.active,
        "role_id": membership.role.id,
        "role_name": membership.role.name,
        "permissions": list(membership.role.permissions),
        "manages": membership.manages,
        "auto_record_calls": membership.auto_record_calls,
        "track_email_opens": membership.track_email_opens,
        "default_caller_id": membership.default_caller_id,
        "hangup_recording_url": membership.hangup_recording_url,
        "may_workflows_impersonate": membership.may_workflows_impersonate,
        "is_free": membership.is_free,
        "pinned_views": list(membership.pinned_views),
    }
