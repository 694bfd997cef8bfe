"""Many planned steps at once: copies of the step of one lead. Each creates one task."""

from typing import Any, Final

import psycopg

NAME: Final = "speed-to-lead"
SPREAD: Final = 4.0  # seconds between the first and the last due time

_COPY: Final = """
INSERT INTO steps SELECT (jsonb_populate_record(s, jsonb_build_object(
    'id', gen_random_uuid(), 'dedupe_key', NULL, 'state', 'planned', 'published_at', NULL, 'outcome', NULL,
    'attempts', 0, 'reason', NULL, 'finished_at', NULL, 'lease_until', NULL,
    'due_at', now() + make_interval(secs => %(seconds)s + %(spread)s * number / %(number)s),
    'cause', s.cause || jsonb_build_object('subject_id', gen_random_uuid())))).*
FROM (SELECT id FROM steps WHERE name = %(name)s AND state = 'done' LIMIT 1) AS one JOIN steps AS s USING (id),
    generate_series(1, %(number)s) AS number
"""


def plan_copies(owner: psycopg.Connection[Any], number: int, *, seconds: float) -> int:
    """Plan copies of a step that is done, due in so many seconds and later. Returns their number: 0 if none is done."""
    return owner.execute(_COPY, {"name": NAME, "number": number, "seconds": seconds, "spread": SPREAD}).rowcount
