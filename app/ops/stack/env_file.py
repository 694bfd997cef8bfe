"""Environment files: `NAME=value` lines, read as systemd reads them and as a shell sources them."""

import re
import shlex
from pathlib import Path

from app.ops.embedded import WrongSetting

_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def parse_env_file(file: Path) -> dict[str, str]:
    """Return the variables of the file by name.

    Empty lines and lines that begin with # or ; are comments. A value may be in quotes.

    Raises:
        WrongSetting: with the file, the line and what is wrong. The message does not show the value.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise WrongSetting(f"{file} cannot be read: {reason}") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not line.startswith(("#", ";")):
            name, value = _variable(line, f"{file}, line {number}")
            variables[name] = value
    return variables


def _variable(line: str, where: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise WrongSetting(f"{where}: write NAME=value")
    name, value = found.groups()
    if not value.startswith(("'", '"')):
        return name, value
    try:
        [text] = shlex.split(value)
    except ValueError:
        raise WrongSetting(f"{where}: the quotes of {name} do not enclose the whole value") from None
    return name, text
