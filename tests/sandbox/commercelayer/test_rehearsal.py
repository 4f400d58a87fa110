"""The people one rehearses with, and the commands that serve them."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

import sandbox
from sandbox.commercelayer.rehearsal import (
    ADMIN,
    BLUEFIN,
    CLIENT_ID,
    CLIENT_SECRET,
    OWNER,
    READER,
    TERN,
    TERN_OWNER,
)
from sandbox.commercelayer.switches import CommerceSwitches
from sandbox.commercelayer.world import CommerceWorld

ROOT = Path(sandbox.__file__).parent.parent


@pytest.fixture(scope="module")
def world() -> CommerceWorld:
    return CommerceWorld.rehearsal()


@pytest.fixture(scope="module")
def bluefin(world: CommerceWorld) -> list[dict]:
    return world.members(world.organization_id(BLUEFIN))


def test_the_same_seed_gives_the_same_people_and_ids(bluefin: list[dict]):
    again, other = CommerceWorld.rehearsal(seed=1), CommerceWorld.rehearsal(seed=2)
    assert again.members(again.organization_id(BLUEFIN)) == bluefin
    assert other.members(other.organization_id(BLUEFIN)) != bluefin
    assert again.credentials(ADMIN) == CommerceWorld.rehearsal().credentials(ADMIN)


@pytest.mark.parametrize("people", [3, 4, 60, 1000])
def test_there_are_as_many_people_as_asked_for(people: int):
    world = CommerceWorld.rehearsal(people)
    assert len(world.members(world.organization_id(BLUEFIN))) == people
    assert len(world.members(world.organization_id(TERN))) == 7


def test_every_kind_of_member_is_there(bluefin: list[dict]):
    assert [person["email"] for person in bluefin if person["owner"]] == [OWNER]
    assert {person["role_name"] for person in bluefin} == {"Admin", "Read-only", "Merchandiser", "Order desk"}
    assert {person["role_kind"] for person in bluefin} == {"admin", "read_only", "custom"}
    assert sum(person["status"] == "pending" for person in bluefin) > 2
    assert {person["access_scope"] for person in bluefin} == {"live_access", "test_access", "all_access"}
    assert any(person["profile_id"] for person in bluefin)
    assert any(person["application_membership_ids"] for person in bluefin)
    assert any(person["reference"] for person in bluefin)
    assert any(person["status"] == "active" and not person["first_name"] for person in bluefin)
    assert all(person["versions"] == 0 for person in bluefin)


def test_people_are_in_different_positions(world: CommerceWorld):
    def role(organization: str, email: str) -> str:
        return world.membership(world.membership_id(world.organization_id(organization), email))["role_kind"]

    assert (
        role(BLUEFIN, OWNER) == role(BLUEFIN, ADMIN) == role(TERN, ADMIN) == role(TERN, TERN_OWNER) == "admin"
    )
    assert role(BLUEFIN, READER) == role(TERN, OWNER) == "read_only"


def test_all_addresses_are_reserved_ones(world: CommerceWorld):
    emails = [person["email"] for person in world.everybody()]
    assert all(email.endswith(".example") for email in emails)


def test_a_reset_brings_everybody_back_and_keeps_tokens(bluefin: list[dict]):
    world = CommerceWorld.rehearsal()
    token = world.grant(OWNER)["access_token"]
    world.set_role(bluefin[5]["id"], "admin")
    world.remove(bluefin[6]["id"])
    world.switches.duplicate_status = 409
    world.reset()
    assert world.members(world.organization_id(BLUEFIN)) == bluefin
    assert world.switches == CommerceSwitches()
    found = world.tokens.find(token)
    assert found is not None
    caller = world.caller(found)
    assert caller is not None
    assert caller.user.email == OWNER


@pytest.mark.parametrize(
    "command", [["-m", "sandbox", "--people", "5"], ["manage.py", "sandbox", "--people", "5"]]
)
def test_the_commands_serve_it_and_say_where_and_for_whom(command: list[str]):
    with subprocess.Popen(
        [sys.executable, *command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while CLIENT_SECRET not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            url = next(
                word.strip(",") for word in said.partition("Commerce Layer")[2].split() if "http" in word
            )
            body = {
                "grant_type": "client_credentials",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            }
            answer = requests.post(f"{url}/oauth/token", json=body, timeout=5)
            assert answer.status_code == 200
        finally:
            process.terminate()
