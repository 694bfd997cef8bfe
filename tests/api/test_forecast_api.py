"""Forecast over the API: refusal with words, planted conversions, filters and permissions."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.analytics.forecast import stays
from app.identity.models import Role
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

FORECAST = "/api/leads/analytics/forecast"
PAST = """
INSERT INTO leads (id, clinic_id, status, pipeline_stage, past_stages, stage_entered_at, patient_first_name,
    patient_last_name, patient_relationship, first_name, last_name, preferred_contact, source_id, treatment_interest,
    assigned_to_id, failed_attempts, last_activity_at, created_at, updated_at, version, lead_value, converted_at,
    capture_channel, custom, tags, opted_out_channels)
SELECT gen_random_uuid(), clinic_id, CASE WHEN week < 39 THEN 'CONVERTED' ELSE 'ACTIVE' END,
    CASE WHEN week < 39 THEN 'treatment_started' ELSE 'new_lead' END, CASE WHEN week < 39 THEN '{new_lead}'::text[]
    ELSE '{}' END, at + interval '21 days', first_name, last_name, 'SELF', first_name, last_name, 'EMAIL', source_id,
    '{}', assigned_to_id, 0, at, at, at, 1, 1000, CASE WHEN week < 39 THEN at + interval '21 days' END, 'MANUAL', '{}',
    '{}', '{}'
FROM leads, LATERAL (SELECT week, (noon - interval '1 week' * (42 - week)) AT TIME ZONE zone AS at
    FROM generate_series(1, :weeks) AS week, generate_series(1, 5),
        (SELECT timezone AS zone, (now() AT TIME ZONE timezone)::date + time '12:00' AS noon FROM clinics) AS today
) AS planted WHERE leads.id = :lead
"""
CHANGES = """
INSERT INTO lead_activities (id, clinic_id, lead_id, type, previous_stage, new_stage, occurred_at, created_at,
    is_auto_reply)
SELECT gen_random_uuid(), clinic_id, id, 'STAGE_CHANGE', 'new_lead', 'treatment_started', converted_at, converted_at,
    false FROM leads WHERE converted_at IS NOT NULL
"""

# Six changes of stage each, at different weeks of the last three years, back and forth.
OLD = """
INSERT INTO lead_activities (id, clinic_id, lead_id, type, previous_stage, new_stage, occurred_at, created_at,
    is_auto_reply)
SELECT gen_random_uuid(), clinic_id, id, 'STAGE_CHANGE', (ARRAY['new_lead', 'contacted'])[1 + mod(n, 2)],
    (ARRAY['contacted', 'new_lead'])[1 + mod(n, 2)], at, at, false
FROM (SELECT leads.*, n, now() - interval '1 week' * (150 - 25 * n + 2 * row_number() OVER (PARTITION BY n)) AS at
    FROM leads, generate_series(0, 5) AS n WHERE status = 'ACTIVE') AS made
"""


def plant(desk: Desk, weeks: int) -> dict[str, Any]:
    """Plant five leads each week, of which all convert after three weeks."""
    lead = desk.capture(tags=["model"])
    desk.sql(PAST, weeks=weeks, lead=lead["id"])
    desk.sql(CHANGES)
    desk.sql("UPDATE leads SET stage_entered_at = created_at WHERE status = 'ACTIVE'")
    return lead


def test_a_forecast_follows_the_planted_history(desk: Desk):
    plant(desk, weeks=41)

    found = desk.admin.get(FORECAST).body

    assert found["is_possible"], found["words"]
    expected = [week["conversions"] for week in found["weeks"]]
    assert expected == pytest.approx([5] * 8, abs=1.2)
    assert sum(week["from_open"] for week in found["weeks"]) == pytest.approx(15, abs=2)
    for week in found["weeks"]:
        assert week["low"] <= 5 <= week["high"]
        assert week["value"] == pytest.approx(1000 * week["conversions"], rel=0.05)
    assert found["total"]["conversions"] == pytest.approx(sum(expected))
    assert found["backtest"]["coverage"] > 0.8
    assert found["backtest"]["error"] < 1.5
    assert found["history"]["conversions"] == len(listed(desk, found["history"]["drill"]))
    today = desk.sql("SELECT (now() AT TIME ZONE timezone)::date AS day FROM clinics LIMIT 1")[0].day
    assert (found["weeks"][0]["from"], found["weeks"][0]["to"]) == (str(today), str(today + timedelta(days=7)))


def test_changes_of_stages_before_the_oldest_age_make_no_difference(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    plant(desk, weeks=41)
    desk.sql("UPDATE leads SET created_at = now() - interval '180 weeks' WHERE status = 'ACTIVE'")
    desk.sql(OLD)

    found = desk.admin.get(FORECAST).body
    monkeypatch.setattr(stays, "OLDEST_AGE", 300)
    of_all = desk.admin.get(FORECAST).body

    assert sum(week["from_open"] for week in found["weeks"]) > 0
    for name in ("weeks", "total"):
        assert figures(found[name]) == pytest.approx(figures(of_all[name]))
    assert found["backtest"]["coverage"] == of_all["backtest"]["coverage"]


def figures(found: Any) -> list[float]:
    """Return all numbers, in order."""
    weeks = found if isinstance(found, list) else [found]
    return [value for week in weeks for value in week.values() if isinstance(value, float | int)]


def listed(desk: Desk, drill: str) -> list[Any]:
    url = urlsplit(drill)
    return desk.admin.every(url.path, **dict(parse_qsl(url.query)))


def test_short_history_is_refused_with_words(desk: Desk):
    nothing = desk.admin.get(FORECAST).body
    lead = plant(desk, weeks=41)
    few = desk.admin.get(FORECAST, tag="model").body

    assert (nothing["is_possible"], nothing["weeks"], nothing["total"]) == (False, [], None)
    assert nothing["words"] == "Not enough history: 0 of 26 weeks since the first lead."
    assert few["words"].startswith("Not enough history: 0 of 26 weeks"), lead
    desk.sql("UPDATE leads SET converted_at = NULL, status = 'ACTIVE' WHERE converted_at IS NOT NULL")
    assert desk.admin.get(FORECAST).body["words"] == "Not enough history: 0 of 30 conversions in the past year."


def test_a_forecast_needs_the_permission_and_counts_visible_leads(desk: Desk):
    plant(desk, weeks=41)
    other = desk.hire(Role.MARKETING_MANAGER)

    assert desk.front_desk.get(FORECAST).status == 403
    assert other.get(FORECAST).status == 200
    assert desk.admin.get(FORECAST, assigned_to_id=other.id).body["history"]["conversions"] == 0
    assert desk.admin.get(FORECAST, nonsense=1).status == 422
