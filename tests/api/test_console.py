"""The console's files: addresses, caching, security headers, and the build."""

import gzip
import re
from importlib.resources import files

import pytest
from flask.testing import FlaskClient

from app.api.console.pages import SECTIONS
from tests.support.desk import the_app
from tests.support.environment import ROOT

STATIC = files("app.api.console") / "static"


@pytest.fixture
def client() -> FlaskClient:
    return the_app().test_client()


@pytest.mark.parametrize("path", ["/", "/today", "/today?whose=all", "/today/0198c5f0"])
def test_addresses_of_pages_show_the_console(client: FlaskClient, path: str):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/api", "/api/today", "/unknown", "/todays", "/console/", "/console/index.html"])
def test_other_addresses_are_not_found(client: FlaskClient, path: str):
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/console/../pages.py", "/console/%2e%2e/pages.py", "/console/..%2Fpages.py"])
def test_only_files_of_the_build_are_served(client: FlaskClient, path: str):
    assert client.get(path).status_code == 404


def test_policy_allows_own_files_only_and_nothing_inline(client: FlaskClient):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)
    assert "frame-ancestors 'none'" in policy
    page = client.get("/").get_data(as_text=True)
    assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)| on\w+=", page)


def test_hashed_files_are_cached_forever_and_compressed(client: FlaskClient):
    linked = re.findall(r'(?:src|href)="(/console/[^"]+)"', client.get("/").get_data(as_text=True))
    assert linked
    for path in linked:
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert any("immutable" in client.get(path).headers["Cache-Control"] for path in linked)


def test_script_that_a_newer_build_replaced_is_not_found(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.api.console.pages._assets", lambda: frozenset({"today-replaced.js"}))
    assert client.get("/console/today-replaced.js").status_code == 404


def test_sections_are_those_of_the_pages():
    pages = (ROOT / "console" / "src" / "pages.tsx").read_text()
    assert set(re.findall(r'path: "/([a-z]+)', pages)) == set(SECTIONS)


def test_build_is_small_and_names_no_other_host():
    content = {one.name: one.read_bytes() for one in STATIC.iterdir()}
    assert sum(len(gzip.compress(one)) for one in content.values()) < 400_000  # of all pages, as they are sent
    assert b"<script" in content["index.html"]
    for name in ("console/package-lock.json", "console/package.json"):
        assert not re.search(r'"resolved"|registry', (ROOT / name).read_text())
