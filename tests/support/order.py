"""The order of test files: the longest first, and those that mostly wait beside those that compute.

xdist gives files out in this order. The end-to-end files alternate with others, so that neither all processes wait
at the same time, nor the longest files begin last. One process runs all tests of a file, which share its fixtures. The
longest file is split in two: on one process it would take longer than everything else takes on the others.

Each process collects all files. They begin with different folders: the first to reach a file compiles it for all.
"""

import gc
import json
import os
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from zlib import crc32

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.near import DURATIONS

LONGEST = (
    "tests/api/test_envelope_fuzz.py",
    "tests/workers/test_simulation_matches_workers.py",
    "tests/end_to_end/test_serve.py",
    "tests/at_scale/test_plans_use_indexes.py",
)
FOLDERS = ("at_scale", "end_to_end", "console", "service", "workers", "api", "architecture", "unit")
SPLIT = LONGEST[0]
# What `make test` leaves to `make test-all`, by its nature. Both have all other files.
EXTENDED: Mapping[str, Sequence[str]] = {
    "random requests": ("api/test_envelope_fuzz.py", "api/test_stateful_api.py"),
    "volumes": ("at_scale/*", "service/test_seed_history.py", "service/test_demo_clinic.py"),
    "figures against an independent computation": (
        *("service/test_analytics.py", "service/test_rollups.py", "service/test_stage_*.py"),
        "workers/test_simulation_matches_workers.py",
    ),
    "faults": (
        *("end_to_end/test_chaos_*.py", "end_to_end/test_web_restarts.py", "end_to_end/test_embedded_servers.py"),
        *("end_to_end/test_key_rotation.py", "service/test_server_watch.py", "workers/test_channel_outages.py"),
    ),
    "whole installations": (
        *("end_to_end/test_each_command.py", "end_to_end/test_installation_paths.py", "end_to_end/test_serve.py"),
        *("end_to_end/test_containers.py", "end_to_end/test_restore.py", "end_to_end/test_reverse_proxies.py"),
        *("end_to_end/test_generated_client.py", "end_to_end/test_traces.py", "end_to_end/test_pooler.py"),
        *("service/test_serve_refusals.py", "service/test_supervisor.py", "service/test_forked_parts.py"),
        *("service/test_backup.py", "service/test_openapi_file.py"),
    ),
    "all pages of the console": (
        *("console/test_console_settings.py", "console/test_console_repairs.py", "console/test_console_pages.py"),
        *("console/test_console_numbers.py", "console/test_console_automation.py", "console/test_console_reports.py"),
        *("console/test_console_interruptions.py", "console/test_printed_reports.py"),
    ),
}
PARTS = 2
WAITING = "tests/end_to_end/"
OTHERS_BETWEEN = 10
_SECONDS: Counter[str] = Counter()  # of each test file, in the process that gives files out


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--daily", action="store_true", help="leave out the files of `EXTENDED`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files that only `make test-all` runs."""
    return True if config.getoption("--daily") and is_extended(collection_path) else None


def is_extended(path: Path) -> bool:
    """Return whether only `make test-all` runs this file."""
    return any(path.match(f"tests/{pattern}") for patterns in EXTENDED.values() for pattern in patterns)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without garbage collection: modules and tests live as long as the process, and are excluded from it."""
    _rotate_folders(session.config.args)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _rotate_folders(args: list[str]) -> None:
    """Rotate the folders by the number of this process."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    begin = process * len(args) // processes
    if not any("::" in arg for arg in args):  # tests of one file stay in the order given
        args[:] = args[begin:] + args[:begin]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and the files that wait between the others. Every process has the same order."""
    by_file = groupby(sorted(items, key=lambda item: _rank(_file(item))), _file)
    files = [(path, list(tests)) for path, tests in by_file]
    longest = [tests for path, tests in files if path in LONGEST]
    waiting = [tests for path, tests in files if path.startswith(WAITING)]
    others = [tests for path, tests in files if path not in LONGEST and not path.startswith(WAITING)]
    items[:] = [item for tests in (*longest, *_in_turns(waiting, others)) for item in tests]


class FilesAndParts(LoadFileScheduling):
    """Assign whole files to processes, and the parts of the file that is split."""

    def _split_scope(self, nodeid: str) -> str:
        path = super()._split_scope(nodeid)
        return f"{path}#{crc32(nodeid.encode()) % PARTS}" if path == SPLIT else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndParts | None:
    return FilesAndParts(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add the duration of a test to that of its file."""
    _SECONDS[report.nodeid.partition("::")[0]] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the durations of files for `make near`."""
    if not hasattr(session.config, "workerinput") and _SECONDS:
        known = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
        DURATIONS.parent.mkdir(exist_ok=True)
        DURATIONS.write_text(json.dumps({**known, **{path: round(sum_, 1) for path, sum_ in _SECONDS.items()}}))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _rank(path: str) -> tuple[int, int, str]:
    """Return the position of a file: by the longest files, then by folder and name."""
    folder = path.removeprefix("tests/").partition("/")[0]
    return (
        LONGEST.index(path) if path in LONGEST else len(LONGEST),
        FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS),
        path,
    )


def _in_turns(waiting: Iterable[list[pytest.Item]], others: list[list[pytest.Item]]) -> Iterator[list[pytest.Item]]:
    rest = iter(others)
    for tests in waiting:
        yield tests
        yield from islice(rest, OTHERS_BETWEEN)
    yield from rest
