"""Cost of row-level security and of field encryption for each request."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cpu import database_seconds
from bench.figures import Row
from bench.load import Load, http_request, measure
from bench.product import act
from bench.relance_web import RelanceApi
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.web import HOST

TITLE = "Walls: the cost of row-level security and encrypted fields"
WHAT = """4 clients post the leads of the capture scenario, then one client reads lists of 50 of them. **CPU** is that
of the web workers and of PostgreSQL together, per request. *Without row-level security* means that the database role
of API calls may bypass it (`BYPASSRLS`). *Sealing alone* means encryption alone, measured in a separate process: one
new lead's fields encrypted and its blind indexes computed for a capture, 50 leads decrypted for a list."""

CAPTURE, LIST = "capture, CPU (ms)", "50 leads, CPU (ms)"
WORKERS, THREADS = 2, 8


@dataclass(frozen=True)
class Kind:
    """A measurement. `wall`: row-level security on or off; None if no request is made."""

    name: str
    wall: bool | None


KINDS = (Kind("Relance", True), Kind("without row-level security", False), Kind("sealing alone", None))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 300 if quick else 3_000
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the shares of a request's cost, if all parts were measured."""
    medians = [{title: row.figures[title].median for title in (CAPTURE, LIST)} for row in rows]
    if len(medians) < len(KINDS):
        return []
    ours, without, sealing = medians
    apart = {title: 1 - without[title] / ours[title] for title in ours}
    sealed = {title: sealing[title] / ours[title] for title in ours}
    return [
        f"{what}: {share[CAPTURE]:.0%} of a capture, {share[LIST]:.0%} of a list."
        for what, share in (("Row-level security", apart), ("Sealed fields", sealed))
    ]


def _measure(servers: Servers, kind: Kind, count: int) -> dict[str, float]:
    if kind.wall is None:
        timed = act(servers, "time_sealing", json.dumps({"leads": count}))
        return {CAPTURE: timed["seal_one"], LIST: timed["open_fifty"]}
    web = RelanceApi(servers)
    try:
        port = web.start(workers=WORKERS, threads=THREADS)
        _let_through(servers, everything=not kind.wall)
        posts = [http_request("POST", web.path, headers=web.headers(), body=web.body(n)) for n in range(count)]
        lists = [http_request("GET", f"{web.path}?limit=50", headers=web.headers())] * (count // 3)
        return {
            CAPTURE: _cpu(servers, web, Load(HOST, port, posts, clients=4, warm_up=1)),
            LIST: _cpu(servers, web, Load(HOST, port, lists, clients=1, warm_up=1)),
        }
    finally:
        web.stop()
        _let_through(servers, everything=False)


def _cpu(servers: Servers, web: RelanceApi, load: Load) -> float:
    began = web.cpu_seconds() + database_seconds(servers)
    measure(load)
    return (web.cpu_seconds() + database_seconds(servers) - began) * 1000 / len(load.requests)


def _let_through(servers: Servers, *, everything: bool) -> None:
    with servers.postgres.connect() as owner:
        owner.execute(f"ALTER ROLE relance_clinic {'BYPASSRLS' if everything else 'NOBYPASSRLS'}".encode())
