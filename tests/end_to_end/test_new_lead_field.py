"""The recipe of CONTRIBUTING.md for fields of leads, followed to the letter in a copy of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Final

from tests.support.environment import ROOT

COPIED: Final = ("app", "workers", "migrations", "tests", "docs", "pyproject.toml", "alembic.ini", "beat_schedule.py")
BEGIN: Final = "FIELDS: Final = (\n"
USE: Final = "tests/support/use_of_new_fields.py"


def code_blocks() -> tuple[str, str]:
    """Return the declarations and the migration of the recipe."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a field to leads")[1].split("\n## ")[0]
    declarations, migration = map(dedent, re.findall(r"```python\n(.*?) *```", section, re.DOTALL))
    return declarations.removeprefix(BEGIN).removesuffix(")\n"), migration


def follow_recipe(copy: Path) -> None:
    """Declare the fields, and add the migration with the next number."""
    declarations, migration = code_blocks()
    file = copy / "app/leads/fields.py"
    assert BEGIN in file.read_text()
    file.write_text(file.read_text().replace(BEGIN, BEGIN + declarations))
    versions = copy / "migrations/versions"
    last = max(path.name[:4] for path in versions.glob("*.py"))
    following = f"{int(last) + 1:04}"
    (versions / f"{following}_occupation.py").write_text(migration.replace("NEXT", following).replace("LAST", last))


def test_declared_fields_work_everywhere(tmp_path: Path):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    follow_recipe(tmp_path)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RELANCE_", "PYTEST_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", USE],
        cwd=tmp_path,
        env={**own, "RELANCE_OPEN_HOME": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout
