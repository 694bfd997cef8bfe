"""Live events of transactions: published after the commit, without personal data, and never in the way."""

from collections.abc import Iterator
from threading import Event
from uuid import UUID, uuid4

import pytest
from redis import Redis
from sqlalchemy import text

from app.config import get_settings
from app.core.db import sessions, transaction
from app.core.live_events import publisher as publishing
from app.core.live_events.changes import close_streams, note_leads
from app.core.live_events.entries import CLOSING, LiveKind, read_entry, stream_of
from app.core.live_events.publisher import EVERYONE, MOST_CLOSING, Batch, Publisher
from app.core.type_aliases import JsonDict
from app.ops.embedded import Valkey
from tests.support.desk import Desk
from tests.support.processes import wait_until

CLINIC = uuid4()


@pytest.fixture
def store(valkey: Valkey) -> Iterator[Redis]:
    with valkey.client() as client:
        yield client


def entries(store: Redis, name: str) -> list[JsonDict]:
    publishing.flush()
    found = [read_entry(_text(fields)) for _, fields in store.xrange(name)]
    return [content for content in found if content is not None]


def _text(fields: dict[object, object]) -> str:
    [content] = fields.values()
    return content.decode() if isinstance(content, bytes) else str(content)


def leads_of(store: Redis, clinic_id: UUID) -> set[str]:
    found = [entry["kinds"]["lead.changed"]["items"] for entry in entries(store, stream_of(clinic_id))]
    return {item[0] for items in found for item in items}


def test_commit_publishes_and_rollback_does_not(clean_database: None, clean_broker: None, store: Redis):
    kept, undone = uuid4(), uuid4()
    with sessions()() as session:
        note_leads(session, CLINIC, LiveKind.LEAD_CHANGED, [undone])
        session.execute(text("SELECT 1"))
        session.rollback()
    with transaction() as session:
        note_leads(session, CLINIC, LiveKind.LEAD_CHANGED, [kept])
        assert not store.exists(stream_of(CLINIC))
    assert leads_of(store, CLINIC) == {str(kept)}


def test_event_waits_for_the_outer_commit(clean_database: None, clean_broker: None, store: Redis):
    with transaction() as session:
        with session.begin_nested():
            note_leads(session, CLINIC, LiveKind.LEAD_CHANGED, [uuid4()])
        publishing.flush()
        assert not store.exists(stream_of(CLINIC))
    assert len(leads_of(store, CLINIC)) == 1


def test_entries_contain_ids_and_kinds_only(desk: Desk, store: Redis):
    lead = desk.capture(email="xaverine@canary.example", notes="Afraid of needles")
    task = desk.plan(lead, title="Ask about the tin whistle")
    desk.admin.patch(f"/api/leads/{lead['id']}", {"first_name": "Quillfeather"})
    desk.admin.put(f"/api/tasks/{task['id']}/complete", {"notes": "harpsichord"})
    found = entries(store, stream_of(desk.clinic_id))
    assert found
    for entry in found:
        assert entry.keys() == {"kinds", "former"}
        assert set(entry["kinds"]) <= set(LiveKind)
        ids = [value for kind in entry["kinds"].values() for item in kind["items"] for value in item if value]
        assert [str(UUID(value)) for value in ids] == ids


def test_stream_expires(desk: Desk, store: Redis):
    desk.capture()
    publishing.flush()
    assert 0 < int(store.ttl(stream_of(desk.clinic_id))) <= 900  # type: ignore[arg-type]


def test_commits_never_wait_for_the_store(
    valkey: Valkey, clean_broker: None, store: Redis, monkeypatch: pytest.MonkeyPatch
):
    silence, calls = Event(), list[str]()

    def away() -> Redis:
        silence.wait(60)
        calls.append("without an answer")
        raise TimeoutError

    here = Redis.from_url(get_settings().counter_store)
    monkeypatch.setattr(publishing, "RETRY_AFTER", 0.05)
    monkeypatch.setattr(publishing, "_store", away)
    one = Publisher()
    for _ in range(publishing.MOST_WAITING + 10):
        one.hand_over(Batch({CLINIC: {}}, {}, [{"sign_in_id": "7"}]))
    assert calls == []  # all were handed over during the first call
    silence.set()
    wait_until(lambda: CLINIC in one._lost, 60, "the publisher to give up")
    monkeypatch.setattr(publishing, "_store", lambda: here)
    wait_until(lambda: {"reset": True} in entries(store, stream_of(CLINIC)), 60, "the reset")
    wait_until(lambda: bool(entries(store, CLOSING)), 60, "the closing order")


def test_too_many_closing_orders_become_one_for_everyone():
    one = Publisher()
    one._give_up([Batch(closing=[{"user_id": str(n)} for n in range(MOST_CLOSING + 1)])])
    assert one._unsent == [EVERYONE]


def test_closing_order_names_the_callers(clean_database: None, clean_broker: None, store: Redis):
    user_id = uuid4()
    with transaction() as session:
        close_streams(session, user_id=user_id)
    assert entries(store, CLOSING) == [{"user_id": str(user_id)}]
