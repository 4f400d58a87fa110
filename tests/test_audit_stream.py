"""The audit log is passed on: to standard output, a file, and a webhook that may be away, slow, or lead elsewhere."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import json
import os
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from memberships.models import AuditEntry, Connection, Sink
from memberships.services import audit, audit_outlets, audit_stream
from sandbox.limits import Limits
from sandbox.messages import Request, Response
from sandbox.server import Server, background
from tests.steps import apply, people, review_role

SECRET = "signed-with-this-secret"


class Receiver:
    """Somebody's webhook: keeps what it gets, and takes it in if the signature is right."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.answer = Response(204)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if not genuine(request):
            return Response(401)
        if self.answer.status < 300:
            self.got += [json.loads(line) for line in request.body.splitlines()]
        return self.answer

    def numbers(self, organization: str) -> list[int]:
        return [entry["number"] for entry in self.got if entry["organization"] == organization]


def genuine(request: Request) -> bool:
    """The check of docs/monitoring.md, as a receiver would write it."""
    parts = dict(part.split("=", 1) for part in request.headers["roster-signature"].split(","))
    expected = hmac.new(
        SECRET.encode(), parts["t"].encode() + b"." + request.body, hashlib.sha256
    ).hexdigest()
    return abs(time.time() - int(parts["t"])) < 300 and hmac.compare_digest(expected, parts["v1"])


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def webhook(receiver: Receiver, settings) -> Iterator[Server[Limits]]:
    """The receiver at an address of its own, which the dashboard is told of."""
    with background(Server(receiver, Limits(), name="receiver")) as server:
        settings.AUDIT_WEBHOOK_URL, settings.AUDIT_WEBHOOK_SECRET = f"{server.url}/audit", SECRET
        yield server


@pytest.fixture
def begun(webhook: Server[Limits], connection: Connection) -> Connection:
    """Passing on has begun; what was before is not passed on."""
    audit_stream.pass_on()
    return connection


def happen(connection: Connection, number: int = 1) -> None:
    """Something to tell."""
    for _ in range(number):
        with transaction.atomic():
            audit.record(connection.organization, [audit.acknowledged(connection)])


def due() -> None:
    """The time of the next try has come."""
    Sink.objects.update(not_before=timezone.now() - timedelta(seconds=1))


def state() -> audit_stream.State:
    (found,) = audit_stream.states()
    return found


# In order, all of it, verifiable


def test_it_begins_at_the_present_and_passes_everything_on_in_order(begun, receiver, northwind):
    assert receiver.got == [], "the sign-in was before"
    happen(begun, 3)
    audit_stream.pass_on()
    happen(begun)
    audit_stream.pass_on()
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == [2, 3, 4, 5]
    assert [r.headers["roster-entries"] for r in receiver.requests] == ["2-4", "5-5"]


def test_an_organization_that_comes_later_is_passed_on_from_its_first_entry(begun, connect, receiver, world):
    other = connect(f"robin.castellano@{begun.email.partition('@')[2]}", "Harbor Lights")
    audit_stream.pass_on()
    assert receiver.numbers(other.organization.remote_id) == [1]
    assert receiver.got[0]["event"] == "session.signed_in"


def test_many_entries_go_in_batches(begun, receiver, northwind):
    happen(begun, 230)
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == list(range(2, 232))
    assert [len(r.body.splitlines()) for r in receiver.requests] == [100, 100, 30]


def test_a_line_proves_itself_and_names_people_in_full(begun, receiver, admin, world, northwind, work):
    apply(review_role(admin, people(world, northwind, "user", 2), "Restricted User", "spring cleaning"))
    work()
    audit_stream.pass_on()
    previous = AuditEntry.objects.get(number=1).hash
    assert len(receiver.got) == 3
    for line in receiver.got:
        content = {
            k: v for k, v in line.items() if k not in ("provider", "organization", "attached_to", "hash")
        }
        assert content["previous"] == previous
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(canonical.encode()).hexdigest() == line["hash"]
        previous = line["hash"]
    assert "@" in receiver.got[-1]["member_email"]
    assert receiver.got[-1]["reason"] == "spring cleaning"


def test_an_attached_organization_is_told_apart_by_whom_it_is_attached_to(
    webhook, receiver, attached, bluefin
):
    audit_stream.pass_on()
    happen(attached)
    audit_stream.pass_on()
    assert receiver.got[-1]["organization"] == bluefin
    assert receiver.got[-1]["provider"] == "commercelayer"
    assert receiver.got[-1]["attached_to"] == attached.organization.parent.remote_id


@pytest.mark.parametrize("spoil", ["body", "time", "secret"])
def test_a_signature_holds_for_this_body_this_time_and_this_secret_only(spoil):
    body, at = b'{"number": 1}\n', int(time.time())
    header = audit_outlets.signature("wrong" if spoil == "secret" else SECRET, at, body)
    assert genuine(
        Request(
            "POST", "/", headers={"roster-signature": audit_outlets.signature(SECRET, at, body)}, body=body
        )
    )
    if spoil == "time":
        header = header.replace(f"t={at}", f"t={at - 1}")
    body = b'{"number": 2}\n' if spoil == "body" else body
    assert not genuine(Request("POST", "/", headers={"roster-signature": header}, body=body))


