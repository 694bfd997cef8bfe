"""Imports: workers load no library of the web process, and the console's modules have no circles."""

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.environment import ROOT

CONSOLE = ROOT / "console" / "src"
CONSOLE_IMPORT = re.compile(r"""(?:from|import)\s*\(?["'](\.[^"']*)["']""")
WEB_ONLY = (  # each costs memory and time in every worker
    "opentelemetry.exporter",  # traces are off
    "flask",
    "werkzeug",
    "marshmallow",
    "webargs",
    "flask_smorest",
    "jwt",
    "xlsxwriter",
    "python_calamine",
    "app.api",
)


@pytest.fixture(scope="module")
def modules_of_workers() -> set[str]:
    """Return the names of all modules that `import workers.app` loads, in a separate process."""
    program = "import sys, workers.app; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", WEB_ONLY)
def test_workers_do_not_load(modules_of_workers: set[str], name: str):
    assert name not in modules_of_workers


def test_modules_of_the_console_import_each_other_in_one_direction_only():
    sorter = TopologicalSorter({file: console_imports(file) for file in CONSOLE.rglob("*.ts*")})
    sorter.prepare()  # raises CycleError with the circle


def console_imports(file: Path) -> set[Path]:
    """Return the modules of the console that this one imports, types included."""
    named = [(file.parent / name).resolve() for name in CONSOLE_IMPORT.findall(file.read_text())]
    return {
        found
        for path in named
        for found in (path.with_name(f"{path.name}{ending}") for ending in (".ts", ".tsx"))
        if found.is_file()
    }
