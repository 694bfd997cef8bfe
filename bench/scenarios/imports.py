"""Imports: rows per second of a lead file."""

from collections.abc import Sequence

from bench.bulk_methods import BULK, WEB
from bench.figures import Row
from bench.import_methods import RATE, by_copy, by_relance
from bench.servers import Servers
from bench.sizes import on_memory, run_sizes

TITLE = "Import: a file of leads"
METHOD = """A CSV file of leads is sent to `POST /api/imports` and started, with `on_duplicate=skip`. Every row is
parsed, validated, compared with existing leads, and becomes a lead with a coordinator, a first touch and a history.
The time runs from the upload until the job is done, **uploaded** until the rows are stored. Web and workers run as in
the Procfile. The bare COPY shows the time of one connection that inserts the same leads into the same table, with its
indexes and foreign keys, in one transaction."""

SIZES, QUICK_SIZES = (10_000, 100_000), (1_000,)
VARIANTS = {"Relance": by_relance, "bare COPY": by_copy}


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    return run_sizes(servers, QUICK_SIZES if quick else SIZES, VARIANTS, runs=runs, only=only)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Compare the rate with COPY, and the memory of the larger file with the smaller."""
    ours, bare = [one for one in rows if WEB in one.figures], [one for one in rows if WEB not in one.figures]
    rates = [
        f"{one.name}: {rate:,.0f} rows/s, {rate / copied:.1%} of a bare COPY."
        for one, other in zip(ours, bare, strict=False)
        for rate, copied in [(one.figures[RATE].median, other.figures[RATE].median)]
    ]
    return [*rates, *on_memory(ours, (WEB, BULK))]
