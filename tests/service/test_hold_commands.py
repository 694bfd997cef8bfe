"""`relance hold`, `relance resume`, and the check of `relance doctor`."""

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.core.db import transaction
from app.engine.steps import holds
from app.ops import cli
from app.ops.doctor.checks import run_checks
from tests.support.mail import SEND, about_to_be_delivered, note
from tests.support.practice import TUESDAY, Practice, Watch
from tests.support.smtp import SmtpServer


@pytest.fixture
def practice(practice: Practice, smtp: SmtpServer) -> Practice:
    return about_to_be_delivered(practice)


def relance(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli.relance, arguments, input=typed)


def answer(*arguments: str) -> Any:
    done = relance(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def restored() -> None:
    with transaction() as session:
        holds.hold(session, "restored from a backup", backup_made_at=TUESDAY)


def test_a_hold_by_hand_is_reported_until_it_is_resumed(practice: Practice):
    assert answer("hold", "--because", "wrong template")["because"] == "wrong template"
    [check] = [check for check in run_checks() if check.name == "hold"]
    assert "wrong template" in check.found
    assert "relance resume" in check.advice

    assert answer("resume", "--yes")["resumed"]
    assert [check.is_fine for check in run_checks() if check.name == "hold"] == [True]
    assert answer("resume", "--yes") == {"held": False, "resumed": False}


def test_resume_shows_the_due_steps_and_asks_first(practice: Practice):
    restored()
    refused = relance("resume", typed="n\n")
    assert refused.exit_code == 1
    assert "deliver" in refused.stdout
    assert "may have been sent after the backup was made" in refused.stdout
    assert "--skip-messages-before" in refused.stdout
    assert practice.run(SEND) == 0

    assert relance("resume", typed="y\n").exit_code == 0
    assert practice.run(SEND) >= 1


def test_resume_with_json_only_reports_unless_it_is_confirmed(practice: Practice):
    restored()
    report = answer("resume")
    assert (report["resumed"], report["held"]) == (False, True)
    assert report["messages"]["due"] == report["messages"]["may_be_repeated"] >= 1
    assert practice.run(SEND) == 0


def test_resume_can_skip_messages_due_before_a_time(practice: Practice, smtp: SmtpServer, watch: Watch):
    restored()
    watch.advance(hours=1)
    skipped = answer("resume", "--yes", "--skip-messages-before", (TUESDAY + timedelta(minutes=1)).isoformat())
    assert skipped["messages"]["skipped"] >= 1
    practice.run(SEND)
    assert (smtp.received, note(practice).reason) == ([], "skipped_on_resume")


def test_a_time_in_the_future_is_refused(practice: Practice):
    restored()
    later = (TUESDAY + timedelta(days=1)).isoformat()
    assert relance("resume", "--yes", "--skip-messages-before", later).exit_code != 0
    assert practice.run(SEND) == 0
