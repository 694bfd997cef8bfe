"""Cost of row-level security and of field encryption for each request."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bench.application import run_action
from bench.cpu import database_seconds
from bench.figures import Row
from bench.load import Load, http_request, measure
from bench.relance_web import RelanceApi
from bench.rounds import in_rounds
from bench.servers import Servers
from bench.web import HOST

TITLE = "Security: the cost of row-level security and encrypted fields"
METHOD = """4 clients post the leads of the capture scenario, then one client reads lists of 50 of them. **CPU** is that
of the web workers and of PostgreSQL together, per request. *Without row-level security* means that the database role
of API calls may bypass it (`BYPASSRLS`). *Encryption alone* is measured in a separate process: for a capture, one new
lead's fields are encrypted and its blind indexes computed; for a list, 50 leads are decrypted."""

CAPTURE, LIST = "capture, CPU (ms)", "50 leads, CPU (ms)"
WORKERS, THREADS = 2, 8


@dataclass(frozen=True)
class Kind:
    """A measurement. `row_security`: on or off; None if no request is made."""

    name: str
    row_security: bool | None


KINDS = (Kind("Relance", True), Kind("without row-level security", False), Kind("encryption alone", None))


def run(servers: Servers, *, runs: int, quick: bool, only: str = "") -> list[Row]:
    count = 300 if quick else 3_000
    chosen = [kind for kind in KINDS if only.lower() in kind.name.lower()]
    return in_rounds(chosen, runs, lambda kind: _measure(servers, kind, count))


def verdicts(rows: Sequence[Row]) -> list[str]:
    """Return the shares of a request's cost, if all parts were measured."""
    medians = [{title: row.figures[title].median for title in (CAPTURE, LIST)} for row in rows]
    if len(medians) < len(KINDS):
        return []
    ours, without, encryption = medians
    row_security = {title: 1 - without[title] / ours[title] for title in ours}
    encrypted = {title: encryption[title] / ours[title] for title in ours}
    return [
        f"{name}: {share[CAPTURE]:.0%} of a capture, {share[LIST]:.0%} of a list."
        for name, share in (("Row-level security", row_security), ("Encrypted fields", encrypted))
    ]


def _measure(servers: Servers, kind: Kind, count: int) -> dict[str, float]:
    if kind.row_security is None:
        timed = run_action(servers, "time_encryption", json.dumps({"leads": count}))
        return {CAPTURE: timed["encrypt_one"], LIST: timed["decrypt_fifty"]}
    web = RelanceApi(servers)
    try:
        port = web.start(workers=WORKERS, threads=THREADS)
        _set_bypass(servers, bypass=not kind.row_security)
        posts = [http_request("POST", web.path, headers=web.headers(), body=web.body(n)) for n in range(count)]
        lists = [http_request("GET", f"{web.path}?limit=50", headers=web.headers())] * (count // 3)
        return {
            CAPTURE: _cpu(servers, web, Load(HOST, port, posts, clients=4, warm_up=1)),
            LIST: _cpu(servers, web, Load(HOST, port, lists, clients=1, warm_up=1)),
        }
    finally:
        web.stop()
        _set_bypass(servers, bypass=False)


def _cpu(servers: Servers, web: RelanceApi, load: Load) -> float:
    began = web.cpu_seconds() + database_seconds(servers)
    measure(load)
    return (web.cpu_seconds() + database_seconds(servers) - began) * 1000 / len(load.requests)


def _set_bypass(servers: Servers, *, bypass: bool) -> None:
    with servers.postgres.connect() as owner:
        owner.execute(f"ALTER ROLE relance_clinic {'BYPASSRLS' if bypass else 'NOBYPASSRLS'}".encode())
