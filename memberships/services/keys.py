"""The keys that secrets are kept under: which are still needed, and how all secrets come under the newest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Cast

from memberships.models.secrets import EncryptedTextField, cipher

_BATCH = 200


@dataclass(slots=True)
class Count:
    """Stored secrets by the key that opens them. `lost` ones are opened by none that is set."""

    newest: int = 0
    older: int = 0
    lost: int = 0


def count() -> Count:
    found = Count()
    for _, _, kept in _everything():
        if _opens_newest(kept):
            found.newest += 1
        elif _opened(kept) is None:
            found.lost += 1
        else:
            found.older += 1
    return found


def rotate() -> Count:
    """Bring every secret under the newest key; what has come under it by this, what was so already, what is lost.

    Safe while everything runs: a secret that is replaced meanwhile, as by a renewed token, is left as it is then.
    """
    result = Count()
    batch: list[tuple[type[models.Model], str, int, str]] = []
    for (model, field), pk, kept in _everything():
        if _opens_newest(kept):
            result.newest += 1
        elif _opened(kept) is None:
            result.lost += 1
        else:
            batch.append((model, field, pk, kept))
        if len(batch) == _BATCH:
            result.older += _renew(batch)
            batch = []
    result.older += _renew(batch)
    return result


def _renew(batch: list[tuple[type[models.Model], str, int, str]]) -> int:
    done = 0
    with transaction.atomic():
        for model, field, pk, kept in batch:
            as_read = model._default_manager.alias(stored=_raw(field)).filter(pk=pk, stored=kept)
            done += as_read.update(**{field: _opened(kept)})
    return done


def _everything() -> Iterator[tuple[tuple[type[models.Model], str], int, str]]:
    """Model and field, primary key and stored text of every secret there is, wherever it is kept."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield from _stored(model, field.name)


def _stored(
    model: type[models.Model], field: str
) -> Iterator[tuple[tuple[type[models.Model], str], int, str]]:
    """Read in batches, with nothing open between two of them."""
    rows = model._default_manager.alias(stored=_raw(field)).exclude(stored="").order_by("pk")
    last = None
    while batch := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", _raw(field))[:_BATCH]):
        for pk, kept in batch:
            yield (model, field), pk, kept
        last = batch[-1][0]


def _raw(field: str) -> Cast:
    """As it is stored: by itself the field shows what it opens."""
    return Cast(field, models.TextField())


def _opens_newest(kept: str) -> bool:
    try:
        Fernet(settings.TOKEN_ENCRYPTION_KEYS[0]).decrypt(kept.encode())
    except InvalidToken:
        return False
    return True


def _opened(kept: str) -> str | None:
    try:
        return cipher().decrypt(kept.encode()).decode()
    except InvalidToken:
        return None
