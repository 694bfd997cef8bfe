"""The sample configurations of nginx and Caddy, in front of a real web server and the stream process."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from app.ops.embedded import free_port
from tests.support.bulk import FOLLOW_UP
from tests.support.desk import Desk
from tests.support.environment import ROOT, this_process
from tests.support.live import LiveClient
from tests.support.processes import Process, Processes, is_live, wait_until

pytest_plugins = ["tests.support.desk"]

SBIN = os.pathsep.join((os.environ["PATH"], "/usr/sbin"))
SAMPLES = ROOT / "deploy" / "proxy"
UPSTREAM = "127.0.0.1:8000"
CLIENT = "127.0.0.2"  # an address of this host that is not the proxy's
SITE = "https://clinic.example"
PASSWORD = "seven green umbrellas"


@pytest.fixture(scope="module")
def server(shared_processes: Processes) -> Process:
    shared_processes.start_stream()
    return shared_processes.start_web(env={"TRUSTED_PROXIES": "1"})


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, server: Process) -> Iterator[str]:
    """Run the proxy with its sample, of which only addresses and certificate are changed. Yields its URL."""
    program = shutil.which(request.param, path=SBIN)
    if program is None:
        pytest.skip(f"{request.param} is not installed (Debian: nginx-light, caddy)")
    run: Callable[..., ExitStack] = {"nginx": nginx, "caddy": caddy}[request.param]
    with run(program, server.url.removeprefix("http://"), port := free_port()):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_live(f"{url}/livez"), 60, f"{request.param} to answer")
        yield url


@contextmanager
def nginx(program: str, upstream: str, port: int) -> Iterator[None]:
    folder = new_folder("nginx")
    site = (SAMPLES / "nginx.conf").read_text().replace(UPSTREAM, upstream)
    site = site.replace("listen 80;", f"listen {free_port()};").replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    kept = [line for line in site.splitlines() if "ssl_certificate" not in line]
    (folder / "site.conf").write_text("\n".join(kept))
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}"
        f" http {{ {paths} access_log off; include {folder}/site.conf; }}"
    )
    with ended([program, "-p", str(folder), "-e", str(folder / "log"), "-c", str(folder / "nginx.conf")], folder):
        yield


@contextmanager
def caddy(program: str, upstream: str, port: int) -> Iterator[None]:
    folder = new_folder("caddy")
    site = (SAMPLES / "Caddyfile").read_text().replace(UPSTREAM, upstream)
    site = site.replace("leads.example.com {", f"http://127.0.0.1:{port} {{")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{site}")
    with ended([program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], folder):
        yield


def new_folder(name: str) -> Path:
    folder = this_process() / f"{name}-{free_port()}"
    folder.mkdir()
    return folder


@contextmanager
def ended(command: list[str], folder: Path) -> Iterator[None]:
    """Run the command; end it at the end."""
    own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(command, env=os.environ | own, stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_bulk_call_of_10_000_leads_passes(proxy: str, desk: Desk) -> None:
    leads = [
        {"first_name": "Ana", "last_name": f"Ruiz {number}", "phone": f"+1212{5550000 + number}", "notes": "x" * 60}
        for number in range(10_000)
    ]
    answer = httpx.post(
        f"{proxy}/api/followups/bulk",
        json={"leads": leads, "followup": FOLLOW_UP},
        headers={"Authorization": f"Bearer {desk.admin.token}", "Idempotency-Key": "ten-thousand"},
        timeout=120,
    )
    assert int(answer.request.headers["Content-Length"]) > 1_000_000
    assert (answer.status_code, answer.json()["total"]) == (202, 10_000)


def test_too_large_body_is_refused_by_the_api_as_a_problem_document(proxy: str, desk: Desk) -> None:
    known = {"Authorization": f"Bearer {desk.admin.token}", "Content-Type": "application/json"}
    answer = httpx.post(f"{proxy}/api/leads", content=b"x" * 5_000_000, headers=known, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")


def test_stream_is_not_buffered(proxy: str, desk: Desk) -> None:
    with LiveClient.open(proxy, desk.admin.token) as stream:
        assert stream.next().kind == "ready"
        lead = desk.capture()
        stream.until(lead["id"])


def test_visitor_can_submit_a_web_form(proxy: str, desk: Desk) -> None:
    fields = [{"name": name, "required": True} for name in ("first_name", "last_name", "phone")]
    described = {"name": "Contact", "allowed_origins": [SITE], "source_id": desk.source_id, "fields": fields}
    form = desk.admin.post("/api/web-forms", described).body
    sent = {"first_name": "Ana", "last_name": "Ruiz", "phone": "(212) 555-0143"}
    address = f"{proxy}/api/public/forms/{form['key']}/leads"
    answer = httpx.post(address, json=sent, headers={"Origin": SITE}, timeout=30)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, SITE)
    assert len(desk.admin.every("/api/leads")) == 1


def test_forged_client_address_is_ignored(proxy: str, desk: Desk) -> None:
    email = f"{free_port()}@clinic.example"
    with transaction() as session:
        create_user(session, desk.clinic_id, email=email, name="Ana", role=Role.FRONT_DESK, password=PASSWORD)
    with httpx.Client(transport=httpx.HTTPTransport(local_address=CLIENT), base_url=proxy, timeout=30) as client:
        forged = {"X-Forwarded-For": "203.0.113.9"}
        tokens = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}, headers=forged).json()
        shown = client.get("/api/me/sessions", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    assert [one["address"] for one in shown["items"]] == [CLIENT]


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/%6Detrics", "/x/../metrics", "/metrics?a=b"])
def test_metrics_are_not_public(proxy: str, server: Process, path: str) -> None:
    answer = httpx.get(httpx.URL(proxy, raw_path=path.encode()), follow_redirects=True)
    assert answer.status_code == 404
    assert "relance_" not in answer.text
    assert "relance_held" in httpx.get(f"{server.url}/metrics", timeout=60).text
