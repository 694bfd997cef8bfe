"""Outbound HTTP client: allowed addresses, certificates, timeouts and signatures."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest

from app.config import Settings
from app.core.http_client import client, signing, targets
from app.core.http_client.addresses import is_public
from app.core.http_client.client import NoResponse, NotSent
from app.core.http_client.kept_connections import KeptConnections
from app.core.http_client.targets import NotAllowed, Unresolved
from tests.support.environment import ROOT
from tests.support.gateway import Gateway

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.fixture
def gateway(configure: Callable[..., None]) -> Iterator[Gateway]:
    with Gateway() as gateway:
        configure(outgoing_allow=gateway.place, outgoing_timeout=2)
        yield gateway


@pytest.mark.parametrize(
    "address",
    [
        *(
            "192.88.99.1",
            "3fff::1",
            "3fff:fff::1",
            "100::1",
            "5f00::1",
            "2001:db8::1",
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
        ),
        *("100.64.0.1", "100.127.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
        *("255.255.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1", "2001:0:1::1", "100::1", "5f00::1"),
    ],
)
def test_private_or_reserved_address_is_not_public(address: str):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_address_is_recognized(address: str):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "https://", "http://8.8.8.8/", "ftp://8.8.8.8/", "javascript:alert(1)", "file:///etc/passwd"),
        *("https://me@8.8.8.8/", "https://me:pw@8.8.8.8/", "https://@8.8.8.8/", "https://8.8.8.8:22/"),
        *("https://8.8.8.8:0/", "https://8.8.8.8:99999/", "https://8.8.8.8:x/", "https://8.8.8.8\\@127.0.0.1/"),
        *("https://134744072/", "https://0x08080808/", "https://010.8.8.8/", "https://8.8.2056/", "https://0x8.8.8.8/"),
        *("https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/", "https://0/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://[::ffff:7f00:1]/"),
        *("https://localhost/", "https://127.0.0.1/", "https://127.0.0.1:8443/", "https://127.0.0.1./"),
        *("https://①②⑦.0.0.1/", "https://8.8.8.8/ x", "https://8.8.8.8/\r\nX: y", "https://8.8.8.8/é"),
        *("https://nowhere.invalid/", f"https://8.8.8.8/{'x' * 2000}", "https://a b/", "https://-/"),
    ],
)
def test_call_to_a_forbidden_address_is_refused(url: str):
    with pytest.raises(NotAllowed):
        targets.resolve_allowed(url)


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://8.8.8.8/hook?token=x", 443), ("HTTPS://8.8.8.8:8443", 8443), ("https://[2606:4700::1111]/", 443)],
)
def test_call_to_a_public_host_is_allowed(url: str, port: int):
    target, addresses = targets.resolve_allowed(url)
    assert (target.port, len(addresses)) == (port, 1)


def test_host_is_refused_when_one_of_its_addresses_is_private(monkeypatch: pytest.MonkeyPatch):
    """Patch the resolver, because no name server answers in tests."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(NotAllowed, match="private network"):
        targets.resolve_allowed("https://clinic.example/")


def test_setting_allows_more_ports(configure: Callable[..., None]):
    configure(outgoing_ports="443,9443")
    assert targets.resolve_allowed("https://8.8.8.8:9443/")[0].port == 9443
    with pytest.raises(NotAllowed, match="9443"):
        targets.resolve_allowed("https://8.8.8.8:8443/")


@pytest.mark.parametrize("place", ["127.0.0.1:9000", "127.0.0.0/8", " 10.0.0.0/8 , localhost:1, 127.0.0.1:9000"])
def test_allowed_host_or_network_may_be_private_and_plain_http(configure: Callable[..., None], place: str):
    configure(outgoing_allow=place)
    assert targets.resolve_allowed("http://127.0.0.1:9000/")[0].host == "127.0.0.1"
    with pytest.raises(NotAllowed):
        targets.resolve_allowed("http://8.8.8.8:9000/")
    with pytest.raises(NotAllowed):
        targets.resolve_allowed("https://192.168.0.1/")


