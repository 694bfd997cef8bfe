"""Stored scores: kept up to date after events, and their changes fire rules once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.automation.lead_view.why import why
from app.clock import now
from app.core.db import first_id_at, transaction
from app.leads.changes import apply_amendment
from app.leads.models import Lead
from app.leads.scoring.service import set_score_settings
from tests.support.practice import Practice, Watch, sql
from workers.sweeps.run import sweep

HOT = """
name: hot
rules:
  - name: call-hot-leads
    on: lead.scored
    when:
      - {field: event.score, greater_than: 40}
      - {field: event.score_change, greater_than: 20}
    do: [{create_task: {title: Call now, type: CALL, due: {after: 1 hour}}}]
"""
SET = """
name: set
rules:
  - name: set-score
    on: lead.contacted
    do: [{update_lead: {score: 70}}]
"""
SPOKEN = {"name": "spoken", "words": "Met", "points": 15, "when": [{"field": "lead.contacted_at", "exists": True}]}
WEIGHTS = [
    {"name": "replied", "words": "Has replied", "points": 35, "when": [{"field": "lead.replied_at", "exists": True}]}
]


@pytest.fixture
def hot(open_practice: Callable[..., Practice]) -> Practice:
    """A clinic with a rule for promising leads."""
    practice = open_practice(playbook=HOT)
    settle(practice)
    return practice


def settle(practice: Practice, **given: Any) -> None:
    with transaction() as session:
        data = {"model": "rules", "base": 10, "weights": WEIGHTS}
        set_score_settings(session, practice.actor(), {**data, **given})


def amend(practice: Practice, lead: UUID, **amendment: int) -> None:
    """Change the lead as a rule does."""
    with transaction() as session:
        row = session.get_one(Lead, lead)
        apply_amendment(session, practice.actor(), row, amendment)


def fired(practice: Practice) -> int:
    """Return how many times `lead.scored` happened."""
    return len(practice.rows("events", name="lead.scored"))


def scores(practice: Practice) -> list[int | None]:
    return [lead.score for lead in practice.rows("leads")]


def planned(practice: Practice) -> int:
    return len(practice.rows("steps", kind="create_task"))


def after_a_minute(watch: Watch) -> None:
    watch.advance(minutes=1)
    sweep("score_changed_leads")


def test_reply_raises_the_score_within_a_minute_and_fires_the_rule_once(hot: Practice, watch: Watch):
    lead = hot.capture()
    after_a_minute(watch)
    assert (scores(hot), planned(hot)) == ([10], 0)

    hot.hear_from(lead)
    after_a_minute(watch)
    after_a_minute(watch)
    assert (scores(hot), planned(hot)) == ([45], 1)
    stories = story(hot, lead)
    assert any("call-hot-leads" in sentence for sentence in stories)


def story(practice: Practice, lead: UUID) -> list[str]:
    """Return what `/why` says about the changes of the score."""
    with transaction() as session:
        found = why(session, practice.actor(), lead, {"limit": 50})
        return [str(one) for one in found.items if "lead.scored" in str(one)]


def test_new_table_fires_no_rule(hot: Practice, watch: Watch):
    hot.capture()
    after_a_minute(watch)
    settle(hot, base=60)
    sweep("rescore_leads")
    assert (scores(hot), planned(hot)) == ([60], 0)


def test_new_lead_has_its_score_at_once_and_fires_the_rule_within_a_minute(hot: Practice, watch: Watch):
    settle(hot, base=60)
    hot.capture()
    assert (scores(hot), planned(hot)) == ([60], 0)
    after_a_minute(watch)
    after_a_minute(watch)
    sweep("rescore_leads")
    assert (scores(hot), planned(hot)) == ([60], 1)


def as_before_stored_scores(practice: Practice, score: int | None) -> None:
    """Make the leads those of a release that stored no scores; `score` was given by a person or a rule."""
    sql("DELETE FROM lead_scores WHERE clinic_id = :id", id=practice.clinic_id)
    sql("UPDATE leads SET score = :score WHERE clinic_id = :id", id=practice.clinic_id, score=score)
    sql("DELETE FROM sweep_runs WHERE name = 'rescore_leads: position'")


@pytest.mark.parametrize(("given", "wanted"), [(None, 60), (0, 60), (25, 85), (90, 100)])
def test_first_scores_of_older_leads_keep_given_points_and_fire_no_rule(
    hot: Practice, watch: Watch, given: int | None, wanted: int
):
    settle(hot, base=60)
    hot.capture()
    closed = hot.capture()
    hot.lose(closed)
    watch.advance(minutes=5)
    as_before_stored_scores(hot, given)
    sweep("rescore_leads")
    sweep("rescore_leads")
    assert (scores(hot), planned(hot)) == ([wanted, wanted], 0)
    [one, _] = hot.rows("lead_scores", by="lead_id")
    assert one.adjustment == (given or 0)


def test_many_older_leads_are_scored_in_one_run_in_short_batches(
    hot: Practice, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("workers.sweeps.scores.BATCH_OF_OLDER", 2)
    for _ in range(5):
        hot.capture()
    as_before_stored_scores(hot, None)
    sweep("rescore_leads")
    assert scores(hot) == [10] * 5


def test_points_of_a_rule_stay(hot: Practice, watch: Watch):
    lead = hot.capture()
    after_a_minute(watch)
    amend(hot, lead, add_score=5)
    hot.hear_from(lead)
    after_a_minute(watch)
    assert scores(hot) == [50]


def test_points_of_the_first_minute_stay(hot: Practice, watch: Watch):
    lead = hot.capture()
    amend(hot, lead, add_score=5)
    hot.hear_from(lead)
    after_a_minute(watch)
    assert (scores(hot), planned(hot)) == ([50], 1)
    changes = hot.rows("lead_score_changes")
    assert [(one.previous_score, one.score) for one in changes] == [(None, 10), (10, 15), (15, 50)]
    assert fired(hot) == 3


def test_points_of_a_rule_do_not_hide_events_just_before(hot: Practice, watch: Watch):
    lead = hot.capture()
    hot.hear_from(lead)
    amend(hot, lead, add_score=5)
    assert scores(hot) == [15]
    after_a_minute(watch)
    assert scores(hot) == [50]


@pytest.mark.parametrize(("points", "wanted"), [(20, 100), (-20, 80)])
def test_points_beyond_the_limit_do_not_count(hot: Practice, watch: Watch, points: int, wanted: int):
    settle(hot, base=100, weights=[{**WEIGHTS[0], "points": -10}])
    lead = hot.capture()
    amend(hot, lead, add_score=points)
    assert scores(hot) == [wanted]
    hot.hear_from(lead)
    after_a_minute(watch)
    assert scores(hot) == [wanted - 10]


def test_score_that_a_rule_sets_is_the_score_until_the_next_event(open_practice: Callable[..., Practice], watch: Watch):
    practice = open_practice(playbook=SET)
    settle(practice, weights=[*WEIGHTS, SPOKEN])
    lead = practice.capture()
    practice.speak_with(lead)
    practice.run_due()
    assert scores(practice) == [70]
    for _ in range(2):
        after_a_minute(watch)
        sweep("rescore_leads")
    assert scores(practice) == [70]
    practice.hear_from(lead)
    after_a_minute(watch)
    assert scores(practice) == [100]


def test_score_that_a_process_of_an_earlier_release_sets_stays(hot: Practice, watch: Watch):
    lead = hot.capture()
    after_a_minute(watch)
    sql("UPDATE leads SET score = 30 WHERE id = :id", id=lead)
    after_a_minute(watch)
    sweep("rescore_leads")
    assert scores(hot) == [30]


def test_closed_leads_without_a_score_get_one_by_the_scan(hot: Practice, watch: Watch):
    lead = hot.capture()
    hot.lose(lead)
    after_a_minute(watch)
    before = fired(hot)
    sql("UPDATE leads SET score = NULL WHERE id = :id", id=lead)
    sql("DELETE FROM sweep_runs WHERE name = 'rescore_leads: position'")
    sweep("rescore_leads")
    assert (scores(hot), fired(hot)) == ([10], before)


def test_score_that_a_person_lowers_from_the_limit_stays(hot: Practice, watch: Watch):
    settle(hot, base=100, weights=[{**WEIGHTS[0], "when": [{"field": "lead.has_phone", "equals": True}]}])
    lead = hot.capture()
    after_a_minute(watch)
    amend(hot, lead, score=90)
    sweep("rescore_leads")
    assert scores(hot) == [90]


def test_time_alone_changes_scores_by_the_scan(hot: Practice, watch: Watch):
    quiet = {"field": "lead.last_activity_at", "days_since": 30}
    settle(hot, weights=[{"name": "silent", "words": "Quiet", "points": -5, "when": [quiet]}])
    hot.capture()
    after_a_minute(watch)
    watch.advance(days=31)
    sweep("rescore_leads")
    assert scores(hot) == [5]


def test_history_of_scores_is_kept_for_two_years(hot: Practice, watch: Watch):
    lead = hot.capture()
    after_a_minute(watch)
    hot.hear_from(lead)
    after_a_minute(watch)
    for score, days in ((10, 731), (45, 729)):  # ids begin with the time of their creation
        old = first_id_at(now() - timedelta(days))
        sql("UPDATE lead_score_changes SET id = :id WHERE score = :score", id=old, score=score)
    assert (sweep("forget_old_scores"), sweep("forget_old_scores")) == (1, 0)
    assert [row.score for row in hot.rows("lead_score_changes")] == [45]
    assert scores(hot) == [45]
