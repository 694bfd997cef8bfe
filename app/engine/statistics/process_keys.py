"""Report of the keys that a running process has, as fingerprints: they tell keys apart, and reveal none.

Processes of the API and of `inbound` report in `counters`, which they write every few seconds. Workers answer a
command.
"""

from typing import Final

from app.engine.statistics.metrics_store import series_key
from app.security.key_fingerprints import data_keys

REPORT: Final = "process_keys"  # name of the series, and of the workers' command


def own_keys(part: str) -> tuple[str, str]:
    """Return the series with the keys of this process. Its value is 1 while the process runs."""
    return series_key(REPORT, part=part, keys=",".join(data_keys().values()))