# A receiver in trouble


def test_a_dead_receiver_holds_no_job_up_and_gets_everything_once_it_is_back(
    begun, webhook, receiver, admin, world, northwind, work
):
    webhook.faults.drop(times=None)
    apply(review_role(admin, people(world, northwind, "user", 5), "Restricted User"))
    audit_stream.pass_on()
    work()
    assert begun.organization.jobs.get().finished
    for _ in range(3):
        due()
        audit_stream.pass_on()
    assert receiver.got == []
    assert (state().backlog, state().error) == (
        6,
        "The audit webhook can't be reached, or broke off its answer.",
    )
    webhook.faults.clear()
    due()
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == [2, 3, 4, 5, 6, 7]
    assert (state().backlog, state().failing_s, state().error) == (0, 0.0, "")


def test_the_time_between_two_tries_grows_up_to_five_minutes(begun, webhook):
    webhook.faults.fail_next(500, times=None)
    happen(begun)
    waits = []
    for _ in range(11):
        due()
        audit_stream.pass_on()
        not_before = Sink.objects.get().not_before
        assert not_before
        waits.append((not_before - timezone.now()).total_seconds())
    assert waits[:4] == pytest.approx([1, 2, 4, 8], rel=0.2)
    assert waits[-1] == pytest.approx(300, rel=0.2)
    before = webhook.faults.pending()[0].hits
    audit_stream.pass_on()
    assert webhook.faults.pending()[0].hits == before, "nobody tries before that"


def test_after_thousands_of_tries_it_is_still_tried(begun, webhook):
    webhook.faults.fail_next(500, times=None)
    happen(begun)
    Sink.objects.update(tries=5000)
    audit_stream.pass_on()
    assert Sink.objects.get().tries == 5001


def test_a_log_that_was_cut_off_does_not_keep_anybody_busy(begun, receiver):
    happen(begun, 2)
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM memberships_auditentry WHERE number > 2")
    audit_stream.pass_on()
    assert len(receiver.got) == 1
    assert state().backlog == 1, "which the doctor and the metrics go on telling"


def test_a_receiver_that_asks_for_a_longer_wait_gets_it(begun, webhook):
    webhook.faults.fail_next(429, headers={"retry-after": "120"})
    happen(begun)
    audit_stream.pass_on()
    not_before = Sink.objects.get().not_before
    assert not_before
    assert (not_before - timezone.now()).total_seconds() == pytest.approx(120, abs=3)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status, begun, receiver, webhook):
    elsewhere = Receiver()
    with background(Server(elsewhere, Limits())) as other:
        receiver.answer = Response(status, headers={"location": f"{other.url}/audit"})
        happen(begun)
        audit_stream.pass_on()
    assert elsewhere.requests == []
    assert state().error == f"The audit webhook redirects (status {status}), which is not followed."
    assert state().backlog == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 500, 503])
def test_any_refusal_keeps_the_entries(status, begun, webhook, receiver, northwind):
    webhook.faults.fail_next(status)
    happen(begun)
    audit_stream.pass_on()
    assert state().error == f"The audit webhook answered with status {status}."
    due()
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == [2]


def test_a_receiver_that_trickles_is_given_up_in_time(begun, webhook, receiver, monkeypatch):
    monkeypatch.setattr(audit_outlets, "WEBHOOK_S", 0.5)
    receiver.answer = Response(200, b"x" * 1000)
    webhook.faults.drip(5)
    happen(begun)
    began = time.monotonic()
    audit_stream.pass_on()
    assert time.monotonic() - began < 4
    assert state().error == "The audit webhook did not answer within 0 s."


def test_an_endless_answer_is_not_read_to_its_end(begun, receiver):
    receiver.answer = Response(200, b"x" * (5 * 1024 * 1024))
    happen(begun)
    audit_stream.pass_on()
    assert state().error == "The audit webhook gave an answer that is too large."


def test_a_certificate_that_proves_nothing_ends_it(begun, receiver, settings, tmp_path):
    with speaking_tls(receiver, tmp_path) as url:
        settings.AUDIT_WEBHOOK_URL = url
        happen(begun)
        audit_stream.pass_on()
    assert state().error == "The audit webhook can't prove with a certificate who it is."
    assert receiver.requests == []


