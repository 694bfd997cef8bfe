"""A channel of one module: registered, used in a template, and delivered."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.engine.models import Kind
from app.http.openapi.openapi import spec
from app.messaging import channels
from app.wiring import connect
from tests.support.desk import Caller, Desk, the_app
from tests.support.practice import Watch
from workers import runner

pytest_plugins = ["tests.support.desk"]

MODULE = '''
"""`file`: messages of one line, appended to a file."""

import json

from app.messaging.channels.base import Channel, ForLeads, ForUsers, Permanent, Sent, TextPart
from app.messaging.models import AddressKind
from app.messaging.rendering.render import Limits, Wording, render

TARGET = {target!r}


def in_capitals(template, values, *, limits, placeholder=None):
    message = render(template, values, limits=limits, placeholder=placeholder)
    return Wording("", message.body.upper())


def send(message):
    if message.address == "nowhere":
        return Permanent("no such address")
    with open(TARGET, "a", encoding="utf-8") as target:
        target.write(json.dumps([message.message_id, message.address, message.body]) + "\\n")
    return Sent("received")


CHANNEL = Channel(
    name="file",
    label="in a file",
    send=send,
    for_users=ForUsers(address=lambda _, email: email),
    for_leads=ForLeads(
        address=lambda lead: lead.social_handle,
        suppressed_by=AddressKind.PHONE,
        is_valid=lambda address: " " not in address,
    ),
    parts=frozenset({{TextPart.BODY}}),
    limits=Limits(subject=0, body=30),
    render=in_capitals,
    message_id=lambda id: f"file-{{id}}",
    is_bounce=lambda response: response == "no such address",
)
'''
TEMPLATE = {
    "slug": "hello-in-a-file",
    "name": "Hello in a file",
    "variants": [
        {"subject": "Hello", "body": "Hello {{ lead.first_name }}"},
        {"channel": "file", "body": "Hi, {{ lead.first_name }}"},
    ],
}
WRITE = {
    "name": "write-to-lead",
    "on": ["lead.created", "lead.stage_changed"],
    "do": [{"send_message": {"channel": "file", "template": "hello-in-a-file"}}],
}
TELL = {
    "name": "tell-user",
    "on": "lead.created",
    "do": [{"notify": {"channels": ["file"], "template": "hello-in-a-file"}}],
}


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that the new channel writes to, while it is registered."""
    the_app()  # described once per process, and without the new channel
    added, target = tmp_path / "added", tmp_path / "target"
    added.mkdir()
    (added / "file.py").write_text(MODULE.format(target=str(target)))
    monkeypatch.setattr(channels, "__path__", [*channels.__path__, str(added)])
    connect()
    target.touch()
    yield target
    monkeypatch.undo()
    del sys.modules["app.messaging.channels.file"], channels.file  # type: ignore[attr-defined]
    connect()


@pytest.fixture
def desk(watch: Watch, desk: Desk, target: Path) -> Desk:
    """A clinic in the daytime, with a template for the new channel."""
    made(desk.admin, "/api/message-templates", TEMPLATE)
    return desk


def made(who: Caller, path: str, given: dict[str, Any]) -> Any:
    answer = who.post(path, given)
    assert answer.status == 201, answer.body
    return answer.body


def capture(desk: Desk, handle: str = "@mia") -> dict[str, Any]:
    return desk.capture(first_name="Mia", social_platform="INSTAGRAM", social_handle=handle)


def run(*kinds: Kind) -> None:
    for kind in kinds:
        while runner.run(kind, []):
            pass


def received(target: Path) -> list[Any]:
    return [json.loads(line) for line in target.read_text().splitlines()]


def notes(desk: Desk) -> list[Any]:
    return desk.admin.every("/api/notifications", channel="file")


