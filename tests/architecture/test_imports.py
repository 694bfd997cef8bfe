"""Workers start without the libraries of the web process: each costs memory and time in every worker."""

import subprocess
import sys

import pytest

from tests.support.environment import ROOT

WEB_ONLY = (
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