@contextlib.contextmanager
def speaking_tls(receiver: Receiver, folder: Path) -> Iterator[str]:
    """The receiver behind a certificate it has made itself; its address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "its.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = Server(receiver, Limits())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server._listener.socket = context.wrap_socket(server._listener.socket, server_side=True)
    with background(server):
        yield server.url.replace("http://127.0.0.1", "https://localhost")


def test_entries_one_receiver_refuses_do_not_starve_those_of_other_organizations(
    begun, connect, receiver, northwind
):
    other = connect(f"robin.castellano@{begun.email.partition('@')[2]}", "Harbor Lights")
    audit_stream.pass_on()
    take = receiver.__call__

    def picky(request: Request) -> Response:
        return Response(400) if request.headers["roster-organization"] == northwind else take(request)

    receiver.__class__ = type("Picky", (Receiver,), {"__call__": lambda self, request: picky(request)})
    receiver.got.clear()
    for _ in range(3):
        happen(begun)
        happen(other)
        due()
        audit_stream.pass_on()
        due()
        audit_stream.pass_on()
    assert receiver.numbers(other.organization.remote_id) == [2, 3, 4]


# One at a time, from where it was left


def test_only_one_worker_sends_at_a_time(begun, receiver):
    happen(begun)
    Sink.objects.update(token="another worker", held_until=timezone.now() + timedelta(seconds=30))
    audit_stream.pass_on()
    assert receiver.requests == []
    Sink.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    audit_stream.pass_on()
    assert len(receiver.got) == 1
    assert Sink.objects.get().token == ""


def test_a_worker_that_dies_after_sending_has_it_sent_again_with_the_same_number_and_hash(
    begun, receiver, monkeypatch, northwind
):
    class Killed(BaseException):
        pass

    send = audit_outlets.Webhook.send

    def killed(self: Any, *arguments: Any) -> None:
        send(self, *arguments)
        raise Killed

    happen(begun, 2)
    monkeypatch.setattr(audit_outlets.Webhook, "send", killed)
    with pytest.raises(Killed):
        audit_stream.pass_on()
    monkeypatch.setattr(audit_outlets.Webhook, "send", send)
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == [2, 3, 2, 3]
    assert receiver.got[0] == receiver.got[2]


def test_with_nothing_to_pass_on_nothing_is_written(begun, django_assert_num_queries):
    with django_assert_num_queries(2):
        audit_stream.pass_on()


def test_without_a_setting_nothing_is_even_read(connection, django_assert_num_queries):
    with django_assert_num_queries(0):
        audit_stream.pass_on()
    assert list(audit_stream.states()) == []


# Standard output and files


def test_to_standard_output(connection, settings, capsysbinary):
    settings.AUDIT_STREAM = "stdout"
    audit_stream.pass_on()
    happen(connection, 2)
    audit_stream.pass_on()
    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [line["number"] for line in lines] == [2, 3]


def test_to_a_file_that_only_its_owner_reads_and_others_may_move_away(connection, settings, tmp_path):
    path = tmp_path / "audit.jsonl"
    settings.AUDIT_STREAM = f"file:{path}"
    audit_stream.pass_on()
    happen(connection)
    audit_stream.pass_on()
    assert path.stat().st_mode & 0o777 == 0o600
    path.rename(tmp_path / "audit.jsonl.1")
    happen(connection)
    audit_stream.pass_on()
    assert json.loads(path.read_text())["number"] == 3


def test_a_file_that_can_not_be_written_is_tried_again(connection, settings, tmp_path):
    settings.AUDIT_STREAM = f"file:{tmp_path}/later/audit.jsonl"
    audit_stream.pass_on()
    happen(connection)
    audit_stream.pass_on()
    assert state().error == "The audit file can't be written to: No such file or directory."
    (tmp_path / "later").mkdir()
    due()
    audit_stream.pass_on()
    assert state().backlog == 0


def test_a_full_disk_leaves_no_half_a_line(connection, settings, tmp_path, monkeypatch):
    path = tmp_path / "audit.jsonl"
    settings.AUDIT_STREAM = f"file:{path}"
    audit_stream.pass_on()
    happen(connection)
    audit_stream.pass_on()
    before = path.read_bytes()
    write = os.write

    def full(file: int, content: bytes) -> int:
        write(file, content[:20])
        raise OSError(28, "No space left on device")

    happen(connection)
    monkeypatch.setattr(os, "write", full)
    audit_stream.pass_on()
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert "No space left on device" in state().error


def test_a_file_and_a_webhook_go_on_by_themselves(begun, webhook, receiver, settings, tmp_path):
    settings.AUDIT_STREAM = f"file:{tmp_path}/audit.jsonl"
    audit_stream.pass_on()
    webhook.faults.drop(times=None)
    happen(begun)
    audit_stream.pass_on()
    assert json.loads((tmp_path / "audit.jsonl").read_text())["number"] == 2
    assert {s.name: s.backlog for s in audit_stream.states()} == {"file": 0, "webhook": 1}


# Again


def test_what_a_receiver_lost_is_sent_again_on_request(begun, receiver, northwind, capsys):
    happen(begun, 2)
    audit_stream.pass_on()
    call_command("audit", "resend", "--from", "2")
    assert "2 entries" in capsys.readouterr().out
    audit_stream.pass_on()
    assert receiver.numbers(northwind) == [2, 3, 2, 3]
    call_command("audit", "resend")
    audit_stream.pass_on()
    assert receiver.numbers(northwind)[4:] == [1, 2, 3], "from the first one on"


def test_sending_again_needs_somewhere_to_send_to(connection):
    with pytest.raises(CommandError, match="AUDIT_STREAM or AUDIT_WEBHOOK_URL"):
        call_command("audit", "resend")
