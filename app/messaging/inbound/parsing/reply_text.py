"""New text of a reply: without quoted messages and signature."""

import re
from html.parser import HTMLParser
from itertools import takewhile
from typing import Final

import nh3
from mailparser_reply import EmailReplyParser
from mailparser_reply.constants import MAIL_LANGUAGES

from app.messaging.inbound.parsing.parse import ParsedEmail
from app.messaging.inbound.parsing.quotes import is_program_line, without_quotes

LONGEST_TEXT: Final = 5000  # characters: the longest note of an activity
_READ: Final = 6000  # characters that are searched for quotes; on longer texts the parser may take minutes
_MAX_TAGS: Final = 5000  # of an HTML text
_BLANK_LINES: Final = re.compile(r"\n[ \t\r\f\v\xa0]*(?:\n[ \t\r\f\v\xa0]*)+")
_SPACES: Final = re.compile(r"[ \t\r\f\v\xa0]{2,}")
_UNDERSCORES: Final = re.compile(r"([_=*-])\1{40,}")
_SIGNATURE_LINES: Final = frozenset({"--", "__"})
_SENT_FROM: Final = "|".join(str(words["sent_from"]) for words in MAIL_LANGUAGES.values() if words.get("sent_from"))
_PROGRAM_LINE: Final = re.compile(rf"\s*(?:{_SENT_FROM})[^.!?]{{0,60}}$", re.IGNORECASE)  # `Sent from my iPhone`
_PARSER: Final = EmailReplyParser(languages=sorted(MAIL_LANGUAGES))
_BLOCKS: Final = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "hr", "blockquote", "table"})
# Elements with which mail programs begin the quoted message.
_QUOTES: Final = re.compile(
    r"gmail_quote|yahoo_quoted|moz-cite-prefix|divRplyFwdMsg|appendonsend|stopSpelling|protonmail_quote|zmail_extra"
    r"|OLK_SRC_BODY_SECTION|mail-editor-reference|gmail_attr|tutanota_quote",
    re.IGNORECASE,
)


def new_text(mail: ParsedEmail) -> str:
    """Return what the sender wrote, at most 5,000 characters. Only if nothing else is left, quoted text is kept."""
    full = full_text(mail)
    replies = _PARSER.read(without_quotes(full)).replies
    own = _own_lines(replies[0].content if replies else "")
    return ("\n".join(own).strip() or full.strip())[:LONGEST_TEXT]


def _own_lines(text: str) -> list[str]:
    """Return the lines up to the signature, without quoted lines and what mail programs write before and after them."""
    lines = list(takewhile(lambda line: line.strip() not in _SIGNATURE_LINES, text.splitlines()))
    lines = [line for line in lines if not line.lstrip().startswith(">")]
    while lines and (not lines[-1].strip() or _is_of_program(lines[-1])):
        lines.pop()
    return lines


def _is_of_program(line: str) -> bool:
    return is_program_line(line) or bool(_PROGRAM_LINE.match(line)) or _is_attribution(line)


def _is_attribution(line: str) -> bool:
    """Return whether the line introduces a quote, in any language: a sender's address and a colon at the end."""
    return "@" in line and line.rstrip().endswith(":")


def full_text(mail: ParsedEmail) -> str:
    """Return the text of the mail, at most 6,000 characters; of a mail that is only HTML, its text without quotes."""
    text = (mail.plain if mail.plain.strip() else html_to_text(mail.html)).replace("\xa0", " ")
    text = _SPACES.sub(" ", _UNDERSCORES.sub(r"\1\1\1\1\1", text[: 4 * _READ].replace("\r\n", "\n")))
    return _BLANK_LINES.sub("\n\n", text)[:_READ]


def html_to_text(html: str) -> str:
    """Return the text of an HTML mail: cleaned, a line for each block, up to the quoted message."""
    reader = _TextReader()
    few_tags = "<".join(html.split("<", _MAX_TAGS)[:_MAX_TAGS])
    reader.feed(nh3.clean(few_tags, tags=set(_BLOCKS), attributes={"*": {"class", "id"}}))
    reader.close()
    return "".join(reader.lines).strip()


class _TextReader(HTMLParser):
    """Collect the text of cleaned HTML. A quote, and everything after it, is left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._is_over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """End at the beginning of a quote; begin a line at a block."""
        if tag == "blockquote" or any(_QUOTES.search(value or "") for _, value in attrs):
            self._is_over = self._is_over or bool("".join(self.lines).strip())
        if tag in _BLOCKS:
            self.lines.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End the line of a block."""
        if tag in _BLOCKS:
            self.lines.append("\n")

    def handle_data(self, data: str) -> None:
        """Add text before the quote."""
        if not self._is_over:
            self.lines.append(data.replace("\n", " "))
