"""`relance notifications retry` and `relance notifications resolve`."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.ops import cli
from tests.support.mail import about_to_be_delivered, note
from tests.support.practice import Practice, sql
from tests.support.smtp import SmtpServer


@pytest.fixture
def practice(practice: Practice, smtp: SmtpServer) -> Practice:
    return about_to_be_delivered(practice)


def relance(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli.relance, ["notifications", *arguments], input=typed)


def answer(*arguments: str) -> Any:
    done = relance(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def set_state(state: str) -> None:
    sql("UPDATE notifications SET state = :state WHERE channel = 'email' AND user_id IS NULL", state=state)


def test_resolve_shows_the_number_and_asks_first(practice: Practice):
    set_state("unknown")
    refused = relance("resolve", "--as", "sent", typed="n\n")
    assert refused.exit_code == 1
    assert "Resolve 1 notifications as sent?" in refused.stdout
    assert note(practice).state == "unknown"

    assert relance("resolve", "--as", "sent", typed="y\n").exit_code == 0
    assert (note(practice).state, note(practice).reason) == ("sent", "by_hand")


def test_json_without_yes_only_counts(practice: Practice):
    set_state("unknown")
    assert answer("resolve", "--as", "retry") == {"matching": 1, "resolved": 0}
    assert note(practice).state == "unknown"
    assert answer("resolve", "--as", "retry", "--yes") == {"matching": 1, "resolved": 1}
    assert note(practice).state == "pending"
    assert answer("resolve", "--as", "retry", "--yes") == {"matching": 0, "resolved": 0}


def test_filters_choose_the_notifications(practice: Practice):
    set_state("unknown")
    others = ["--rule", "no-such-rule"], ["--since", "2099-01-01"], ["--channel", "in_app"]
    for other in others:
        assert answer("resolve", "--as", "sent", "--yes", *other) == {"matching": 0, "resolved": 0}
    assert note(practice).state == "unknown"
    chosen = ["--rule", note(practice).series, "--since", "2026-01-01", "--channel", "email"]
    assert answer("resolve", "--as", "sent", "--yes", *chosen) == {"matching": 1, "resolved": 1}


def test_resolve_needs_a_decision(practice: Practice):
    refused = relance("resolve", "--yes")
    assert refused.exit_code == 2
    assert "--as" in refused.output


def test_retry_shows_the_number_and_asks_first(practice: Practice):
    set_state("failed")
    refused = relance("retry", "--failed", typed="n\n")
    assert refused.exit_code == 1
    assert "Send 1 notifications again?" in refused.stdout
    assert note(practice).state == "failed"

    assert answer("retry", "--failed") == {"matching": 1, "retried": 0}
    assert answer("retry", "--failed", "--rule", "no-such-rule", "--yes") == {"matching": 0, "retried": 0}
    assert answer("retry", "--failed", "--yes") == {"matching": 1, "retried": 1}
    assert note(practice).state == "pending"
