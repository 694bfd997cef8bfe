"""Learned scores: planted truths are found, well calibrated, from facts as they were known at the time."""

import random
from collections.abc import Callable
from datetime import timedelta
from math import fsum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.analytics.training.logistic import PENALTY, fit
from app.analytics.training.quality import area_under_curve, calibration_error
from app.analytics.training.train import train
from app.clock import now
from app.core.db import insert_many, new_id, transaction
from app.leads.attribution.models import LeadSource
from app.leads.models import Lead
from app.leads.scoring.learned import sigmoid, weigh_learned
from app.leads.scoring.models import LearnedModel
from app.leads.scoring.service import get_score_settings, score_lead, set_score_settings
from app.leads.timeline.models import Activity
from tests.support.practice import Practice
from workers.sweeps.run import sweep

DAY = timedelta(days=1)


def plant(practice: Practice, leads: int, *, leak: bool = False) -> UUID:
    """Insert closed leads of a year. Leads of a good source, and those that reply early, convert more often.

    With `leak`, only converted leads get a value, a tag and messages after their first weeks. Returns the good source.
    """
    chance, template = random.Random(7), practice.row("leads")
    columns = [column.name for column in Lead.__table__.columns if column.computed is None]
    good = new_id()
    rows, entries = [], []
    for number in range(leads):
        created = now() - timedelta(days=400) + number * timedelta(days=300) / leads
        is_good, replies = chance.random() < 0.3, chance.random() < 0.4
        is_converted = chance.random() < (0.08 + 0.3 * is_good + 0.4 * replies)
        closed = created + timedelta(days=10 + chance.random() * 40)
        lead_id = new_id()
        row = {name: getattr(template, name) for name in columns}
        row |= {"id": lead_id, "created_at": created, "source_id": good if is_good else practice.source_id}
        row |= {"first_touch_source_id": None, "external_id": None, "sealed": None}
        row |= {"status": "CONVERTED" if is_converted else "LOST", "converted_at": closed if is_converted else None}
        row |= {"lost_at": None if is_converted else closed, "lost_reason": None if is_converted else "OTHER"}
        if leak and is_converted:
            row |= {"lead_value": 5000, "tags": ["patient"]}
        rows.append(row)
        times = [created + DAY] if replies else []
        times += [closed, closed + DAY] if leak and is_converted else []
        entries += [entry(practice, lead_id, at) for at in times]
    with transaction() as session:
        source = {"id": good, "clinic_id": practice.clinic_id, "name": "Dr. Good", "category": "DOCTOR_REFERRAL"}
        insert_many(session, LeadSource, [source | {"is_active": True, "created_at": now(), "updated_at": now()}])
        for first in range(0, leads, 1000):
            insert_many(session, Lead, rows[first : first + 1000])
        insert_many(session, Activity, entries)
    return good


def entry(practice: Practice, lead_id: UUID, at: Any) -> dict[str, Any]:
    whose = {"id": new_id(), "clinic_id": practice.clinic_id, "lead_id": lead_id}
    what = {"type": "EMAIL", "direction": "INBOUND", "is_auto_reply": False}
    return {**whose, **what, "occurred_at": at, "created_at": at}


def change_leads(changes: str) -> None:
    """Run `UPDATE leads SET`, followed by the changes."""
    with transaction() as session:
        session.execute(text(f"UPDATE leads SET {changes}"))


def trained(practice: Practice) -> LearnedModel:
    with transaction() as session:
        train(session, practice.clinic_id)
    return practice.row("score_models")


def choose(practice: Practice) -> None:
    with transaction() as session:
        known = get_score_settings(session, practice.actor())
        set_score_settings(session, practice.actor(), {**known, "model": "learned"})


def test_planted_truths_are_found_and_explained(practice: Practice):
    open_lead = practice.capture()
    good = plant(practice, 4000)
    model = trained(practice)
    assert model.auc >= 0.75
    assert model.calibration_error < 0.05
    sources = model.weights["features"]["source"]
    assert sources[str(good)]["weight"] > 0.5
    assert sources[str(practice.source_id)]["weight"] < 0
    assert sources[str(good)]["words"] == "Source: Dr. Good"

    choose(practice)
    sweep("rescore_leads")
    before = shown(practice, open_lead)
    practice.hear_from(open_lead)
    sweep("rescore_leads")
    after = shown(practice, open_lead)
    assert (before["model"], after["value"] > before["value"] + 10) == ("learned", True)
    assert after["quality"].auc == model.auc
    for one in (before, after):
        assert abs(fsum(part["points"] for part in one["parts"]) - one["value"]) < 1e-9


