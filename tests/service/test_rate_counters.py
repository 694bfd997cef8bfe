"""Rate counters with every store: Valkey, PostgreSQL, and PostgreSQL while Valkey does not answer."""

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.core import db
from app.errors import TooManyRequests
from app.http import rate_limits
from app.identity.sign_in import attempts
from app.leads.capture.forms.attempts import count_submission
from app.ops.embedded import Valkey
from app.security import rate_counters
from workers.sweeps.run import sweep

pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")

RABBITMQ = "amqp://guest@127.0.0.1:9//"
EMAIL, ADDRESS = "ana@clinic.example", "192.0.2.1"
COUNTERS = 3  # of a sign-in: address and account, address, account


@pytest.fixture
def store(configure: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Choose the stores by settings: `store(broker_url=..., counters_url=...)`."""

    def choose(**settings: object) -> None:
        configure(**settings)
        rate_counters._store.cache_clear()

    yield choose
    rate_counters._store.cache_clear()
    rate_counters._away_until = rate_counters._split_until = 0.0


@pytest.fixture
def mute_store() -> Iterator[str]:
    """Return the URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def try_often(count: Callable[[], object], times: int) -> int:
    """Return how many of these attempts were allowed."""
    allowed = 0
    for _ in range(times):
        try:
            count()
            allowed += 1
        except TooManyRequests:
            pass
    return allowed


def sign_in() -> None:
    attempts.count_attempt(EMAIL, ADDRESS)


def test_sign_ins_are_limited_with_rabbitmq_as_the_broker(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ)

    assert try_often(sign_in, 15) == attempts.PER_ADDRESS_AND_ACCOUNT
    attempts.count_attempt(EMAIL, "192.0.2.2")
    attempts.count_attempt("eva@clinic.example", ADDRESS)


def test_web_forms_are_limited_with_rabbitmq_as_the_broker(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ, form_posts_per_minute=3)

    form_id = uuid4()
    assert try_often(lambda: count_submission(form_id, ADDRESS), 5) == 3


def test_calls_of_all_processes_are_counted_with_rabbitmq_as_the_broker(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ)
    caller = uuid4()

    assert rate_limits._count(caller, 100)[0] == 1
    rate_limits._shares.clear()  # as another process begins
    assert rate_limits._count(caller, 100)[0] == 2


def test_a_successful_sign_in_is_not_counted_in_the_database(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ)
    for _ in range(2 * attempts.PER_ADDRESS_AND_ACCOUNT):
        sign_in()
        attempts.take_back_attempt(EMAIL, ADDRESS)
    assert try_often(sign_in, 15) == attempts.PER_ADDRESS_AND_ACCOUNT


def test_the_network_of_a_sign_in_stays_known_for_a_month_in_the_database(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ)
    sign_in()
    attempts.take_back_attempt(EMAIL, ADDRESS)

    with db.transaction() as session:
        lasts = session.scalar(text("SELECT max(ends_at) - now() FROM rate_counters"))
    assert lasts > timedelta(days=29)


def test_counters_url_counts_in_its_own_store(store: Callable[..., None], valkey: Valkey, broker_url: str) -> None:
    store(broker_url=RABBITMQ, counters_url=broker_url)

    sign_in()

    assert len(valkey.client().keys("relance:attempts:*")) == COUNTERS
    assert counters_in_database() == 0


def test_attempts_are_limited_while_the_store_does_not_answer(store: Callable[..., None], mute_store: str) -> None:
    store(counters_url=mute_store)

    assert try_often(sign_in, 15) == attempts.PER_ADDRESS_AND_ACCOUNT


def test_an_outage_of_the_store_gives_no_additional_attempts(store: Callable[..., None], valkey: Valkey) -> None:
    assert try_often(sign_in, 4) == 4
    valkey.stop()
    try:
        assert try_often(sign_in, 4) == 4
    finally:
        valkey.start()
    rate_counters._away_until = 0.0

    assert try_often(sign_in, 10) == attempts.PER_ADDRESS_AND_ACCOUNT - 8  # both stores are added


def test_an_ended_window_counts_from_zero_and_is_deleted_by_the_sweep(store: Callable[..., None]) -> None:
    store(broker_url=RABBITMQ)
    assert try_often(sign_in, 15) == attempts.PER_ADDRESS_AND_ACCOUNT
    with db.transaction() as session:
        session.execute(text("UPDATE rate_counters SET ends_at = now() - interval '1 second'"))

    assert try_often(sign_in, 1) == 1
    with db.transaction() as session:
        session.execute(text("UPDATE rate_counters SET ends_at = now() - interval '1 second'"))
    assert sweep("forget_old_counters") == COUNTERS
    assert counters_in_database() == 0


def counters_in_database() -> int:
    """Return the number of rows."""
    with db.transaction() as session:
        return int(session.scalar(text("SELECT count(*) FROM rate_counters")) or 0)
