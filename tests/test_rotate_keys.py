"""All stored secrets come under the newest key, while tokens are renewed, and nothing newer is ever overwritten."""

from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection as database

from memberships.models import Connection
from memberships.models.secrets import UndecipherableSecret
from memberships.services import keys, oauth

OLD = Fernet.generate_key().decode()
NEW = Fernet.generate_key().decode()


@pytest.fixture
def under_the_old_key(settings, connect) -> Connection:
    """Somebody signed in while there was one key; now there is a newer one before it."""
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    connection = connect()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    return connection


def rotate(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    return out.getvalue()


def stored() -> list[str]:
    with database.cursor() as cursor:
        cursor.execute("SELECT access_token, refresh_token FROM memberships_connection")
        return [text for row in cursor.fetchall() for text in row]


def test_everything_comes_under_the_newest_key_and_the_old_one_can_go(under_the_old_key, settings):
    before = under_the_old_key.access_token, under_the_old_key.refresh_token
    assert "2 secrets were brought under the newest key, 0 were already." in rotate()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    after = Connection.objects.get()
    assert (after.access_token, after.refresh_token) == before


def test_a_second_run_changes_nothing(under_the_old_key):
    rotate()
    before = stored()
    assert "0 secrets were brought under the newest key, 2 were already." in rotate()
    assert stored() == before


def test_check_tells_whether_an_older_key_is_still_needed_and_changes_nothing(under_the_old_key):
    before = stored()
    with pytest.raises(CommandError, match="An older key is still needed"):
        rotate("--check")
    assert stored() == before
    rotate()
    assert "Older keys are not needed." in rotate("--check")


def test_what_no_key_opens_is_counted_and_left_alone(under_the_old_key, settings):
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    before = stored()
    for arguments in ([], ["--check"]):
        with pytest.raises(CommandError, match="2 secrets are opened by none of the keys"):
            rotate(*arguments)
    assert stored() == before
    with pytest.raises(UndecipherableSecret):
        Connection.objects.get()


def test_a_token_that_is_renewed_meanwhile_is_never_overwritten(under_the_old_key, monkeypatch, close):
    """Close revokes the old refresh token at once: to put it back would cost the person their connection."""
    opened = keys._opened
    renewed: list[str] = []

    def renewing_meanwhile(kept: str) -> str | None:
        if not renewed:
            stale = f"Bearer {under_the_old_key.access_token}"
            renewed.append(oauth.StoredToken(under_the_old_key.pk).renew(stale))
        return opened(kept)

    monkeypatch.setattr(keys, "_opened", renewing_meanwhile)
    result = keys.rotate()
    after = Connection.objects.get()
    assert f"Bearer {after.access_token}" == renewed[0] != f"Bearer {under_the_old_key.access_token}"
    assert after.refresh_token != under_the_old_key.refresh_token
    assert result.older == 0, "both were replaced by newer ones, under the newest key"
    assert keys.count() == keys.Count(newest=2)


def test_a_process_that_still_writes_with_the_old_setting_is_noticed(
    under_the_old_key, settings, monkeypatch
):
    renew = keys._renew

    def and_back(batch: list) -> int:
        done = renew(batch)
        settings.TOKEN_ENCRYPTION_KEYS = [OLD, NEW]
        Connection.objects.update(access_token="written by an old process")
        settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
        return done

    monkeypatch.setattr(keys, "_renew", and_back)
    with pytest.raises(
        CommandError, match="1 came under an older key meanwhile: a process still runs with the old"
    ):
        rotate()


def test_many_secrets_are_brought_over_in_batches_of_any_size(under_the_old_key, settings, monkeypatch):
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    organization = under_the_old_key.organization
    for number in range(9):
        Connection.objects.create(
            organization=organization,
            user_id=f"user_{number}",
            access_token=f"token {number}" if number % 3 else "",
            client_secret=f"secret {number}",
        )
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    monkeypatch.setattr(keys, "_BATCH", 2)
    assert keys.rotate() == keys.Count(older=2 + 6 + 9)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW]
    assert [c.client_secret for c in Connection.objects.exclude(client_secret="").order_by("pk")] == [
        f"secret {number}" for number in range(9)
    ]
    assert Connection.objects.get(user_id="user_0").access_token == ""
