"""The Prometheus rules and the Grafana dashboard name metrics that exist; every alarm of the runbook has its rule."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from beat_schedule import SWEEP_INTERVALS
from tests.architecture.test_documents import ROOT
from tests.architecture.test_runbook import METRICS, RUNBOOK

FOLDER = ROOT / "deploy" / "monitoring"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())
METRIC = re.compile(r"relance_[a-z_]+")
SUFFIX = re.compile(r"_(total|bucket)$")
ALARM = re.compile(r"^\| (.*?) \|", re.MULTILINE)
NO_METRIC = {"`/livez` fails", "`/readyz` is 503", "`relance audit verify` exits with 1"}  # `up` stands for the first


def _metrics(expressions: list[str]) -> set[str]:
    return {SUFFIX.sub("", name) for expression in expressions for name in METRIC.findall(expression)}


def _alarms() -> set[str]:
    table = RUNBOOK.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    return set(ALARM.findall(table)) - {"alarm", "---"}


def _anchors() -> set[str]:
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_rules_and_dashboard_use_published_metrics() -> None:
    drawn = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    named = _metrics([rule["expr"] for rule in RULES]) | _metrics(drawn)
    assert [name for name in sorted(named) if f'"{name}"' not in METRICS] == []


def test_each_alarm_of_the_runbook_has_a_rule() -> None:
    ruled = _metrics([rule["expr"] for rule in RULES])
    missing = [alarm for alarm in sorted(_alarms() - NO_METRIC) if not _metrics([alarm]) & ruled]
    assert missing == []
    assert ruled <= _metrics([RUNBOOK])


def test_rules_name_a_chapter_of_the_runbook_and_sweeps_that_exist() -> None:
    chapters = {rule["annotations"]["runbook"].partition("#")[2] for rule in RULES}
    assert chapters <= _anchors()
    sweeps = {
        name for rule in RULES for given in re.findall(r'sweep=~"(.*?)"', rule["expr"]) for name in given.split("|")
    }
    assert sweeps <= SWEEP_INTERVALS.keys()


def test_each_rule_has_a_test_of_its_own() -> None:
    tested = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    assert [test["name"] for test in tested[1:]] == [rule["alert"] for rule in RULES]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is not installed")
def test_each_alarm_fires_on_its_fault_and_none_on_a_healthy_system() -> None:
    ended = subprocess.run(
        ["promtool", "test", "rules", "alerts.test.yml"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
