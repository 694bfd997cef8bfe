"""`make` in folders whose path has spaces, quotes and other characters: it works, or one line says why it does not."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.ops.embedded import free_port
from app.ops.stack.environment import SHARED_VARIABLES
from tests.support.environment import ROOT, this_process
from tests.support.processes import is_live, wait_until

PATIENCE = 180  # seconds; an environment is created and a dozen processes start, possibly on a busy machine
PORTS = ("PORT", "FLOWER_PORT", "MAILBOX_PORT", "MAILBOX_SMTP_PORT", "MAILBOX_IMAP_PORT", "ECHO_PORT")
LIST = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
WITHOUT_SBIN = "/usr/local/bin:/usr/bin:/bin"
INSTALL = """
import sys
from pip._internal.cli.main import main
from pip._vendor.distlib.scripts import ScriptMaker

scripts = ScriptMaker(None, sys.argv[1])
for name in ("gunicorn = gunicorn.app.wsgiapp:run", "celery = celery.__main__:main"):
    scripts.make(name)
sys.exit(main(["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--editable", "."]))
"""

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files comes from git")


@pytest.fixture
def parent() -> Iterator[Path]:
    folder = this_process() / "paths"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def clone(parent: Path, name: str) -> Path:
    """Copy the files of the repository into a new folder. Returns the folder."""
    folder = parent / name
    listed = subprocess.run([*LIST, "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for file in filter(None, listed.split("\0")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    return folder


def environment_of_make() -> dict[str, str]:
    """Return the environment of `make`, with the tests' Python and a PATH that lacks folders of administration."""
    programs = this_process() / "programs"
    programs.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (programs / "python3").symlink_to(Path(sys.executable).resolve())
    of_tests = {*SHARED_VARIABLES, "RELANCE_HOME", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL"}
    kept = {name: value for name, value in os.environ.items() if name not in of_tests}
    return {**kept, "PATH": f"{programs}:{WITHOUT_SBIN}", **{name: str(free_port()) for name in PORTS}}


def make(folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *targets], cwd=folder, env=environment_of_make(), check=False, capture_output=True, text=True
    )


def install(folder: Path) -> None:
    """Do what `make install` does, but take the packages from the environment of the tests, without copying them."""
    made = make(folder, ".venv/pyvenv.cfg")
    assert made.returncode == 0, made.stderr
    (packages,) = (folder / ".venv" / "lib").glob("python3*/site-packages")
    shared = sysconfig.get_path("purelib")
    (packages / "shared.pth").write_text(f"import sys; sys.path.insert(0, {shared!r})\n")  # before the own setuptools
    done = subprocess.run(
        [folder / ".venv/bin/python", "-c", INSTALL, str(folder / ".venv/bin")],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (folder / ".venv/.run").touch()
    (folder / ".venv/.dev").touch()


def content(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["re lance", "re Léa's (2) & #50% ~x+y;"])
def test_make_works_in_a_folder_with_spaces_and_quotes_and_leaves_others_alone(parent: Path, name: str) -> None:
    neighbour = parent / "re"
    (neighbour / ".venv").mkdir(parents=True)
    (neighbour / "kept").touch()
    folder = clone(parent, name)
    install(folder)

    environment = environment_of_make()
    with (parent / "make.log").open("wb") as log:
        stack = subprocess.Popen(
            ["make", "run"], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        ready = f"http://127.0.0.1:{environment['PORT']}/readyz"
        wait_until(lambda: is_live(ready) or stack.poll() is not None, PATIENCE, "the API to be ready")
        assert stack.poll() is None, (parent / "make.log").read_text()
        assert httpx.get(ready).is_success
    finally:
        with suppress(ProcessLookupError):
            os.killpg(stack.pid, signal.SIGINT)  # as a terminal does
        stack.wait(PATIENCE)
    collected = make(folder, "-n", "test")
    assert collected.returncode == 0, collected.stderr
    assert make(folder, "clean").returncode == 0

    assert not (folder / ".venv").exists()
    assert (folder / ".relance" / "secrets.json").exists()
    assert content(neighbour) == {".venv", "kept"}
    assert {path.name for path in parent.iterdir()} == {"re", name, "make.log"}


def test_moved_environment_is_created_again_and_nothing_else_is_deleted(parent: Path) -> None:
    (parent / "re" / ".venv").mkdir(parents=True)
    folder = parent / "re lance"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / ".venv").mkdir()
    (folder / ".venv/pyvenv.cfg").write_text(f"command = {sys.executable} -m venv {parent}/before/.venv\n")

    assert make(folder, "help").returncode == 0

    assert content(parent) == {"re", "re/.venv", "re lance", "re lance/Makefile"}


@pytest.mark.parametrize("target", ["run", "test", "install"])
@pytest.mark.parametrize("name", ['a"b', "a$b", "a`b", "a:b", "a\\b"])
def test_folder_that_no_environment_can_be_in_is_refused_in_one_line(parent: Path, name: str, target: str) -> None:
    folder = parent / name
    (folder / "requirements").mkdir(parents=True)
    for file in ("Makefile", "pyproject.toml", "requirements/run.txt", "requirements/dev.txt"):
        shutil.copy(ROOT / file, folder / file)
    before = content(parent)

    refused = make(folder, target)

    lines = [line for line in (refused.stdout + refused.stderr).splitlines() if not line.startswith("make: ***")]
    assert lines == [
        'Relance cannot be installed in a folder whose path has one of : " $ ` \\. Move it to another folder.'
    ]
    assert refused.returncode != 0
    assert content(parent) == before
