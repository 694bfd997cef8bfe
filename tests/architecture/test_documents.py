"""Documents agree with the tree: links, file names, make targets and environment variables exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app.config import Settings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([README, ROOT / "CONTRIBUTING.md", ROOT / "bench" / "README.md", *(ROOT / "docs").glob("*.md")])
TOP = ("app", "workers", "tests", "migrations", "bench", "docs", "requirements", ".ci")
TESTS = tuple(
    folder.name for folder in (ROOT / "tests").iterdir() if folder.is_dir()
)  # coverage.md leaves `tests/` out
DEPLOYMENT = ("docker-compose.yml", "Makefile", "Procfile", "gunicorn.conf.py", "flowerconfig.py")

BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FOLDERS = "|".join(map(re.escape, dict.fromkeys((*TOP, *TESTS))))
PATH = re.compile(rf"^((?:{FOLDERS})/[\w.*/-]+)(?::\s.*)?$")
MODULE = re.compile(r"^[\w-]+\.(?:py|yaml|toml)$")
TARGET = re.compile(r"(?:^|[\s$])make ([a-z][a-z-]*)", re.MULTILINE)
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
CONSTANT = re.compile(r"^\s*([A-Z][A-Z0-9_]+)(?:: .+?)? = ", re.MULTILINE)
READ = re.compile(r'environ(?:\.get\(|\[)"([A-Z_]+)"')


def path_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def spans(document: Path) -> list[str]:
    """Return the inline code of a document: fenced blocks are examples of files and calls."""
    return SPAN.findall(BLOCK.sub("", document.read_text()))


def anchors(document: Path) -> set[str]:
    """Return the fragments of the headings, as GitHub makes them."""
    titles = HEADING.findall(BLOCK.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(document: Path) -> Iterator[str]:
    for link in LINK.findall(BLOCK.sub("", document.read_text())):
        file, _, fragment = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        if ":" in file:
            continue  # of another site
        if not target.exists() or (fragment and fragment not in anchors(target)):
            yield link


def exists(path: str) -> bool:
    return any(any(base.glob(path.rstrip("/"))) for base in (ROOT, ROOT / "tests"))


def lost_paths(document: Path) -> Iterator[str]:
    for span in spans(document):
        if found := PATH.match(span):
            if not exists(found[1].rstrip(".")):
                yield span
        elif MODULE.match(span) and not any(any(ROOT.glob(f"{top}/**/{span}")) for top in TOP) and not exists(span):
            yield span


@cache
def known_names() -> set[str]:
    """Return settings, variables that deployment and code read, and the constants and enum members of the code."""
    known = {field.upper() for field in Settings.model_fields}
    for name in DEPLOYMENT:
        known.update(VARIABLE.findall((ROOT / name).read_text()))
    for file in (file for top in ("app", "bench") for file in (ROOT / top).rglob("*.py")):
        text = file.read_text()
        known.update(CONSTANT.findall(text), READ.findall(text))
    return known


def test_readme_is_under_150_lines() -> None:
    assert len(README.read_text().splitlines()) < 150


# The changelog also names files and settings that are gone.
@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=path_of)
def test_relative_links_lead_to_files_and_headings(document: Path) -> None:
    assert list(dead_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_named_files_exist(document: Path) -> None:
    assert list(lost_paths(document)) == []


def test_index_lists_every_document() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    assert [
        file.name for file in (ROOT / "docs").iterdir() if file.name != "README.md" and file.name not in index
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_named_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join([*spans(document), *BLOCK.findall(document.read_text())])
    assert set(TARGET.findall(code)) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=path_of)
def test_named_environment_variables_are_settings(document: Path) -> None:
    named = {found for span in spans(document) for found in VARIABLE.findall(span)}
    assert named - known_names() == set()
