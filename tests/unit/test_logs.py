"""What a line of the log shows, and what it never does."""

import json
import logging
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from app.core import logs


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """The lines so far, each read as JSON."""
    logs.configure()
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_line_with_its_time_level_and_values(lines: Any):
    structlog.get_logger().info("lead.captured", lead_id="42", note="two\nlines")
    (line,) = lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "lead.captured",
        "lead_id": "42",
        "note": "two\nlines",
        **({"request_id": line["request_id"]} if "request_id" in line else {}),
    }


def test_a_line_says_which_request_it_belongs_to(lines: Any):
    assert logs.begin_request("from-the-web-1") == logs.request_id() == "from-the-web-1"
    structlog.get_logger().info("lead.captured")
    logging.getLogger("a.library").warning("look at %s", "this")
    assert [line["request_id"] for line in lines()] == ["from-the-web-1"] * 2


def test_a_library_looks_like_the_rest(lines: Any):
    logging.getLogger("a.library").warning("look at %s", "this")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("look at this", "warning", "a.library")


@pytest.mark.parametrize("name", sorted(logs.REDACTED_KEYS))
def test_secrets_and_people_are_hidden_wherever_they_are_named(lines: Any, name: str):
    structlog.get_logger().info("lead.captured", **{name: "canary"}, about={name: "canary", "id": 1})
    (line,) = lines()
    assert "canary" not in str(line)
    assert line["about"]["id"] == 1


def test_a_crash_says_where_and_why(lines: Any):
    try:
        int("no number")
    except ValueError as error:
        structlog.get_logger().error("crashed", exc_info=error)
        logging.getLogger("a.library").exception("crashed")
    for line in lines():
        assert "test_a_crash_says_where_and_why" in line["crash"]
        assert "ValueError: invalid literal" in line["crash"]


def test_a_crash_quotes_nothing_that_it_choked_on(lines: Any):
    for act in (lambda: int("canary's"), lambda: {}["canary"], lambda: b"canary".canary):  # type: ignore[attr-defined]
        try:
            act()
        except (ValueError, LookupError, AttributeError) as error:
            structlog.get_logger().error("crashed", exc_info=error)
    number, key, name = (line["crash"].splitlines()[-1] for line in lines())
    assert number == "ValueError: invalid literal for int() with base 10: '…'"
    assert key == "KeyError: '…'"
    assert name == "AttributeError: 'bytes' object has no attribute 'canary'"


def test_a_database_error_tells_its_kind_and_not_the_row(lines: Any):
    class Duplicate(psycopg.errors.UniqueViolation):
        """As PostgreSQL says it."""

    orig = Duplicate("Key (email)=(canary@example.org) already exists.")
    wrapped = IntegrityError("INSERT INTO users ...", {"email": "canary@example.org"}, orig)
    wrapped.__cause__ = orig
    structlog.get_logger().error("crashed", exc_info=wrapped)
    (line,) = lines()
    assert "canary" not in str(line)
    assert "Duplicate: sqlstate 23505" in line["crash"]
    assert "IntegrityError: sqlstate 23505" in line["crash"]


def test_what_is_below_the_level_is_not_written(lines: Any):
    structlog.get_logger().debug("detail")
    logging.getLogger("a.library").debug("detail")
    assert lines() == []
