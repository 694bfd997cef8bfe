"""Folder permissions for PostgreSQL's system user, when Relance runs as root."""

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

from app.ops.embedded.account import SYSTEM_USER
from app.ops.embedded.errors import CannotStart

Notice = Callable[[str], None]


def allow_traversal(*, programs: Path, data: Path, notice: Notice) -> None:
    """Let other users pass through (not list) each parent folder of both paths.

    A private home is changed only if RELANCE_OPEN_HOME=1. Any other private folder, such as one from `mktemp -d`, is
    changed with one line of notice.

    Raises:
        CannotStart: a private home is in the way; the message names both solutions.
    """
    require_open_homes(programs=programs, data=data)
    closed = sorted(closed_parents(programs, data))
    if closed:
        notice(_notice(closed))
    for folder in closed:
        folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    if not (programs / "postgres").stat().st_mode & stat.S_IXOTH:
        make_readable(programs)


def require_open_homes(*, programs: Path, data: Path) -> None:
    """Raise CannotStart if `allow_traversal` would have to open a private home without permission."""
    private = [folder for folder in sorted(closed_parents(programs, data)) if is_a_home(folder)]
    if private and os.environ.get("RELANCE_OPEN_HOME") != "1":
        raise CannotStart(_refusal(private[0], programs))


def closed_parents(*paths: Path) -> set[Path]:
    """Return the parent folders of these paths that other users cannot pass through."""
    parents = {parent for path in paths for parent in path.absolute().parents}
    parents |= {parent for path in paths for parent in path.resolve().parents}
    return {folder for folder in parents if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH}


def is_a_home(folder: Path) -> bool:
    """Return whether the folder is the home of a user of this machine."""
    return any(Path(entry.pw_dir).resolve() == folder.resolve() for entry in pwd.getpwall() if entry.pw_dir)


def make_readable(programs: Path) -> None:
    """Let other users read and run the wheel. Under a strict umask only its owner can."""
    wheel = programs.parents[1]
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        for path in (folder, *folder.rglob("*")):
            if path.exists() and not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6))


def _notice(closed: list[Path]) -> str:
    others = f" and {len(closed) - 1} more folders" if len(closed) > 1 else ""
    return (
        f"letting other users pass through {closed[0]}{others} (not list it): PostgreSQL runs as the user {SYSTEM_USER}"
    )


def _refusal(home: Path, programs: Path) -> str:
    elsewhere = "clone Relance" if home in programs.absolute().parents else "set RELANCE_HOME to a folder"
    return (
        f"PostgreSQL runs as the user {SYSTEM_USER} and must pass through {home}, a private home: "
        f"{elsewhere} elsewhere (/srv, /opt), or set RELANCE_OPEN_HOME=1 to allow it"
    )
