"""The organizations, people and roles of the rehearsal Commerce Layer. Knows no HTTP."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self, cast

from sandbox.commercelayer import changes, memberships, organizations
from sandbox.commercelayer.caller import Caller
from sandbox.commercelayer.errors import NotFound
from sandbox.commercelayer.records import (
    APPS,
    ApiCredential,
    ApplicationMembership,
    Email,
    Ids,
    Kind,
    Membership,
    MembershipProfile,
    Organization,
    Permission,
    Record,
    Role,
    User,
)
from sandbox.commercelayer.switches import CommerceSwitches
from sandbox.commercelayer.tokens import Application, Token, Tokens

# The exact names of the built-in roles are not documented.
BUILT_IN: dict[Kind, str] = {"admin": "Admin", "read_only": "Read-only"}


class CommerceWorld:
    """Everything the rehearsal Commerce Layer knows; the same seed gives the same people and ids.

    `lock` makes one step of what is done under it; it is re-entrant. What the API may do is in
    memberships.py, roles.py, access.py and organizations.py. The methods here are for building a
    world, for what somebody else does meanwhile, and for comparing a client's view with the truth.
    """

    def __init__(self, *, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.switches = CommerceSwitches()
        self.ids = Ids(seed)
        self.tokens = Tokens(seed, self.switches, clock)
        self.outbox: list[Email] = []
        self._records: dict[type[Record], dict[str, Record]] = {}
        self._by_email: dict[str, User] = {}
        self._applications: dict[str, Application] = {}
        self._again: Callable[[], CommerceWorld] | None = None

    @classmethod
    def empty(cls, *, seed: int = 0, clock: Callable[[], float] = time.time) -> Self:
        """Nobody at all; build with `add_organization` and `add_person`."""
        return cls(seed=seed, clock=clock)

    @classmethod
    def rehearsal(
        cls, people: int = 60, seed: int = 1, *, clock: Callable[[], float] = time.time
    ) -> CommerceWorld:
        """Bluefin with that many people, Tern & Sons with eight."""
        from sandbox.commercelayer.rehearsal import build

        world = build(cls(seed=seed, clock=clock), people, seed)
        world._again = lambda: cls.rehearsal(people, seed, clock=clock)
        return world

    def reset(self) -> None:
        """Switches, and everyone a rehearsal began with; tokens stay, and fit the same people.

        A world built by hand keeps its people.
        """
        with self.lock:
            self.switches.reset()
            self.outbox.clear()
            if self._again is not None:
                fresh = self._again()
                self._records, self._by_email, self.ids = fresh._records, fresh._by_email, fresh.ids

    # Building

    def add_organization(
        self, name: str, *, plan_type: str = "growth", most_members: int | None = None
    ) -> str:
        """An organization with its two built-in roles and nobody in it; returns its id."""
        with self.lock:
            organization = self.make_organization(name)
            organization.plan_type, organization.most_members = plan_type, most_members
            return organization.id

    def add_person(
        self,
        organization_id: str,
        email: str,
        first_name: str | None = "",
        last_name: str | None = "",
        *,
        role: str = "read_only",
        owner: bool = False,
        pending: bool = False,
        created_at: datetime | None = None,
        profile_id: str | None = None,
        **attributes: Any,
    ) -> str:
        """A member, by a role's kind or id; who is not pending has an account. Returns the membership id.

        `attributes` are those of records.Membership, such as `access_scope="all_access"`.
        """
        with self.lock:
            organization = self.find(Organization, organization_id)
            held = self._role(organization, role)
            if pending:
                membership = self.join(organization, None, held, email=email)
            else:
                user = self.user_by_email(email) or self.add_account(email, first_name, last_name)
                membership = self.join(organization, user, held, owner=owner)
            membership.created_at = membership.updated_at = created_at or membership.created_at
            if profile_id:
                membership.membership_profile = self.find(MembershipProfile, profile_id)
            for name, value in attributes.items():
                setattr(membership, name, value)
            return membership.id

    def add_account(self, email: str, first_name: str | None = "", last_name: str | None = "") -> User:
        """Somebody who is in no organization yet."""
        with self.lock:
            user = User(**self._new(), email=email, first_name=first_name, last_name=last_name)
            self._by_email[email.lower()] = user
            return self.keep(user)

    def add_role(self, organization_id: str, name: str, rights: Mapping[str, str] | None = None) -> str:
        """A custom role; rights as {"orders": "crud"}, whatever the plan. Returns its id."""
        with self.lock:
            role = self.make_role(self.find(Organization, organization_id), name)
            for subject, letters in (rights or {}).items():
                named = {"can_create": "c", "can_read": "r", "can_update": "u", "can_destroy": "d"}
                self.make_permission(
                    role, subject, **{name: letter in letters for name, letter in named.items()}
                )
            return role.id

    def add_profile(self, organization_id: str, name: str, apps: Iterable[str] = ()) -> str:
        """A profile with these live apps, read-only in each. Returns its id."""
        with self.lock:
            organization = self.find(Organization, organization_id)
            profile = self.make_profile(organization, name, "live_access")
            for kind in apps:
                self.make_app(
                    organization,
                    self._credential(organization, kind),
                    organization.role("read_only"),
                    membership_profile=profile,
                )
            return profile.id

    def give_app(
        self,
        membership_id: str,
        kind: str,
        *,
        role: str = "read_only",
        filters: dict[str, Any] | None = None,
    ) -> str:
        """A member gets a live app of that kind; returns the application membership's id."""
        with self.lock:
            membership = self.find(Membership, membership_id)
            organization = membership.organization
            credential, held = self._credential(organization, kind), self._role(organization, role)
            given = self.make_app(
                organization, credential, held, membership=membership, filters=filters or {}
            )
            return given.id

    # What somebody else does in Commerce Layer meanwhile; none of it asks for permission

    def take_app(self, application_membership_id: str) -> None:
        with self.lock:
            self.drop(self.find(ApplicationMembership, application_membership_id))

    def set_role(self, membership_id: str, role: str) -> None:
        """By a role's kind or id."""
        with self.lock:
            membership = self.find(Membership, membership_id)
            changes.apply(self, membership, {"role": self._role(membership.organization, role)}, None)

    def set_attributes(self, membership_id: str, **values: Any) -> None:
        """`access_scope`, `reference`, `metadata` and the like, unchecked."""
        with self.lock:
            changes.apply(self, self.find(Membership, membership_id), values, None)

    def set_profile(self, membership_id: str, profile_id: str | None) -> None:
        with self.lock:
            profile = self.find(MembershipProfile, profile_id) if profile_id else None
            membership = self.find(Membership, membership_id)
            changes.apply(self, membership, {"membership_profile": profile}, None)

    def remove(self, membership_id: str) -> None:
        with self.lock:
            memberships.remove(self, self.find(Membership, membership_id), None)

    def accept(self, membership_id: str, first_name: str = "New", last_name: str = "Member") -> None:
        """The invited person signs up, and is a member from now on."""
        with self.lock:
            membership = self.find(Membership, membership_id)
            if membership.user is None:
                email = membership.email
                user = self.user_by_email(email) or self.add_account(email, first_name, last_name)
                membership.user = user
                user.memberships.append(membership)
            changes.apply(self, membership, {"status": "active"}, None)

    def transfer(self, membership_id: str) -> None:
        """The organization has a new owner."""
        with self.lock:
            organizations.hand_over(self, self.find(Membership, membership_id), None)

    def rename(self, email: str, first_name: str | None, last_name: str | None) -> None:
        with self.lock:
            user = self._by_email[email.lower()]
            changes.apply(self, user, {"first_name": first_name, "last_name": last_name}, None)

    def rename_role(self, role_id: str, name: str) -> None:
        with self.lock:
            changes.apply(self, self.find(Role, role_id), {"name": name}, None)

    def set_plan(self, organization_id: str, plan_type: str, most_members: int | None = None) -> None:
        with self.lock:
            organization = self.find(Organization, organization_id)
            organization.plan_type, organization.most_members = plan_type, most_members

    def refuse(self, membership_id: str, text: str | None = "can't be changed") -> None:
        """From now on every change of this member fails validation; None lets changes through again."""
        with self.lock:
            self.find(Membership, membership_id).refusal = text

    def meanwhile(self, membership_id: str, **deeds: Any) -> dict[str, Any]:
        """Any of `role_id` (or kind), `attributes`, `refusal`, `accepted`, `owner`, `removed`; what is true then.

        Raises KeyError or TypeError.
        """
        if unknown := set(deeds) - {"role_id", "attributes", "refusal", "accepted", "owner", "removed"}:
            raise TypeError(f"nobody can do this: {', '.join(sorted(unknown))}")
        with self.lock:
            before = self.membership(membership_id)
            if "role_id" in deeds:
                self.set_role(membership_id, deeds["role_id"])
            if "attributes" in deeds:
                self.set_attributes(membership_id, **deeds["attributes"])
            if "refusal" in deeds:
                self.refuse(membership_id, deeds["refusal"])
            if deeds.get("accepted"):
                self.accept(membership_id)
            if deeds.get("owner"):
                self.transfer(membership_id)
            if deeds.get("removed"):
                self.remove(membership_id)
                return before
            return self.membership(membership_id)

    # The truth, for tests

    def membership(self, membership_id: str) -> dict[str, Any]:
        """A copy of what is true now; changing it changes nothing. Raises KeyError for nobody."""
        with self.lock:
            found = self.look_up(Membership, membership_id)
            if found is None:
                raise KeyError(membership_id)
            return _snapshot(found)

    def apps(self, membership_id: str) -> list[tuple[str, str, str, dict[str, Any]]]:
        """Of each app of a member: kind, mode, the role's name, filters."""
        with self.lock:
            return [
                (app.api_credential.kind, app.api_credential.mode, app.role.name, dict(app.filters or {}))
                for app in self.find(Membership, membership_id).application_memberships
            ]

    def is_member(self, membership_id: str) -> bool:
        with self.lock:
            return self.look_up(Membership, membership_id) is not None

    def members(self, organization_id: str) -> list[dict[str, Any]]:
        """Snapshots as from `membership`, pending ones too."""
        with self.lock:
            return [_snapshot(held) for held in self.find(Organization, organization_id).memberships]

    def everybody(self) -> list[dict[str, Any]]:
        """Snapshots of everybody in every organization."""
        with self.lock:
            return [_snapshot(held) for held in self.all(Membership)]

    def organization_id(self, name: str) -> str:
        """By its exact name."""
        return next(found.id for found in self.all(Organization) if found.name == name)

    def user_id(self, email: str) -> str:
        return self._by_email[email.lower()].id

    def membership_id(self, organization_id: str, email: str) -> str:
        """Raises KeyError."""
        found = self.find(Organization, organization_id).by_email(email)
        if found is None:
            raise KeyError(email)
        return found.id

    def role_id(self, organization_id: str, name: str) -> str:
        """By its name, or its kind if it is built in."""
        return self._role(self.find(Organization, organization_id), name).id

    def credential_id(self, organization_id: str, kind: str, mode: Literal["live", "test"] = "live") -> str:
        return self._credential(self.find(Organization, organization_id), kind, mode).id

    def user_by_email(self, email: str) -> User | None:
        return self._by_email.get(email.lower())

    # Credentials

    def credentials(self, email: str) -> tuple[str, str]:
        """Client id and secret of a person's Provisioning API application; one for each person."""
        with self.lock:
            application = self._application(email)
            return application.client_id, application.secret

    def set_credentials(self, email: str, client_id: str, secret: str, *, scope: str | None = None) -> None:
        """The person's application has these from now on; no scope is provisioning-api."""
        with self.lock:
            self._applications[email.lower()] = self.tokens.application(
                user_id=self.user_id(email), client_id=client_id, secret=secret, scope=scope
            )

    def core_credentials(
        self,
        organization_id: str,
        kind: Literal["integration", "sales_channel", "webapp"] = "integration",
    ) -> tuple[str, str]:
        """Of an application whose tokens are good for the Core API only."""
        with self.lock:
            organization = self.find(Organization, organization_id)
            claim = {"id": organization.id, "slug": organization.slug, "enterprise": False}
            application = self.tokens.application(kind=kind, organization=claim)
            return application.client_id, application.secret

    def grant(self, email: str) -> dict[str, Any]:
        """What the token endpoint answers, without asking it."""
        with self.lock:
            return self.tokens.issue(self._application(email))

    def revoke_tokens(self, email: str | None = None) -> None:
        """Everybody's, or one person's; what the tokens themselves say stays as it was."""
        with self.lock:
            self.tokens.revoke_all(self.user_id(email) if email else None)

    def caller(self, token: Token) -> Caller | None:
        user = self.look_up(User, token.application.user_id or "")
        return Caller(user, token.application, self.switches) if user else None

    # For the rules: records, made, kept, found and dropped. The caller holds the lock.

    def all[Its: Record](self, kind: type[Its]) -> list[Its]:
        """In the order they were made."""
        return cast(list[Its], list(self._records.get(kind, {}).values()))

    def look_up[Its: Record](self, kind: type[Its], record_id: str) -> Its | None:
        return cast(Its | None, self._records.get(kind, {}).get(record_id))

    def find[Its: Record](self, kind: type[Its], record_id: str) -> Its:
        """Raises NotFound."""
        found = self.look_up(kind, record_id)
        if found is None:
            raise NotFound
        return found

    def keep[Its: Record](self, record: Its) -> Its:
        self._records.setdefault(type(record), {})[record.id] = record
        return record

    def drop(self, record: Membership | MembershipProfile | ApplicationMembership) -> None:
        """It is gone from the world and from its organization."""
        del self._records[type(record)][record.id]
        match record:
            case Membership():
                record.organization.memberships.remove(record)
            case MembershipProfile():
                record.organization.membership_profiles.remove(record)
            case ApplicationMembership():
                record.organization.application_memberships.remove(record)

    def make_organization(self, name: str, **common: Any) -> Organization:
        """With its built-in roles and the credentials of its apps."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "organization"
        taken = {organization.slug for organization in self.all(Organization)}
        number = next(n for n in range(1, len(taken) + 2) if (f"{slug}-{n}" if n > 1 else slug) not in taken)
        slug = f"{slug}-{number}" if number > 1 else slug
        domain = f"{slug}.commercelayer.example"
        organization = self.keep(Organization(**self._new(), name=name, slug=slug, domain=domain, **common))
        for kind, role_name in BUILT_IN.items():
            self.make_role(organization, role_name, kind=kind)
        modes: tuple[Literal["test", "live"], ...] = ("test", "live")
        for app in ("resources", *APPS):
            for mode in modes:
                credential = ApiCredential(
                    **self._new(),
                    organization=organization,
                    name=app.replace("_", " ").capitalize(),
                    kind=app,
                    mode=mode,
                    client_id=self.ids.make() + self.ids.make(),
                    secret=self.ids.make() + self.ids.make(),
                    role=organization.role("admin"),
                )
                organization.api_credentials.append(self.keep(credential))
        return organization

    def join(
        self,
        organization: Organization,
        user: User | None,
        role: Role,
        *,
        email: str = "",
        owner: bool = False,
    ) -> Membership:
        """Active with an account, pending without."""
        membership = Membership(
            **self._new(),
            organization=organization,
            email=user.email if user else email,
            role=role,
            user=user,
            status="active" if user else "pending",
            owner=owner,
        )
        organization.memberships.append(self.keep(membership))
        if user:
            user.memberships.append(membership)
        return membership

    def invite(self, organization: Organization, email: str, role: Role) -> Membership:
        """Joins at once with an account; an email goes out either way."""
        membership = self.join(organization, self.user_by_email(email), role, email=email)
        memberships.send(self, membership)
        return membership

    def make_role(
        self, organization: Organization, name: str, *, kind: Kind = "custom", **common: Any
    ) -> Role:
        role = Role(**self._new(), organization=organization, name=name, kind=kind, **common)
        organization.roles.append(role)
        return self.keep(role)

    def make_permission(
        self,
        role: Role,
        subject: str,
        *,
        can_create: bool = False,
        can_read: bool = False,
        can_update: bool = False,
        can_destroy: bool = False,
        **common: Any,
    ) -> Permission:
        permission = Permission(
            **self._new(),
            role=role,
            subject=subject,
            can_create=can_create,
            can_read=can_read,
            can_update=can_update,
            can_destroy=can_destroy,
            **common,
        )
        role.organization.permissions.append(permission)
        return self.keep(permission)

    def make_profile(
        self, organization: Organization, name: str, access_scope: str, **common: Any
    ) -> MembershipProfile:
        profile = MembershipProfile(
            **self._new(), organization=organization, name=name, access_scope=access_scope, **common
        )
        organization.membership_profiles.append(profile)
        return self.keep(profile)

    def make_app(
        self,
        organization: Organization,
        api_credential: ApiCredential,
        role: Role,
        *,
        membership: Membership | None = None,
        membership_profile: MembershipProfile | None = None,
        **common: Any,
    ) -> ApplicationMembership:
        app = ApplicationMembership(
            **self._new(),
            organization=organization,
            api_credential=api_credential,
            role=role,
            membership=membership,
            membership_profile=membership_profile,
            **common,
        )
        organization.application_memberships.append(app)
        return self.keep(app)

    def change_email(self, user: User, email: str) -> None:
        del self._by_email[user.email.lower()]
        self._by_email[email.lower()] = user
        changes.apply(self, user, {"email": email}, None)

    def _new(self) -> dict[str, Any]:
        """What every new record has."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        now -= timedelta(microseconds=now.microsecond % 1000)
        return {"id": self.ids.make(), "created_at": now, "updated_at": now}

    def _application(self, email: str) -> Application:
        name = email.lower()
        if name not in self._applications:
            self._applications[name] = self.tokens.application(user_id=self.user_id(email))
        return self._applications[name]

    def _role(self, organization: Organization, wanted: str) -> Role:
        """By id, by name, or by kind if it is built in. Raises KeyError."""
        for role in organization.roles:
            if wanted in (role.id, role.name) or (wanted == role.kind and role.kind != "custom"):
                return role
        raise KeyError(wanted)

    def _credential(
        self, organization: Organization, kind: str, mode: Literal["live", "test"] = "live"
    ) -> ApiCredential:
        for credential in organization.api_credentials:
            if credential.kind == kind and credential.mode == mode:
                return credential
        raise KeyError(kind)


def _snapshot(membership: Membership) -> dict[str, Any]:
    profile = membership.membership_profile
    return {
        "id": membership.id,
        "organization_id": membership.organization.id,
        "user_id": membership.user.id if membership.user else None,
        "email": membership.user_email,
        "first_name": membership.user_first_name,
        "last_name": membership.user_last_name,
        "status": membership.status,
        "owner": membership.owner,
        "role_id": membership.role.id,
        "role_name": membership.role.name,
        "role_kind": membership.role.kind,
        "access_scope": membership.access_scope,
        "test_enabled": membership.test_enabled,
        "profile_id": profile.id if profile else None,
        "application_membership_ids": [app.id for app in membership.application_memberships],
        "reference": membership.reference,
        "reference_origin": membership.reference_origin,
        "metadata": dict(membership.metadata or {}),
        "versions": len(membership.history),
    }
