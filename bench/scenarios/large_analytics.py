"""Analytics, large: response times of the reports of a clinic with ten times the leads."""

from collections.abc import Sequence

from bench.figures import Row
from bench.scenarios.analytics import compare, read_reports
from bench.servers import Servers

TITLE = "Analytics, large: reports of a clinic with 1,000,000 leads"
METHOD = """As in analytics, with ten times the leads."""

TARGET_P95_MS = 300.0


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    leads, count = (20_000, 10) if quick else (1_000_000, 40)
    return read_reports(servers, leads=leads, requests_of_each=count, runs=runs, only=only)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare each report with the target."""
    return compare(rows, TARGET_P95_MS)
