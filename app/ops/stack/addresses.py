"""Addresses of the parts of a running stack."""

import json
import os
from collections.abc import Collection
from dataclasses import dataclass

from app.core.type_aliases import JsonDict
from app.ops.embedded import CannotStart, free_port, is_taken
from app.ops.embedded.ports import LOOPBACK
from app.ops.stack.environment import home, is_demo
from app.ops.stack.numeric_settings import port_setting

ECHO_PORT = ("ECHO_PORT", 8026)
MAILBOX_PORTS = {"MAILBOX_PORT": 8025, "MAILBOX_SMTP_PORT": 1025, "MAILBOX_IMAP_PORT": 1143}
PORTS = {"web": ("PORT", 8000), "flower": ("FLOWER_PORT", 5555)}
PROBES = {"web": "/livez", "flower": "/healthcheck"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses and logins, as written to demo.json and shown in the terminal."""

    web: str
    flower: str
    flower_user: str
    flower_password: str
    mailbox: str | None
    echo: str | None

    def as_json(self) -> JsonDict:
        """Return demo.json without the users. A password set by the operator is not included."""
        password = self.flower_password if is_demo() else None
        return {
            "api": f"{self.web}/api",
            "flower": {"url": self.flower, "user": self.flower_user, "password": password},
            "mailbox": self.mailbox,
            "echo": self.echo,
        }


def read_addresses() -> Addresses:
    """Read the addresses from the environment, after the ports are chosen."""
    user, _, password = os.environ.get("FLOWER_BASIC_AUTH", "").partition(":")
    mailbox, echo = os.environ.get("MAILBOX_PORT"), os.environ.get("ECHO_PORT")
    return Addresses(
        web=os.environ.get("PUBLIC_URL") or f"http://{LOOPBACK}:{port_of('web')}",
        flower=f"http://{LOOPBACK}:{port_of('flower')}",
        flower_user=user,
        flower_password=password,
        mailbox=f"http://{LOOPBACK}:{mailbox}" if mailbox else None,
        echo=f"http://{LOOPBACK}:{echo}" if echo else None,
    )


def port_of(part: str) -> int:
    """Return the port of a part. Raises WrongSetting (when its variable is not a port)."""
    return port_setting(*PORTS[part])


def probe_urls() -> dict[str, str]:
    """Return by part the URL that its process answers while it is alive."""
    return {part: f"http://{LOOPBACK}:{port_of(part)}{path}" for part, path in PROBES.items()}


def require_free_ports(parts: Collection[str]) -> None:
    """Check the ports before anything is started.

    Raises:
        CannotStart: with the port and the variable that changes it.
    """
    for part, (name, _) in PORTS.items():
        if part in parts and not (part == "web" and has_inherited_socket()) and is_taken(port_of(part)):
            raise CannotStart(
                f"port {port_of(part)} is taken: stop the process that listens there, or set {name} to another port"
            )


def has_inherited_socket() -> bool:
    """Return whether systemd holds the address of this process, and has passed its socket on (`sd_listen_fds`)."""
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0"


def choose_mailbox_ports() -> None:
    """Choose the mailbox's ports, and allow calls to its IMAP server. Free ports replace default ones that are taken.

    Raises:
        CannotStart: if a port set by the operator is taken.
    """
    for name, usual in MAILBOX_PORTS.items():
        if not os.environ.get(name):
            os.environ[name] = str(free_port() if is_taken(usual) else usual)
        elif is_taken(port_setting(name, usual)):
            raise CannotStart(f"port {os.environ[name]} is taken: set {name} to another port")
    os.environ["SMTP_URL"] = f"smtp://{LOOPBACK}:{os.environ['MAILBOX_SMTP_PORT']}"
    _allow_calls(os.environ["MAILBOX_IMAP_PORT"])


def choose_echo_port() -> None:
    """Choose the port of the echo gateway, and allow calls to it.

    Raises:
        CannotStart: if a port set by the operator is taken.
    """
    name, usual = ECHO_PORT
    if not os.environ.get(name):
        os.environ[name] = str(free_port() if is_taken(usual) else usual)
    elif is_taken(echo_port()):
        raise CannotStart(f"port {os.environ[name]} is taken: set {name} to another port")
    _allow_calls(os.environ[name])


def echo_port() -> int:
    """Return the port of the echo gateway. Raises WrongSetting (when ECHO_PORT is not a port)."""
    return port_setting(*ECHO_PORT)


def _allow_calls(port: str) -> None:
    allowed = {*os.environ.get("OUTGOING_ALLOW", "").split(","), f"{LOOPBACK}:{port}"}
    os.environ["OUTGOING_ALLOW"] = ",".join(sorted(allowed - {""}))


def display_lines() -> list[tuple[str, str]]:
    """Return the addresses for the terminal as pairs of label and address."""
    here = read_addresses()
    lines = [
        ("Console", here.web),
        ("API", f"{here.web}/api"),
        ("API docs", f"{here.web}/docs"),
        (
            "Flower",
            f"{here.flower}  (user {here.flower_user}, password {here.flower_password})" if is_demo() else here.flower,
        ),
    ]
    if here.mailbox:
        lines.append(("Mailbox", here.mailbox))
    if here.echo:
        lines.append(("Echo gateway", here.echo))
    return [*lines, *sign_ins()]


def sign_ins() -> list[tuple[str, str]]:
    """Return the logins of the demo clinic from demo.json."""
    file = home() / "demo.json"
    if not is_demo() or not file.exists():
        return []
    users = json.loads(file.read_text())["users"]
    lines = [(user["role"].replace("_", " "), f"{user['email']}  {user['password']}") for user in users]
    return [("", ""), *lines, ("", f"(stored in {file})")]