def shown(practice: Practice, lead: UUID) -> dict[str, Any]:
    with transaction() as session:
        return score_lead(session, practice.actor(), lead)


def test_facts_that_became_known_later_are_not_used(practice: Practice):
    practice.capture()
    plant(practice, 3000, leak=True)
    leaking = trained(practice)
    assert 0.7 < leaking.auc < 0.9  # with the later messages, the outcome would be known: 1.0
    assert leaking.weights["features"].keys() == {
        *("source", "channel", "interest", "replies", "spoken", "attempts", "first_contact", "consultation", "age")
    }
    assert "several" not in leaking.weights["features"]["replies"]  # only the first one was known in time


def test_short_history_is_refused_in_words(practice: Practice):
    lead = practice.capture()
    plant(practice, 57)
    assert trained(practice).weights is None
    choose(practice)
    found = shown(practice, lead)
    assert found["quality"].words == "not enough history: 57 of 200 closed leads"
    assert found["model"] == "rules"


def test_history_without_losses_is_refused_in_words(practice: Practice):
    lead = practice.capture()
    plant(practice, 240)
    change_leads("status = 'CONVERTED', converted_at = lost_at, lost_at = NULL WHERE lost_at IS NOT NULL")
    assert trained(practice).weights is None
    assert shown(practice, lead)["quality"].words == "not enough history: no closed lead was lost"


def test_model_without_test_leads_says_so(practice: Practice):
    lead = practice.capture()
    plant(practice, 240)
    change_leads("converted_at = created_at + interval '2 days' WHERE converted_at IS NOT NULL")
    change_leads("lost_at = created_at + interval '2 days' WHERE lost_at IS NOT NULL")
    row = trained(practice)
    assert (row.tested_leads, row.auc, row.calibration_error) == (0, None, None)
    assert shown(practice, lead)["quality"].words == "learned from 240 closed leads, not tested on others"


def test_sweep_trains_each_clinic_once_a_day(practice: Practice, open_practice: Callable[..., Practice]):
    open_practice()
    assert sweep("train_scores") == 2
    assert sweep("train_scores") == 0


def test_weights_reproduce_the_shares_of_a_single_feature():
    seen = [({"a": "x"}, number < 300) for number in range(1000)] + [({"a": "y"}, n < 100) for n in range(1000)]
    found = fit(seen)
    assert found.weights["a", "x"] - found.weights["a", "y"] == pytest.approx(1.35, abs=0.05)


@pytest.mark.parametrize(
    ("lost", "converted", "features"), [(600, 30, "abcdef"), (1000, 100, "abc"), (10_000, 60, "a")]
)
def test_weights_are_right_where_facts_decide_the_outcome(lost: int, converted: int, features: str):
    """At the solution, the residuals of a bin sum to its penalty, and those of all bins to 0."""
    came, gone = (dict.fromkeys(features, value) for value in "xy")
    found = fit([(came, True)] * converted + [(gone, False)] * lost)
    missing = converted * (1 - sigmoid(found.intercept + sum(found.weights[one] for one in came.items())))
    surplus = lost * sigmoid(found.intercept + sum(found.weights[one] for one in gone.items()))
    assert missing == pytest.approx(surplus, rel=1e-6)
    assert found.weights["a", "x"] - found.weights["a", "y"] == pytest.approx((missing + surplus) / PENALTY, rel=1e-6)


def test_quality_measures():
    assert area_under_curve([(0.1, False), (0.9, True)]) == 1
    assert area_under_curve([(0.5, False), (0.5, True)]) == 0.5
    assert area_under_curve([(0.5, True)]) is None
    assert calibration_error([(0.5, n % 2 == 0) for n in range(1000)]) == pytest.approx(0)
    assert calibration_error([(0.9, False)] * 100) == pytest.approx(0.9)


WEIGHT = st.floats(-5, 5)


@given(st.floats(-4, 4), st.dictionaries(st.sampled_from("abcdef"), WEIGHT))
def test_parts_sum_to_the_probability(intercept: float, given_weights: dict[str, float]):
    features = {name: {"x": {"weight": weight, "words": name}} for name, weight in given_weights.items()}
    parts = [*weigh_learned({"intercept": intercept, "features": features}, dict.fromkeys(given_weights, "x"))]
    total = fsum(part.points for part in parts)
    assert 0 <= total <= 100
