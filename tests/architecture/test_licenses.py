"""Licenses: those of the packages that an installation gets, and of the code in the built console."""

import json
import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

import pytest

from tests.support.environment import ROOT

ALLOWED: Final = re.compile(r"MIT|MIT-0|BSD|ISC|Apache|PSF|Python Software Foundation|Unlicense|MPL|Mozilla")
# A package may need another license, or name none in its metadata. The reason stands here.
EXCEPTIONS: Final = {
    "psycopg": "LGPL-3.0: a package of its own, which a user can replace",
    "psycopg-binary": "LGPL-3.0: as psycopg",
    "imapclient": "BSD-3-Clause, says its file LICENSE; its metadata has none",
}
LOCKED: Final = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)


@pytest.mark.parametrize("package", LOCKED)
def test_license_of_each_installed_package_is_allowed(package: str):
    try:
        about = metadata(package)
    except PackageNotFoundError:
        pytest.skip("the lock names it for other platforms or versions of Python")
    classifiers = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier", []) if one.startswith("License")]
    named = about["License-Expression"] or "; ".join(classifiers) or about["License"] or ""
    parts = [part for part in re.split(r" AND | OR |; |[()]", named) if part.strip() and part != "OSI Approved"]
    is_allowed = bool(parts) and all(ALLOWED.search(part) and "GPL" not in part for part in parts)
    assert is_allowed or package in EXCEPTIONS, f"{package}: {named or 'no license in its metadata'}"


def test_build_of_the_console_has_the_license_of_each_package():
    console = ROOT / "console"
    texts = (ROOT / "app/api/console/static/licenses.md").read_text()
    needed = json.loads((console / "package.json").read_text())["dependencies"]
    assert [name for name in needed if f"## {name} - {needed[name]} " not in texts] == []


def test_project_has_its_license():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert metadata("relance")["License-Expression"] == "Apache-2.0"
