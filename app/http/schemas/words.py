"""Other words that requests accept for a field: accepted word → key of the field. The API page has them as a table."""

from collections.abc import Mapping
from typing import Final

Words = Mapping[str, str]

NOTES: Final[Words] = {"completion_notes": "notes"}
FILTER: Final[Words] = {"filters": "filter"}
FILTERS: Final[Words] = {"filter": "filters"}
STAGE: Final[Words] = {"pipeline_stage": "stage"}
REASON: Final[Words] = {"lost_reason": "reason"}
STAGE_AND_REASON: Final[Words] = {**STAGE, **REASON}
SINCE: Final[Words] = {"from": "since", "to": "until"}
FROM: Final[Words] = {"since": "from", "until": "to"}
DUE: Final[Words] = {**STAGE, "due_from": "from", "due_to": "to"}
