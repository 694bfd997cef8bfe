"""Log lines: format, and values that are never logged."""

import json
import logging
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy.exc import IntegrityError

from app.core.telemetry import logs
from app.leads.fields import FIELDS, LeadField, text


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    """The log lines so far, parsed as JSON."""
    logs.configure()
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_event_is_one_line_with_time_level_and_values(lines: Any):
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


def test_line_contains_the_request_id(lines: Any):
    assert logs.begin_request("from-the-web-1") == logs.request_id() == "from-the-web-1"
    structlog.get_logger().info("lead.captured")
    logging.getLogger("a.library").warning("look at %s", "this")
    assert [line["request_id"] for line in lines()] == ["from-the-web-1"] * 2


def test_library_logs_have_the_same_format(lines: Any):
    logging.getLogger("a.library").warning("look at %s", "this")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("look at this", "warning", "a.library")


@pytest.mark.parametrize("name", sorted(logs.hidden_keys()))
def test_secrets_and_personal_data_are_masked(lines: Any, name: str):
    structlog.get_logger().info("lead.captured", **{name: "canary"}, about={name: "canary", "id": 1})
    (line,) = lines()
    assert "canary" not in str(line)
    assert line["about"]["id"] == 1


def test_values_of_a_new_field_of_a_lead_are_masked():
    new = LeadField("occupation", text(100), "Occupation")
    assert not new.is_logged
    assert {field.name for field in FIELDS if not field.is_logged} <= logs.hidden_keys()
    assert {"first_name", "patient_dob", "insurance_carrier", "custom", "password"} <= logs.hidden_keys()
    assert not {"state", "source_id", "lead_id"} & logs.hidden_keys()


def test_exception_is_logged_with_its_location(lines: Any):
    try:
        int("no number")
    except ValueError as error:
        structlog.get_logger().error("crashed", exc_info=error)
        logging.getLogger("a.library").exception("crashed")
    for line in lines():
        assert "test_exception_is_logged_with_its_location" in line["crash"]
        assert "ValueError: invalid literal" in line["crash"]


def test_exception_does_not_quote_its_input(lines: Any):
    for act in (lambda: int("canary's"), lambda: {}["canary"], lambda: b"canary".canary):  # type: ignore[attr-defined]
        try:
            act()
        except (ValueError, LookupError, AttributeError) as error:
            structlog.get_logger().error("crashed", exc_info=error)
    number, key, name = (line["crash"].splitlines()[-1] for line in lines())
    assert number == "ValueError: invalid literal for int() with base 10: '…'"
    assert key == "KeyError: '…'"
    assert name == "AttributeError: 'bytes' object has no attribute 'canary'"


def test_database_error_is_logged_without_the_row(lines: Any):
    class Duplicate(psycopg.errors.UniqueViolation):
        """A database error with PostgreSQL's message."""

    orig = Duplicate("Key (email)=(canary@example.org) already exists.")
    wrapped = IntegrityError("INSERT INTO users ...", {"email": "canary@example.org"}, orig)
    wrapped.__cause__ = orig
    structlog.get_logger().error("crashed", exc_info=wrapped)
    (line,) = lines()
    assert "canary" not in str(line)
    assert "Duplicate: sqlstate 23505" in line["crash"]
    assert "IntegrityError: sqlstate 23505" in line["crash"]


def test_events_below_the_level_are_not_logged(lines: Any):
    structlog.get_logger().debug("detail")
    logging.getLogger("a.library").debug("detail")
    assert lines() == []
