"""Metrics of calls at `/metrics`, summed over the processes of a real server."""

import re

import httpx

from app.core.db import new_id
from tests.support.desk import Desk
from tests.support.processes import Processes, wait_until

pytest_plugins = ["tests.support.desk"]

LINE = re.compile(r"^(relance_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def metrics(url: str) -> dict[str, float]:
    """Return the value of each series."""
    text = httpx.get(f"{url}/metrics", timeout=60).text
    return {f"{name}{{{labels}}}": float(value) for name, labels, value in LINE.findall(text)}


def test_calls_are_counted_by_route_over_all_processes(desk: Desk, processes: Processes) -> None:
    web = processes.start_web(workers=2)
    known = {"Authorization": f"Bearer {desk.admin.token}"}
    for _ in range(20):
        assert httpx.get(f"{web.url}/api/leads/{new_id()}", headers=known).status_code == 404
    assert httpx.get(f"{web.url}/api/leads", headers=known).status_code == 200
    assert httpx.request("BREW", f"{web.url}/api/{new_id()}").status_code in {404, 405, 501}

    one = 'method="GET",route="/api/leads/<uuid:lead_id>"'
    counted = f'relance_http_requests_total{{{one},status="4xx"}}'
    wait_until(lambda: metrics(web.url).get(counted, 0) >= 20, 60, "both processes to write")

    found = metrics(web.url)
    assert found[counted] == 20
    assert found[f'relance_http_request_seconds_bucket{{le="+Inf",{one}}}'] == 20
    assert found[f"relance_http_request_seconds_count{{{one}}}"] == 20
    assert found['relance_http_requests_total{method="GET",route="/api/leads",status="2xx"}'] == 1
    assert found["relance_http_requests_in_flight{}"] >= 0
    assert found['relance_database_pool{state="most"}'] > 0
    assert str(desk.clinic_id) not in str(found)


def test_metrics_are_written_when_the_server_stops(desk: Desk, processes: Processes) -> None:
    first = processes.start_web()
    assert httpx.get(f"{first.url}/api/me").status_code == 401
    first.stop()

    second = processes.start_web()
    counted = metrics(second.url)
    assert counted['relance_http_requests_total{method="GET",route="/api/me",status="4xx"}'] == 1
