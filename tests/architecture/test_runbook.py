"""The runbook names commands with their options, and metrics, that exist."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from app import wiring
from app.ops import cli
from tests.architecture.test_documents import ROOT

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
METRICS = (ROOT / "app" / "api" / "operations" / "metrics.py").read_text()
COMMAND = re.compile(r"(?:`|^\$ )relance ((?:[a-z]|--)[^`\n#|;]*)", re.MULTILINE)
METRIC = re.compile(r"`(relance_[a-z_]+)(?:\{.*?\})?`")
ROLES = {"relance_app", "relance_clinic", "relance_web"}
COMMANDS = sorted({found.strip() for found in COMMAND.findall(RUNBOOK)})


def _parse(command: click.Command, words: list[str]) -> Iterator[str]:
    """Yield the words that no argument of the command takes. Raises UsageError (when an option is unknown)."""
    context = click.Context(command, info_name=command.name)
    if isinstance(command, click.Group):
        _, words, _ = command.make_parser(context).parse_args(list(words))
        if not words:
            return
        found = command.get_command(context, words[0])
        assert found, f"there is no command {words[0]!r}"
        yield from _parse(found, words[1:])
        return
    _, surplus, _ = command.make_parser(context).parse_args(list(words))
    yield from surplus


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_the_runbook_exists_with_its_options(line: str) -> None:
    wiring.connect()
    assert list(_parse(cli.relance, shlex.split(line))) == []


def test_each_line_to_copy_reads_the_settings_of_the_processes() -> None:
    lines = re.findall(r"^\s*\$ relance .*$", RUNBOOK, re.MULTILINE)
    assert len(lines) >= 9
    assert [line for line in lines if " --env-file /etc/relance/environment " not in line] == []


def test_each_metric_of_the_runbook_is_published() -> None:
    named = set(METRIC.findall(RUNBOOK)) - ROLES
    assert len(named) >= 5
    assert [metric for metric in sorted(named) if metric not in METRICS] == []
