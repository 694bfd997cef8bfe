"""Columns and error text that are stored for the outcome of a step."""

from datetime import UTC, datetime
from typing import get_args

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from app.engine.models import Reason, StepState
from app.engine.outcomes import Cancel, Done, Effects, Fail, Outcome, ResultUnknown, Retry, Skip, Snooze
from workers.error_text import describe_error
from workers.pipeline.outcome_recorder import LONGEST_ERROR, changes_of

AT = datetime(2026, 3, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "changes"),
    [
        (Done({"task_id": "1"}), {"state": StepState.DONE, "outcome": {"task_id": "1"}, "error": None}),
        (Done(), {"state": StepState.DONE, "outcome": {}, "error": None}),
        (
            Skip(Reason.TOO_LATE, {"late_seconds": 5}),
            {"state": StepState.SKIPPED, "reason": Reason.TOO_LATE, "outcome": {"late_seconds": 5}},
        ),
        (Cancel(Reason.LOST), {"state": StepState.CANCELLED, "reason": Reason.LOST}),
        (Snooze(AT, Reason.OUTSIDE_HOURS), {"due_at": AT, "reason": Reason.OUTSIDE_HOURS, "waits_for": None}),
        (
            Snooze(AT, Reason.NO_GATEWAY, waits_for="gateway"),
            {"due_at": AT, "reason": Reason.NO_GATEWAY, "waits_for": "gateway"},
        ),
        (Retry("421 later"), {"error": "421 later"}),
        (Fail("550 never"), {"state": StepState.FAILED, "error": "550 never"}),
        (ResultUnknown("no answer"), {"state": StepState.UNKNOWN, "error": "no answer"}),
    ],
)
def test_outcome_sets_its_columns(end: Outcome, changes: dict[str, object]):
    assert changes_of(end) == changes


def test_every_outcome_can_be_stored():
    ends = {kind for kind in get_args(Outcome) if changes_of.dispatch(kind) is not changes_of.dispatch(object)}

    assert ends == {*get_args(Outcome)}


def test_unknown_outcome_is_refused():
    with pytest.raises(TypeError):
        changes_of(Effects())  # type: ignore[arg-type]


@pytest.mark.parametrize("end", [Retry("x" * 5000), Fail("x" * 5000), ResultUnknown("x" * 5000)])
def test_error_text_is_cut_at_the_limit(end: Outcome):
    assert len(changes_of(end)["error"]) == LONGEST_ERROR


def test_error_text_contains_kind_and_message():
    assert (
        describe_error(LookupError("the clinic has no template 'hello'"))
        == "LookupError: the clinic has no template 'hello'"
    )
    assert describe_error(ValueError()) == "ValueError: "


def test_error_text_hides_the_row_of_a_database_error():
    refused = psycopg.errors.NotNullViolation(
        'null value in column "title" violates not-null constraint\n'
        "DETAIL:  Failing row contains (Canary, canary@example.org)."
    )
    error = IntegrityError("INSERT INTO t VALUES (%(name)s)", {"name": "Canary"}, refused)

    assert describe_error(error) == "NotNullViolation: the database refused the statement"


def test_error_text_hides_the_parameters_of_a_statement():
    error = StatementError("not a uuid", "SELECT :id", {"id": "canary"}, ValueError("badly formed: canary"))

    assert describe_error(error) == "ValueError"


def test_error_text_can_always_be_stored():
    assert describe_error(ValueError("a\0b \ud800 c")).encode()
    assert "\0" not in describe_error(ValueError("a\0b"))
