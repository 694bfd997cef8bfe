"""Run the tests that are nearest to the changes since the main branch: `make near`.

A test file is near if it imports a changed module, or uses the words of the changed lines, rare words first. The
nearest files run until the time is used up, by the durations of earlier runs on this machine.
"""

import ast
import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DURATIONS: Final = ROOT / ".pytest_cache/durations.json"  # seconds of each test file, written by `tests.support.order`
BUDGET: Final = 400.0  # seconds of four processes, which wait for each other and for two cores: under two minutes
# Seconds of a file that did not run yet, by its folder.
USUAL: Final = {"unit": 1, "architecture": 10, "api": 8, "workers": 15, "service": 15, "console": 30}
LONG: Final = 60
_WORD: Final = re.compile(r"[a-z]{3,}")
_CHANGED_FILE: Final = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
_CHANGED_LINE: Final = re.compile(r"^[+-](?![+-]{2})(.*)$", re.MULTILINE)
_BUILT: Final = ("app/api/console/static/", "docs/openapi.json", "releases/", "console/package-lock.json")


def nearest(diff: str, root: Path = ROOT) -> list[tuple[str, float]]:
    """Return the test files of `root` that are near to a diff of git, the nearest first, with their weights."""
    parts = [part for part in re.split(r"^(?=diff --git )", diff, flags=re.MULTILINE) if not _is_built(part)]
    diff = "".join(parts)
    paths = _CHANGED_FILE.findall(diff)
    modules = {path.removesuffix(".py").replace("/", ".") for path in paths if path.endswith(".py")}
    words = Counter(_words([*_CHANGED_LINE.findall(diff), *(path for path in paths if path.endswith(".py"))]))
    files = {str(path.relative_to(root)): path.read_text() for path in sorted(root.glob("tests/*/test_*.py"))}
    uses = {path: Counter(_words([path, content])) for path, content in files.items()}
    files_with = Counter(word for used in uses.values() for word in used)
    weights = {
        path: _likeness(words, uses[path], files_with, len(files))
        + 10 * bool(modules & _imports(content))
        + 100 * (path in paths)
        for path, content in files.items()
    }
    return sorted(((path, weight) for path, weight in weights.items() if weight), key=lambda one: -one[1])


def within_budget(paths: Sequence[str], seconds: Mapping[str, float], budget: float) -> list[str]:
    """Return the first of the test files that take this many seconds together; at least one."""
    spent = accumulate(seconds.get(path, USUAL.get(path.split("/")[1], LONG)) for path in paths)
    return [path for path, sum_ in zip(paths, spent, strict=True) if path == paths[0] or sum_ <= budget]


def _is_built(part: str) -> bool:
    """Return whether this part of a diff is of a file that is made from others."""
    path = _CHANGED_FILE.search(part)
    return path is None or path[1].startswith(_BUILT)


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in _WORD.findall(text.lower())]


def _likeness(words: Counter[str], used: Counter[str], files_with: Counter[str], files: int) -> float:
    """Return how much a file uses the words of the change. Rare words weigh more; long files have no advantage."""
    shared = sum(
        math.log(1 + words[word]) * math.log(1 + used[word]) * math.log(files / files_with[word]) ** 2
        for word in words.keys() & used.keys()
    )
    return shared / math.sqrt(1 + len(used))


def _imports(content: str) -> set[str]:
    """Return the modules that a file imports, and what it imports from them."""
    found = set()
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def _diff() -> str:
    """Return the changes since the main branch; on the main branch without changes, those of the last commit."""
    base = _git("merge-base", "HEAD", "main").strip()
    added = _git("ls-files", "--others", "--exclude-standard", "-z").split("\0")[:-1]
    new = "".join(_git("diff", "--no-index", "/dev/null", path) for path in added)
    return (_git("diff", base) + new) or _git("diff", "HEAD~1")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=False, cwd=ROOT, capture_output=True, text=True)
    return done.stdout


def main() -> int:
    """Run pytest with the nearest files. Returns its exit code."""
    found = nearest(_diff())
    if not found:
        print("No test uses what has changed.")
        return 0
    seconds = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    chosen = within_budget([path for path, _ in found], seconds, BUDGET)
    print(
        f"The {len(chosen)} nearest of {len(found)} test files that use what has changed:",
        *chosen,
        sep="\n  ",
        flush=True,
    )
    return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:], *chosen], check=False, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