def test_invalid_setting_is_refused_at_the_start(configure: Callable[..., None]):
    configure(outgoing_allow="10.0.0.0/8, somewhere")
    with pytest.raises(ValueError, match="somewhere"):
        Settings()


def test_request_arrives_unchanged(gateway: Gateway):
    gateway.answer(202, {"Retry-After": "7"}, "taken")
    answer = client.post(gateway.url, b'{"a": 1}', {"Content-Type": "application/json"})
    assert (answer.status, answer.headers["retry-after"], answer.body) == (202, "7", b"taken")
    [call] = gateway.calls
    assert (call.body, call.headers["Host"], call.headers["Content-Type"]) == (
        *(b'{"a": 1}', gateway.place, "application/json"),
    )


def test_redirect_is_not_followed(gateway: Gateway):
    gateway.answer(302, {"Location": gateway.url})
    assert client.post(gateway.url, b"", {}).status == 302
    assert len(gateway.calls) == 1


def test_proxies_of_the_environment_are_ignored(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client.post(gateway.url, b"", {}).status == 200


def test_large_answer_is_read_only_up_to_a_limit(gateway: Gateway):
    gateway.answer(200, body=b"x" * 10_000_000)
    assert len(client.post(gateway.url, b"", {}).body) == client.MAX_RESPONSE_BYTES


def test_slow_answer_times_out(gateway: Gateway, configure: Callable[..., None]):
    configure(outgoing_timeout=0.5)
    gateway.hang()
    with pytest.raises(NoResponse):
        client.post(gateway.url, b"", {})
    assert len(gateway.calls) == 1


def test_refused_connection_means_nothing_was_sent(gateway: Gateway):
    gateway.stop()
    with pytest.raises(NotSent, match="refused"):
        client.post(gateway.url, b"", {})


def test_unresolvable_host_means_nothing_was_sent():
    with pytest.raises(Unresolved):
        client.post("https://nowhere.invalid/", b"", {})


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"220 mail.example ESMTP\r\n"])
def test_truncated_answer_is_an_error(configure: Callable[..., None], answer: bytes):
    with _Server(lambda line: line.sendall(answer)) as server:
        configure(outgoing_allow=server.place, outgoing_timeout=2)
        with pytest.raises(NoResponse):
            client.post(f"http://{server.place}/", b"", {})


def test_slow_bytes_do_not_extend_the_timeout(configure: Callable[..., None]):
    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(100):
            line.sendall(b"x")
            time.sleep(0.1)

    with _Server(drip) as server:
        configure(outgoing_allow=server.place, outgoing_timeout=0.6)
        with pytest.raises(NoResponse):
            client.post(f"http://{server.place}/", b"", {})
        assert server.was_cut_off.wait(60)


