"""Write the table of docs/capacity.md: what a core carries, from the stored results."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.figures import readable

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "capacity.md"
CORES: Final = 2  # of the measured machine
SHARE: Final = 0.6  # of what was measured; the rest is for peaks
BEGIN, END = "<!-- capacity: written by python -m bench -->", "<!-- /capacity -->"


class Work(NamedTuple):
    """A kind of work, and where its rate is in the results."""

    title: str
    scenario: str
    row: str
    figure: str


WORK: Final = (
    Work("leads captured (`POST /api/leads`)", "capture", "Relance, POST /api/leads", "requests/s"),
    Work("due steps of a backlog", "drain", "Relance", "jobs/s"),
    Work("enrollments advanced one step", "enrollments", "enrollments advanced one step", "jobs/s"),
    Work("webhook calls", "webhooks", "backlog", "deliveries/s"),
    Work("mails read from mailboxes", "inbound", "all mails at once", "mails/s"),
    Work("rows of an import", "imports", "100,000, Relance", "rows/s"),
)


def write() -> None:
    """Update the table between the document's markers."""
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}")


def table() -> str:
    """Return the table in Markdown."""
    titles = ("work", "measured (per second, 2 cores)", "plan with (per second and core)", "measured on")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *_lines()))


def _lines() -> Iterator[tuple[str, ...]]:
    for work in WORK:
        result = json.loads((ROOT / "bench" / "results" / f"{work.scenario}.json").read_text())
        [row] = [row for row in result["rows"] if row["name"] == work.row]
        rate = median(row["figures"][work.figure])
        yield work.title, readable(rate), readable(rate / CORES * SHARE), result["measured_at"][:10]


if __name__ == "__main__":
    write()