def test_message_is_delivered_through_the_new_channel(desk: Desk, target: Path):
    made(desk.admin, "/api/follow-up-rules", WRITE)
    lead = capture(desk)
    run(Kind.SEND_MESSAGE, Kind.DELIVER)

    [note] = notes(desk)
    assert received(target) == [[f"file-{note['id']}", "@mia", "HI, MIA"]]
    shown = desk.admin.get(f"/api/notifications/{note['id']}").body
    assert (shown["channel"], shown["state"], shown["lead_id"], shown["variant"]) == (
        *("file", "sent", lead["id"]),
        "file:default",
    )
    assert (shown["subject"], shown["body"], shown["address"]) == ("", "HI, MIA", "@mia")
    assert [(one["outcome"], one["response"]) for one in shown["deliveries"]] == [("sent", "received")]


def test_opt_out_stops_planned_and_written_messages(desk: Desk, target: Path):
    made(desk.admin, "/api/follow-up-rules", WRITE)
    lead = capture(desk)
    run(Kind.SEND_MESSAGE)
    silent = desk.coordinator.post(f"/api/leads/{lead['id']}/opt-out", {"channel": "file"})
    assert silent.body["opted_out_channels"] == ["file"]
    assert desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"}).status == 200
    run(Kind.SEND_MESSAGE, Kind.DELIVER)

    assert [(note["state"], note["reason"]) for note in notes(desk)] == [("suppressed", "opted_out_of_channel")]
    _, stopped = desk.steps(lead, kind="send_message")
    assert (stopped["state"], stopped["reason"]) == ("skipped", "opted_out_of_channel")
    assert received(target) == []


@pytest.mark.parametrize(("handle", "reason"), [(None, "no_address"), ("two words", "invalid_address")])
def test_contact_policy_validates_the_address_with_the_channel(desk: Desk, target: Path, handle: str, reason: str):
    made(desk.admin, "/api/follow-up-rules", WRITE)
    lead = capture(desk, handle)
    run(Kind.SEND_MESSAGE)
    assert [step["reason"] for step in desk.steps(lead, kind="send_message")] == [reason]


def test_permanent_refusal_fails_and_counts_as_a_bounce(desk: Desk):
    made(desk.admin, "/api/follow-up-rules", WRITE)
    react = {"create_task": {"type": "CALL", "title": "Ask for another address"}}
    made(desk.admin, "/api/follow-up-rules", {"name": "bounced", "on": "message.bounced", "do": [react]})
    lead = capture(desk, "nowhere")
    run(Kind.SEND_MESSAGE, Kind.DELIVER, Kind.CREATE_TASK)
    assert [(note["state"], note["error"]) for note in notes(desk)] == [("failed", "no such address")]
    assert [step["state"] for step in desk.steps(lead, name="bounced")] == ["done"]


def test_user_is_notified_through_the_new_channel(desk: Desk, target: Path):
    made(desk.admin, "/api/follow-up-rules", TELL)
    capture(desk)
    run(Kind.NOTIFY, Kind.DELIVER)
    [[email]] = desk.sql("SELECT email FROM users WHERE id = :id", id=desk.admin.id)
    assert [(address, body) for _, address, body in received(target)] == [(email, "HI, MIA")]


def test_preview_applies_the_limits_of_the_channel(desk: Desk):
    long = {"channel": "file", "body": "Hi, {{ lead.first_name }}, and hello again and again"}
    variants = [TEMPLATE["variants"][0], long]
    answer = desk.admin.post("/api/message-templates/preview", {"channel": "file", "variants": variants})
    assert (answer.status, answer.body["detail"]) == (422, "the body would have 34 characters, of 30 allowed")


@pytest.mark.usefixtures("target")
def test_api_description_contains_the_channel():
    schemas = spec(create_app())["components"]["schemas"]
    assert schemas["MessageVariantIn"]["properties"]["channel"]["enum"] == [
        *("email", "file", "http", "in_app", "slack", "sms", "teams", "web_push", "whatsapp"),
        None,
    ]
    assert schemas["OptOut"]["properties"]["channel"]["enum"] == ["email", "file", "http", "sms", "whatsapp", None]
