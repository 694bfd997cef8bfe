"""Which test files `make test` leaves to `make test-all`."""

from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.order import EXTENDED, is_extended

FILES = sorted(ROOT.glob("tests/*/test_*.py"))


@pytest.mark.parametrize("pattern", [pattern for patterns in EXTENDED.values() for pattern in patterns])
def test_each_pattern_names_files(pattern: str):
    assert any(path.match(f"tests/{pattern}") for path in FILES)


def test_files_of_both_runs():
    assert is_extended(ROOT / "tests/end_to_end/test_chaos_mail.py")
    assert not is_extended(ROOT / "tests/end_to_end/test_processes.py")
    left = [path for path in FILES if is_extended(path)]
    assert len(left) < len(FILES) / 6
    assert not [path for path in left if path.parent == Path(ROOT, "tests/unit")]
