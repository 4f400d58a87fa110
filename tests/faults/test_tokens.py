"""Tokens that end, are lost, or are taken away in the middle of a job."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from memberships.models import Connection
from memberships.services import connections, jobs, oauth
from sandbox.rehearsal import ADMIN
from tests.faults.rig import Rig, bulk_size, when

TOKEN = "/oauth2/token/"


def is_put(request) -> bool:
    return request.method == "PUT"


def signs_in(rig: Rig) -> None:
    token = rig.world.grant(rig.world.user_id(ADMIN), rig.organization_id)
    jobs.resume(connections.sign_in(token))


def runs_out(rig: Rig, seconds: float) -> None:
    """Here as there: the access token has that long to live."""
    at = timezone.now() + timedelta(seconds=seconds)
    Connection.objects.filter(pk=rig.connection.pk).update(expires_at=at)


def test_a_token_that_ends_in_the_middle_is_renewed_once(rig):
    job = rig.change(rig.people(9), {"role": "superuser"})
    when(rig.close, is_put, rig.world.expire_access_tokens)
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done"] * 9
    assert rig.calls("POST", TOKEN) == 1
    assert rig.calls("PUT") == 4  # three, and the refused one again


def test_a_token_about_to_end_is_renewed_before_it_does(rig):
    job = rig.change(rig.people(6), {"role": "superuser"})
    runs_out(rig, 30)
    rig.close.calls.clear()
    rig.finish(job)
    assert rig.outcomes(job) == ["done"] * 6
    assert rig.calls("POST", TOKEN) == 1
    assert not [call for call in rig.close.calls if call.status == 401]


def test_a_token_revoked_in_the_middle_pauses_the_job_until_the_same_person_signs_in(rig):
    job = rig.change(rig.people(9), {"role": "superuser"})
    seen = []

    def second_put(request) -> bool:
        seen.append(request.method)
        return seen.count("PUT") == 2

    when(rig.close, second_put, lambda: rig.world.revoke_everything(rig.world.user_id(ADMIN)))
    assert rig.turn(job) == "paused"
    assert "Sign in" in job.note
    # The first three have been answered with yes; only a read can tell, and nobody may read now.
    assert rig.outcomes(job) == ["unknown"] * 3 + ["not attempted"] * 6
    assert rig.truth.lies(job.pk, open=True) == []
    jobs.run(job.pk)
    jobs.sweep()
    job.refresh_from_db()
    assert job.state == "paused"
    signs_in(rig)
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []
    assert rig.outcomes(job) == ["done"] * 9


def test_revoked_after_a_permission_was_refused_is_still_noticed(rig, monkeypatch):
    """A 401 whose owner Close knows is a refusal; the next one, after the token was revoked, is not."""
    from memberships.providers import http

    monkeypatch.setattr(http, "_KNOWN_S", 0.0)
    bulk_size(monkeypatch, 1)
    job = rig.change(rig.people(3), {"role": "superuser"})
    rig.close.faults.fail_next(401, method="PUT", times=2)
    seen = []

    def third_put(request) -> bool:
        seen.append(request.method)
        return seen.count("PUT") == 1  # the faults answer the first two themselves

    when(rig.close, third_put, lambda: rig.world.revoke_everything(rig.world.user_id(ADMIN)))
    assert rig.turn(job) == "paused"
    assert rig.outcomes(job) == ["refused", "not attempted", "not attempted"]
    signs_in(rig)
    rig.finish(job)
    assert rig.outcomes(job) == ["refused", "done", "done"]
    assert rig.truth.lies(job.pk) == []


def test_a_lost_renewal_is_not_repeated_while_the_old_token_works(rig):
    """The refresh token may be used up: asking with it again could end the consent."""
    runs_out(rig, 30)
    rig.close.faults.drop("after", path=TOKEN)
    token = oauth.StoredToken(rig.connection.pk)
    old = token.header()
    assert token.header() == token.header() == old
    assert rig.calls("POST", TOKEN) == 1
    assert connections.provider_for(rig.connection).actor().can_manage


def test_a_lost_renewal_of_a_token_that_has_ended_pauses_the_job(rig):
    job = rig.change(rig.people(3), {"role": "superuser"})
    rig.world.expire_access_tokens()
    rig.close.faults.drop("after", path=TOKEN)
    rig.close.calls.clear()
    rig.finish(job)
    assert job.state == "paused"
    assert rig.calls("POST", TOKEN) == 2
    assert rig.outcomes(job) == ["not attempted"] * 3
    assert rig.truth.lies(job.pk, open=True) == []
    signs_in(rig)
    rig.finish(job)
    assert rig.truth.lies(job.pk) == []


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"error": "temporarily_unavailable"}),
        (429, {"error": "slow_down"}),
        (500, {}),
        (200, {"error": 7}),
    ],
    ids=str,
)
def test_a_sign_in_service_with_trouble_costs_nothing_while_the_token_works(rig, answer):
    status, body = answer
    runs_out(rig, 30)
    rig.close.faults.fail_next(status, path=TOKEN, body=body)
    assert connections.provider_for(rig.connection).actor().can_manage


def test_nothing_is_lost_when_there_is_no_token_to_send_with(rig):
    """The renewal fails before the change is sent: the rows are as if never tried, and are tried again."""
    job = rig.change(rig.people(3), {"role": "superuser"})
    when(rig.close, is_put, rig.world.expire_access_tokens)
    rig.close.faults.fail_next(503, path=TOKEN, times=2)
    assert rig.turn(job) == "waiting"
    assert rig.outcomes(job) == ["not attempted"] * 3
    assert not job.plan.rows.exclude(sent_at=None)
    rig.finish(job)
    assert rig.outcomes(job) == ["done"] * 3
    assert rig.truth.lies(job.pk) == []


def test_a_new_sign_in_during_a_renewal_is_not_thrown_away_by_its_refusal(rig):
    """The old consent was revoked; the person signs in again at the very moment a worker hears of it."""
    rig.world.expire_access_tokens()
    rig.world.revoke_everything(rig.world.user_id(ADMIN))
    new = rig.world.grant(rig.world.user_id(ADMIN), rig.organization_id)
    client = oauth.client

    def slow_client():
        session = client()
        refresh = session.refresh_token

        def refresh_token(*args, **kwargs):
            mine = Connection.objects.get(pk=rig.connection.pk)
            mine.access_token, mine.refresh_token = new["access_token"], new["refresh_token"]
            mine.save()
            return refresh(*args, **kwargs)

        session.refresh_token = refresh_token
        return session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oauth, "client", slow_client)
        assert connections.provider_for(rig.connection).actor().can_manage
    rig.connection.refresh_from_db()
    assert rig.connection.access_token == new["access_token"]


def test_whoever_waits_for_a_renewal_takes_its_result(rig, monkeypatch):
    stale = Connection.objects.get(pk=rig.connection.pk)
    Connection.objects.filter(pk=stale.pk).update(renewing_until=timezone.now() + timedelta(seconds=20))
    new = rig.world.grant(rig.world.user_id(ADMIN), rig.organization_id)

    def somebody_else_finishes(seconds: float) -> None:
        mine = Connection.objects.get(pk=stale.pk)
        mine.access_token, mine.refresh_token, mine.renewing_until = (
            new["access_token"],
            new["refresh_token"],
            None,
        )
        mine.save()

    monkeypatch.setattr(time, "sleep", somebody_else_finishes)
    assert (
        oauth.StoredToken(stale.pk).renew(f"Bearer {stale.access_token}") == f"Bearer {new['access_token']}"
    )
    assert rig.calls("POST", TOKEN) == 0


def test_a_renewal_whose_owner_died_is_taken_over(rig):
    runs_out(rig, -10)
    rig.world.expire_access_tokens()
    past = timezone.now() - timedelta(seconds=1)
    Connection.objects.filter(pk=rig.connection.pk).update(renewing_until=past)
    assert connections.provider_for(rig.connection).actor().can_manage
    assert rig.calls("POST", TOKEN) == 1
    rig.connection.refresh_from_db()
    assert rig.connection.renewing_until is None
