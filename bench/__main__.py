"""`python -m bench [SCENARIO…|all] [--runs 3] [--quick] [--only NAME]`: measure, print and store the results."""

import argparse
import signal
import sys

from bench import report
from bench.machine import describe
from bench.scenarios import all_scenarios, verdicts_on
from bench.servers import running_servers


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # stops servers and workers too
    scenarios = all_scenarios()
    options = _options([*scenarios])
    chosen = list(scenarios) if "all" in options.scenario else options.scenario
    with running_servers() as servers:
        machine = describe(servers)
        for name in chosen:
            scenario = scenarios[name]
            print(f"\n{scenario.TITLE}\n", flush=True)
            rows = scenario.run(servers, runs=options.runs, quick=options.quick, only=options.only)
            verdicts = verdicts_on(scenario, rows)
            print(report.table(rows), *verdicts, sep="\n\n", flush=True)
            if not (options.quick or options.only):
                report.store(name, rows, verdicts, runs=options.runs, machine=machine)
    report.render()


def _options(scenarios: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenario", nargs="*", default=["all"], help=f"all (the default), or any of {', '.join(scenarios)}"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant (the table shows their median)")
    parser.add_argument("--quick", action="store_true", help="a small smoke run: printed, not stored")
    parser.add_argument("--only", default="", help="only contestants whose name contains this: printed, not stored")
    options = parser.parse_args()
    if unknown := set(options.scenario) - {*scenarios, "all"}:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    main()
