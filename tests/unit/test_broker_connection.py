"""The connection to the broker: how long it pauses between two tries, and the addresses that Flower shows."""

import logging

import pytest
from kombu import Connection

from app.engine.broker import celery


class Enough(Exception):
    """The third try has failed."""


def test_broker_that_is_away_is_tried_again_every_three_seconds_at_most() -> None:
    pauses: list[float] = []

    def refused(_: Exception, pause: float) -> None:
        pauses.append(pause)
        if len(pauses) > 2:
            raise Enough

    with celery.connection_for_read("redis://127.0.0.1:1/0") as connection, pytest.raises(Enough):
        connection.ensure_connection(refused)

    assert pauses == [1, 2, 3]


def test_flower_shows_the_broker_that_is_used_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    used = Connection(celery.conf.broker_url).as_uri()

    with caplog.at_level(logging.WARNING):
        shown = celery.conf.table(with_defaults=True)

    assert [Connection(shown[f"broker_{kind}"]).as_uri() for kind in ("url", "read_url", "write_url")] == [used] * 3
    assert not caplog.messages