def test_changed_dns_answer_does_not_change_the_connected_address(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    """The certificate is checked against the host name, not the connected address."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))
    meanings, look_up = iter(["127.0.0.1", "127.0.0.1", "10.0.0.1"]), socket.getaddrinfo

    def ask(host: str, *args: Any, **options: Any) -> Any:
        return look_up(next(meanings) if host.isalpha() or ".example" in host else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    with _Server(lambda line: line.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"), tls=True) as server:
        port = server.place.rpartition(":")[2]
        configure(outgoing_allow="127.0.0.0/8", outgoing_timeout=2)
        assert client.post(f"https://localhost:{port}/", b"", {}).status == 204
        with pytest.raises(NotSent, match="certificate"):
            client.post(f"https://clinic.example:{port}/", b"", {})
        configure(outgoing_ports=port)
        with pytest.raises(NotAllowed, match="private network"):
            client.post(f"https://localhost:{port}/", b"", {})


def test_untrusted_certificate_is_refused_before_data_is_sent(configure: Callable[..., None]):
    with _Server(lambda _: None, tls=True) as server:
        configure(outgoing_allow=server.place, outgoing_timeout=2)
        with pytest.raises(NotSent, match="certificate"):
            client.post(f"https://{server.place}/", b"", {})


def test_signature_matches_the_standard_webhooks_example():
    """https://github.com/standard-webhooks: the vector of its libraries."""
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signing.sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        at=at,
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_signature_of_either_secret_is_accepted():
    old, new = signing.new_secret(), signing.new_secret()
    headers = signing.sign([new, old], "a", b"x", at=NOW)
    assert [signing.verify([key], headers, b"x", now=NOW) for key in (old, new)] == ["a", "a"]
    assert signing.verify([new, old], signing.sign([old], "a", b"x", at=NOW), b"x", now=NOW) == "a"


@pytest.mark.parametrize(
    ("changed", "body", "later"),
    [
        ({}, b"y", 0),
        ({"webhook-id": "b"}, b"x", 0),
        ({"webhook-id": ""}, b"x", 0),
        ({"webhook-timestamp": "1773154801"}, b"x", 0),
        ({"webhook-timestamp": "x"}, b"x", 0),
        ({"webhook-timestamp": "9" * 400}, b"x", 0),
        ({"webhook-signature": ""}, b"x", 0),
        ({"webhook-signature": "v1,"}, b"x", 0),
        ({"webhook-signature": "v1a,eA=="}, b"x", 0),
        ({}, b"x", 301),
        ({}, b"x", -301),
    ],
)
def test_changed_or_old_message_fails_verification(changed: dict[str, str], body: bytes, later: int):
    key = signing.new_secret()
    headers = signing.sign([key], "a", b"x", at=NOW) | changed
    with pytest.raises(signing.WrongSignature):
        signing.verify([key], headers, body, now=NOW + timedelta(seconds=later))


TLS = ROOT / "tests" / "support" / "tls"


class _Server:
    """A server that accepts one connection after the other and answers with raw bytes."""

    def __init__(self, act: Callable[[socket.socket], Any], *, tls: bool = False) -> None:
        self._act, self.was_cut_off = act, threading.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self._context:
            self._context.load_cert_chain(Path(TLS / "server.pem"))

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(line, server_side=True) if self._context else line as talk:
                    talk.recv(65536)
                    self._act(talk)
            except OSError:
                self.was_cut_off.set()


class _KeepAlive(BaseHTTPRequestHandler):
    """Answers each call with 204, and closes the connection after it without notice if the server says so."""

    protocol_version = "HTTP/1.1"
    closes = False
    ports: list[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.ports.append(self.client_address[1])
        self.send_response(204)
        self.end_headers()
        self.close_connection = self.closes

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@contextmanager
def keep_alive_server(configure: Callable[..., None], *, closes: bool) -> Iterator[tuple[str, list[int]]]:
    """Yield the URL of a server, and the list of its clients' ports, one for each call."""
    ports: list[int] = []
    handler = type("Handler", (_KeepAlive,), {"closes": closes, "ports": ports})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configure(outgoing_allow=f"127.0.0.1:{server.server_port}", outgoing_timeout=2)
        yield f"http://127.0.0.1:{server.server_port}/", ports
        server.shutdown()


def test_connection_is_kept_for_the_next_call(configure: Callable[..., None]):
    connections = KeptConnections()
    with keep_alive_server(configure, closes=False) as (url, ports):
        for _ in range(3):
            assert connections.post(url, b"{}", {}).status == 204
        assert len(set(ports)) == 1
        connections.forget(targets.parse_target(url))


def test_connection_that_the_server_closed_is_replaced(configure: Callable[..., None]):
    connections = KeptConnections()
    with keep_alive_server(configure, closes=True) as (url, ports):
        for _ in range(3):
            assert connections.post(url, b"{}", {}).status == 204
        assert len(set(ports)) == 3


def test_kept_connection_is_not_used_for_a_host_that_is_no_longer_allowed(configure: Callable[..., None]):
    connections = KeptConnections()
    with keep_alive_server(configure, closes=False) as (url, ports):
        connections.post(url, b"{}", {})
        configure(outgoing_allow="")
        with pytest.raises(NotAllowed):
            connections.post(url, b"{}", {})
        assert len(ports) == 1
        connections.forget(targets.parse_target(url))
