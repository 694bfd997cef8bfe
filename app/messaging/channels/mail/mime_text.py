"""Text parts of MIME messages, written without the email package: it takes ten times as long.

The bytes are the same, except for the random boundary; a property test compares them.
"""

import binascii
import re
import secrets
from email import quoprimime
from typing import Final

LONGEST_LINE: Final = 78  # RFC 5322, 2.1.1
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BASE64_BYTES: Final = LONGEST_LINE // 4 * 3  # in a line
_SNIFFED_LINES: Final = 10  # lines that decide between the two encodings


def text_content(body: str, html: str | None = None) -> bytes:
    """Return headers and body of a text; with HTML, of both as alternatives. Seven-bit, lines ended by CRLF."""
    plain_head, plain = _encode(body, "plain")
    if html is None:
        return f"{plain_head}MIME-Version: 1.0\r\n\r\n{plain}".encode("ascii")
    html_head, rich = _encode(html, "html")
    parts = (f"{plain_head}\r\n{plain}", f"{html_head}MIME-Version: 1.0\r\n\r\n{rich}")
    boundary = _boundary(*parts)
    inner = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    head = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
    return f"{head}{inner}--{boundary}--\r\n".encode("ascii")


def _boundary(*parts: str) -> str:
    while any((boundary := f"==============={secrets.randbelow(10**19):019d}==") in part for part in parts):
        pass
    return boundary


def _encode(text: str, subtype: str) -> tuple[str, str]:
    """Return the headers of a text part and its encoded text."""
    encoding, encoded = _encode_lines(text.encode().splitlines())
    return f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n', encoded


def _encode_lines(lines: list[bytes]) -> tuple[str, str]:
    """Return the name of the encoding and the encoded text: the shorter one, unless all lines are short and ASCII."""
    if all(len(line) <= LONGEST_LINE and line.isascii() for line in lines):
        return "7bit", _join(lines).decode("ascii")
    first = _join(lines[:_SNIFFED_LINES])
    quoted = quoprimime.body_encode(first.decode("latin-1"), LONGEST_LINE)
    if len(quoted) > len(binascii.b2a_base64(first)):
        data = _join(lines)
        chunks = (data[at : at + _BASE64_BYTES] for at in range(0, len(data), _BASE64_BYTES))
        return "base64", "".join(binascii.b2a_base64(chunk).decode("ascii") for chunk in chunks).replace("\n", "\r\n")
    if len(lines) > _SNIFFED_LINES:
        quoted = quoprimime.body_encode((b"\n".join(lines) + b"\n").decode("latin-1"), LONGEST_LINE)
    return "quoted-printable", _LINE_END.sub("\r\n", quoted)


def _join(lines: list[bytes]) -> bytes:
    return b"\r\n".join(lines) + b"\r\n"
