"""IMAP server of the development mailbox: enough of RFC 3501 and IDLE (RFC 2177) to read and follow an inbox."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread

from app.ops.mailbox.imap_syntax import (
    LITERAL,
    SyntaxMistake,
    internal_date,
    numbers,
    quote,
    read_day,
    section,
    tokens,
)
from app.ops.mailbox.inboxes import Inbox, Inboxes, Mail

LONGEST_LINE = 65536  # bytes, with literals


@dataclass
class ImapServer:
    """An IMAP server on a thread of its own. `has_idle` and `tls` are for tests of other kinds of servers."""

    inboxes: Inboxes
    address: str
    port: int
    has_idle: bool = True
    tls: ssl.SSLContext | None = None
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @contextmanager
    def running(self) -> Iterator["ImapServer"]:
        """Serve until the end of the block. Port 0 becomes a free port."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(
            asyncio.start_server(self._serve, self.address, self.port, ssl=self.tls, limit=LONGEST_LINE)
        )
        self.port = server.sockets[0].getsockname()[1]
        thread = Thread(target=loop.run_forever, name="imap", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(server), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _close(self, server: asyncio.Server) -> None:
        """Refuse new connections, and break the open ones."""
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for writer in self.connections:
            writer.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            await _Conversation(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # the client is gone, or sent a line without an end
        except asyncio.CancelledError:
            pass  # the server stops; asyncio of Python 3.11 would print a traceback for a cancelled connection
        finally:
            self.connections.discard(writer)
            with suppress(OSError):
                writer.close()


@dataclass
class _Conversation:
    """One connection."""

    server: ImapServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inbox: Inbox | None = None
    selected: Inbox | None = None
    reported: int = 0  # number of mails that the client knows

    async def run(self) -> None:
        self.send(f"* OK [CAPABILITY {self.capabilities}] ready")
        while line := await self.read_command():
            tag, _, rest = line.strip().partition(b" ")
            words = tokens(rest)
            name = words.pop(0).upper() if words else ""
            if name == "UID" and words:
                name = f"UID {words.pop(0).upper()}"
            await self.answer(tag.decode(errors="replace"), name, words)
            if name == "LOGOUT":
                return

    async def read_command(self) -> bytes:
        """Return one command with its literals as quoted strings; nothing at the end of the connection."""
        command = b""
        while line := await self.reader.readline():
            literal = LITERAL.search(line)
            if literal is None:
                return command + line
            self.send("+ go ahead")
            command += line[: literal.start()] + quote(
                await self.reader.readexactly(min(int(literal[1]), LONGEST_LINE))
            )
        return b""

    async def answer(self, tag: str, name: str, words: list[str]) -> None:
        """Carry out one command and send its result."""
        method = getattr(self, f"do_{name.lower().replace(' ', '_')}", None)
        if method is None or (name not in _BEFORE_SIGN_IN and self.inbox is None):
            self.send(f"{tag} BAD unknown command, or not signed in")
            return
        try:
            result = method(*words)
            result = await result if asyncio.iscoroutine(result) else result
        except (SyntaxMistake, TypeError) as mistake:
            self.send(f"{tag} BAD {mistake}")
            return
        self.report()
        self.send(f"{tag} {result or 'OK done'}")
        await self.writer.drain()

    @property
    def capabilities(self) -> str:
        return f"IMAP4rev1 LITERAL+ AUTH=PLAIN AUTH=XOAUTH2{' IDLE' if self.server.has_idle else ''}"

    def do_capability(self) -> None:
        self.send(f"* CAPABILITY {self.capabilities}")

    def do_noop(self) -> None:
        """Report new mails only, as every command does."""

    def do_logout(self) -> None:
        self.send("* BYE")

    def do_login(self, address: str, password: str) -> str:
        self.inbox = self.server.inboxes.sign_in(address, password)
        return "OK signed in" if self.inbox else "NO [AUTHENTICATIONFAILED] wrong user name or password"

    async def do_authenticate(self, mechanism: str, given: str = "") -> str:
        if mechanism.upper() not in {"PLAIN", "XOAUTH2"}:
            return "NO unknown mechanism"
        if not given:
            self.send("+ ")
            given = await self._read_answer()
        if mechanism.upper() == "PLAIN":
            _, address, password = b64decode(given).decode().split("\0")
            return self.do_login(address, password)
        result = self.do_login(*_read_bearer(b64decode(given).decode()))
        if self.inbox is None:
            self.send("+ eyJzdGF0dXMiOiI0MDAifQ==")  # the reason; the client answers with an empty line
            await self._read_answer()
        return result

    async def _read_answer(self) -> str:
        return (await self.reader.readline()).decode(errors="replace").strip()

    def do_list(self, *_: str) -> None:
        self.send('* LIST () "/" INBOX')

    def do_status(self, name: str, _: str) -> str:
        inbox = self._named(name)
        if inbox is None:
            return "NO no such folder"
        mails = inbox.mails()
        self.send(f"* STATUS INBOX (MESSAGES {len(mails)} UIDNEXT {_next(mails)} UIDVALIDITY {inbox.uidvalidity})")
        return "OK done"

    def do_select(self, name: str) -> str:
        self.selected = self._named(name)
        if self.selected is None:
            return "NO no such folder"
        mails = self.selected.mails()
        self.reported = len(mails)
        self.send(f"* {len(mails)} EXISTS", "* 0 RECENT", "* FLAGS (\\Seen)")
        self.send(f"* OK [UIDVALIDITY {self.selected.uidvalidity}]", f"* OK [UIDNEXT {_next(mails)}]")
        return "OK [READ-WRITE] done"

    def do_examine(self, name: str) -> str:
        return self.do_select(name).replace("READ-WRITE", "READ-ONLY")

    def do_close(self) -> None:
        self.selected = None

    def do_uid_search(self, *words: str) -> None:
        inbox, keys = self._selected(), iter(words)
        found = inbox.mails()
        for key in map(str.upper, keys):
            if key == "UID":
                named = numbers(next(keys, ""), [mail.uid for mail in inbox.mails()])
                found = [mail for mail in found if mail.uid in named]
            elif key == "SINCE":
                day = read_day(next(keys, ""))
                found = [mail for mail in found if mail.received_at.date() >= day]
            elif key != "ALL":
                raise SyntaxMistake(f"unknown key {key}")
        self.send(f"* SEARCH {' '.join(str(mail.uid) for mail in found)}".rstrip())

    def do_uid_fetch(self, named: str, items: str) -> None:
        mails = self._selected().mails()
        wanted = numbers(named, [mail.uid for mail in mails])
        for number, mail in enumerate(mails, 1):
            if mail.uid in wanted:
                self.writer.write(b"* %d FETCH (UID %d%s)\r\n" % (number, mail.uid, self._items(mail, items)))

    def do_uid_store(self, named: str, _: str, flags: str) -> None:
        inbox = self._selected()
        if "\\SEEN" in flags.upper():
            inbox.seen |= numbers(named, [mail.uid for mail in inbox.mails()])

    async def do_idle(self) -> str:
        """Report mails as they arrive, until the client sends DONE."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        with self._selected().listening(lambda: loop.call_soon_threadsafe(news.set)):
            self.send("+ idling")
            done = asyncio.ensure_future(self.reader.readline())
            while not done.done():
                self.report()
                arrived = asyncio.ensure_future(news.wait())
                await asyncio.wait({done, arrived}, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                news.clear()
        return "OK done" if done.result().strip().upper() == b"DONE" else "BAD DONE was expected"

    def report(self) -> None:
        """Say how many mails there are, if the number has changed."""
        if self.selected is not None and (number := len(self.selected.mails())) != self.reported:
            self.reported = number
            self.send(f"* {number} EXISTS")

    def send(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    def _items(self, mail: Mail, items: str) -> bytes:
        result = b""
        for item in items.upper().split():
            if (part := section(item, mail.file.read_bytes)) is not None:
                result += b" %s {%d}\r\n%s" % (part[0].encode(), len(part[1]), part[1])
            elif item == "INTERNALDATE":
                result += b' INTERNALDATE "%s"' % internal_date(mail.received_at).encode()
            elif item == "RFC822.SIZE":
                result += b" RFC822.SIZE %d" % mail.file.stat().st_size
            elif item == "FLAGS":
                result += b" FLAGS (\\Seen)" if mail.uid in self._selected().seen else b" FLAGS ()"
            elif item != "UID":
                raise SyntaxMistake(f"unknown item {item}")
        return result

    def _named(self, name: str) -> Inbox | None:
        return self.inbox if name.upper() == "INBOX" else None

    def _selected(self) -> Inbox:
        if self.selected is None:
            raise SyntaxMistake("no folder is selected")
        return self.selected


def _read_bearer(given: str) -> tuple[str, str]:
    """Return user and token of XOAUTH2. The token of an account is its password."""
    parts = dict(part.partition("=")[::2] for part in given.split("\x01") if part)
    return parts.get("user", ""), parts.get("auth", "").removeprefix("Bearer ")


_BEFORE_SIGN_IN = frozenset({"CAPABILITY", "NOOP", "LOGOUT", "LOGIN", "AUTHENTICATE"})


def _next(mails: list[Mail]) -> int:
    return mails[-1].uid + 1 if mails else 1
