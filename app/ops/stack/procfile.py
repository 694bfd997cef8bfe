"""Read the Procfile: the single list of processes. Compose and the supervisor start parts by name."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the Procfile."""

    name: str
    command: str  # shell command with ${VARIABLES}


def parts(file: Path = ROOT / "Procfile") -> dict[str, Part]:
    """Return the parts by name, in file order."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    split = [line.partition(":") for line in lines]
    return {name.strip(): Part(name.strip(), command.strip()) for name, _, command in split}


def required_parts(chosen: dict[str, Part]) -> list[Part]:
    """Return all parts; the mailbox only if no mail provider is set. In production neither mailbox nor echo gateway."""
    wanted, is_production = dict(chosen), os.environ.get("RELANCE_ENV", "production") == "production"
    if os.environ.get("SMTP_URL") or is_production:
        wanted.pop("mailbox", None)
    if is_production:
        wanted.pop("echo", None)
    return list(wanted.values())
