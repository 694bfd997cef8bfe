"""The Procfile is the one list of what runs; compose and the supervisor start parts by their names."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the Procfile."""

    name: str
    command: str  # for a shell: settings are ${VARIABLES}


def parts(file: Path = ROOT / "Procfile") -> dict[str, Part]:
    """By name, in the order of the file."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    split = [line.partition(":") for line in lines]
    return {name.strip(): Part(name.strip(), command.strip()) for name, _, command in split}


def needed(chosen: dict[str, Part]) -> list[Part]:
    """Everything; the mailbox only where no mail provider is set and nobody depends on one."""
    wanted = dict(chosen)
    if os.environ.get("SMTP_URL") or os.environ.get("RELANCE_ENV", "production") == "production":
        wanted.pop("mailbox", None)
    return list(wanted.values())
