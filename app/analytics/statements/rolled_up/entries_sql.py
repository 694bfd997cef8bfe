"""SQL statements that count entries into stages by day and month, and those that are read live.

An entry is a change of stage, or the creation of the lead in its first stage (see `entries_into`). It has a previous
one if the lead entered the same stage before. So a lead counts once in a period: by the entry whose previous one, if
any, was before the period. Entries of deleted leads do not count.
"""

from typing import Final

from sqlalchemy import text

from app.leads.timeline.models import IS_STAGE_CHANGE

# The table `entry` (place of its range, stage, at, previous) of the entries within ranges that are in order.
# OFFSET 0 makes PostgreSQL look up the entries of each range and stage in its index, then each lead and its changes,
# instead of reading those of all leads.
_ENTRIES: Final = f"""
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:first_ids AS uuid[]),
        CAST(:end_ids AS uuid[])) WITH ORDINALITY AS range(starts_at, ends_at, first_id, end_id, place)
), known_stage AS (
    SELECT min(new_stage) AS stage FROM lead_activities WHERE clinic_id = :clinic AND {IS_STAGE_CHANGE}
    UNION ALL
    SELECT (SELECT min(new_stage) FROM lead_activities
        WHERE clinic_id = :clinic AND {IS_STAGE_CHANGE} AND new_stage > known_stage.stage)
    FROM known_stage WHERE known_stage.stage IS NOT NULL
), entered AS MATERIALIZED (
    SELECT found.lead_id FROM wanted CROSS JOIN known_stage CROSS JOIN LATERAL (
        SELECT lead_id FROM lead_activities WHERE clinic_id = :clinic AND {IS_STAGE_CHANGE}
            AND new_stage = known_stage.stage AND occurred_at >= wanted.starts_at AND occurred_at < wanted.ends_at
        OFFSET 0) AS found
    UNION
    SELECT l.id FROM wanted JOIN leads l ON l.clinic_id = :clinic AND l.deleted_at IS NULL
        AND l.created_at >= wanted.starts_at AND l.created_at < wanted.ends_at
        AND l.id >= wanted.first_id AND l.id < wanted.end_id
), lead AS MATERIALIZED (
    SELECT found.* FROM entered CROSS JOIN LATERAL (
        SELECT id, coalesce(past_stages[1], pipeline_stage) AS first_stage, created_at FROM leads
        WHERE id = entered.lead_id AND clinic_id = :clinic AND deleted_at IS NULL OFFSET 0
        ) AS found
), entry AS (
    SELECT wanted.place, ordered.stage, ordered.at, ordered.previous FROM (
        SELECT stage, at, lag(at) OVER (PARTITION BY lead_id, stage ORDER BY at) AS previous FROM (
            SELECT id AS lead_id, first_stage AS stage, created_at AS at FROM lead
            UNION ALL
            SELECT lead.id, change.new_stage, change.occurred_at FROM lead CROSS JOIN LATERAL (
                SELECT new_stage, occurred_at FROM lead_activities
                WHERE lead_id = lead.id AND {IS_STAGE_CHANGE} OFFSET 0
                ) AS change
        ) AS of_leads
    ) AS ordered JOIN wanted ON wanted.place = width_bucket(ordered.at, CAST(:starts AS timestamptz[]))
        AND ordered.at < wanted.ends_at
)"""  # noqa: S608  (a constant)

FORGET_ENTRIES: Final = text("DELETE FROM lead_rollup_entries WHERE span_id = ANY(CAST(:ids AS bigint[]))")
ADD_ENTRIES: Final = text(f"""{_ENTRIES}
INSERT INTO lead_rollup_entries (clinic_id, span_id, stage, firsts, previous)
SELECT :clinic, span.id, entry.stage, count(*) FILTER (WHERE previous IS NULL),
    coalesce(array_agg(previous ORDER BY previous) FILTER (WHERE previous IS NOT NULL), '{{}}')
FROM entry JOIN wanted USING (place)
    JOIN lead_rollup_spans span ON span.starts_at = wanted.starts_at AND span.id = ANY(CAST(:ids AS bigint[]))
WHERE entry.stage IS NOT NULL
GROUP BY span.id, entry.stage ORDER BY span.id, entry.stage
""")  # noqa: S608  (constants)
# From those of the days.
ADD_MONTH_ENTRIES: Final = text("""
WITH day AS MATERIALIZED (
    SELECT m.id AS month_id, e.stage, e.firsts, e.previous FROM lead_rollup_spans m
        JOIN lead_rollup_spans d ON d.clinic_id = :clinic AND NOT d.is_month
            AND d.starts_at >= m.starts_at AND d.ends_at <= m.ends_at
        JOIN lead_rollup_entries e ON e.span_id = d.id
    WHERE m.id = ANY(CAST(:ids AS bigint[]))
), again AS (
    SELECT month_id, stage, array_agg(at ORDER BY at) AS previous
    FROM day CROSS JOIN LATERAL unnest(day.previous) AS at GROUP BY month_id, stage
)
INSERT INTO lead_rollup_entries (clinic_id, span_id, stage, firsts, previous)
SELECT :clinic, month_id, stage, sum(day.firsts), coalesce(again.previous, '{}')
FROM day LEFT JOIN again USING (month_id, stage) GROUP BY month_id, stage, again.previous ORDER BY month_id, stage
""")

# Leads by stage and bucket: that count in the bucket, and in the whole period. `previous` is in order.
COUNT_ROLLED_UP: Final = text("""
SELECT e.stage, span.bucket, sum(e.firsts + width_bucket(span.before, e.previous)),
    sum(e.firsts + width_bucket(CAST(:before_all AS timestamptz), e.previous))
FROM unnest(CAST(:ids AS bigint[]), CAST(:buckets AS integer[]), CAST(:before AS timestamptz[]))
        AS span(id, bucket, before)
    JOIN lead_rollup_entries e ON e.span_id = span.id
WHERE e.stage = ANY(CAST(:stages AS text[]))
GROUP BY e.stage, span.bucket
""")
COUNT_LIVE: Final = text(f"""{_ENTRIES}
SELECT stage, bucket,
    count(*) FILTER (WHERE previous IS NULL OR previous < (CAST(:edges AS timestamptz[]))[bucket + 1]),
    count(*) FILTER (WHERE previous IS NULL OR previous < CAST(:since AS timestamptz))
FROM (SELECT *, width_bucket(at, CAST(:edges AS timestamptz[])) - 1 AS bucket FROM entry) AS placed
WHERE stage = ANY(CAST(:stages AS text[]))
GROUP BY stage, bucket
""")  # noqa: S608  (constants)
