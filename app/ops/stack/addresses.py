"""Where each part of a running stack is found."""

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.ops.embedded import CannotStart, free_port, is_taken
from app.ops.embedded.ports import LOOPBACK
from app.ops.stack.environment import home, is_demo

MAILBOX_PORTS = {"MAILBOX_PORT": 8025, "MAILBOX_SMTP_PORT": 1025}
PORTS = {"web": ("PORT", 8000), "flower": ("FLOWER_PORT", 5555)}


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses and logins, as they are written to demo.json and shown in the terminal."""

    web: str
    flower: str
    flower_user: str
    flower_password: str
    mailbox: str | None

    def as_json(self) -> dict[str, Any]:
        """The shape of demo.json, without the users. A password that somebody chose is not repeated."""
        password = self.flower_password if is_demo() else None
        return {
            "api": f"{self.web}/api",
            "flower": {"url": self.flower, "user": self.flower_user, "password": password},
            "mailbox": self.mailbox,
        }


def places() -> Places:
    """Read from the environment, once the ports are settled."""
    user, _, password = os.environ.get("FLOWER_BASIC_AUTH", "").partition(":")
    mailbox = os.environ.get("MAILBOX_PORT")
    return Places(
        web=os.environ.get("PUBLIC_URL") or f"http://{LOOPBACK}:{port_of('web')}",
        flower=f"http://{LOOPBACK}:{port_of('flower')}",
        flower_user=user,
        flower_password=password,
        mailbox=f"http://{LOOPBACK}:{mailbox}" if mailbox else None,
    )


def port_of(part: str) -> int:
    """The port a part listens on."""
    name, default = PORTS[part]
    return int(os.environ.get(name) or default)


def refuse_taken_ports(parts: Collection[str]) -> None:
    """Said before anything is started, instead of by a part that cannot bind.

    Raises:
        CannotStart: naming the port and the variable that moves it.
    """
    for part, (name, _) in PORTS.items():
        if part in parts and is_taken(port_of(part)):
            raise CannotStart(f"port {port_of(part)} is taken: stop what listens there, or set {name} to another")


def settle_mailbox_ports() -> None:
    """The mailbox moves aside when its usual ports are taken: nobody has to know them by heart."""
    for name, usual in MAILBOX_PORTS.items():
        if name not in os.environ:
            os.environ[name] = str(free_port() if is_taken(usual) else usual)
        elif is_taken(int(os.environ[name])):
            raise CannotStart(f"port {os.environ[name]} is taken: set {name} to another")
    os.environ["SMTP_URL"] = f"smtp://{LOOPBACK}:{os.environ['MAILBOX_SMTP_PORT']}"


def shown() -> list[tuple[str, str]]:
    """What a person is told when everything runs: what, and where."""
    here = places()
    lines = [
        ("API", f"{here.web}/api"),
        ("API docs", f"{here.web}/docs"),
        (
            "Flower",
            f"{here.flower}  (user {here.flower_user}, password {here.flower_password})" if is_demo() else here.flower,
        ),
    ]
    if here.mailbox:
        lines.append(("Mailbox", here.mailbox))
    return [*lines, *sign_ins()]


def sign_ins() -> list[tuple[str, str]]:
    """The people of the demo clinic, as demo.json has them."""
    file = home() / "demo.json"
    if not is_demo() or not file.exists():
        return []
    users = json.loads(file.read_text())["users"]
    lines = [(user["role"].replace("_", " "), f"{user['email']}  {user['password']}") for user in users]
    return [("", ""), *lines, ("", f"(kept in {file})")]
