"""Store the results as JSON, one file for each scenario, and write tables between the README's markers."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import capacity, costs
from bench.figures import Figure, Row
from bench.peers.catalog import PEERS
from bench.scenarios import all_scenarios

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
README = HERE / "README.md"
BEGIN, END = "<!-- {}: written by python -m bench -->", "<!-- /{} -->"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table with the columns of all rows."""
    titles = list(dict.fromkeys(title for one in rows for title in one.figures))
    lines = [[one.name, *(str(one.figures.get(title, "")) for title in titles), one.note] for one in rows]
    return _markdown(["", *titles, ""] if any(one.note for one in rows) else ["", *titles], lines)


def store(name: str, rows: Sequence[Row], verdicts: Sequence[str], *, runs: int, machine: dict[str, str]) -> None:
    """Write `results/<name>.json`: every value, with the machine and the versions."""
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": runs,
        "machine": machine,
        "verdicts": list(verdicts),
        "rows": [
            {"name": one.name, "note": one.note, "figures": {title: f.values for title, f in one.figures.items()}}
            for one in rows
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")


def render() -> None:
    """Update the README's tables and docs/capacity.md from the stored results and the catalog of peers."""
    text = README.read_text()
    results = {name: _load(name) for name in all_scenarios() if (RESULTS / f"{name}.json").exists()}
    text = _between(text, "scenarios", _scenarios_table())
    text = _between(text, "results", "\n\n".join(_section(name, result) for name, result in results.items()))
    text = _between(text, "costs", costs.table())
    text = _between(text, "peers", _peers_table(results))
    README.write_text(text)
    capacity.write()


def _scenarios_table() -> str:
    return _markdown(
        ["scenario", "measures"], [[f"`{name}`", scenario.TITLE] for name, scenario in all_scenarios().items()]
    )


def _section(name: str, result: dict[str, Any]) -> str:
    scenario = all_scenarios()[name]
    rows = [
        Row(one["name"], {title: Figure(tuple(values)) for title, values in one["figures"].items()}, one["note"])
        for one in result["rows"]
    ]
    about = f"Median (least to greatest) of {result['runs']} runs, {result['measured_at'][:10]}, {_on(result)}."
    return "\n\n".join([f"### {scenario.TITLE}", scenario.METHOD, table(rows), *result["verdicts"], about])


def _on(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['machine']}; PostgreSQL {machine['server_version']}, Valkey {machine['valkey_version']}, "
        f"Python {machine['python']}; {machine['commits/s on one connection']} commits/s on one connection, "
        f"load average at the start {machine['load average at the start']}"
    )


def _peers_table(results: dict[str, Any]) -> str:
    newest: dict[str, Any] = max(results.values(), key=lambda one: str(one["measured_at"]), default={"machine": {}})
    machine = newest["machine"]
    lines = [[peer.name, machine.get(peer.package, ""), peer.settings, peer.keeps] for peer in PEERS]
    return _markdown(["peer", "version", "settings", "what a crash does to its jobs"], lines)


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return loaded


def _between(text: str, name: str, content: str) -> str:
    begin, end = BEGIN.format(name), END.format(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def _markdown(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    width = len(titles)
    rows = [titles, ["---"] * width, *(line[:width] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in rows)
