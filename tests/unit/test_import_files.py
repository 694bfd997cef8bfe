"""Files as people send them: whatever spreadsheet wrote them, read alike."""

import codecs
import io
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from app.errors import Invalid
from app.imports import reading
from app.imports.cells import DateOrder, Reading, lead_of
from app.imports.mapping import guess
from app.imports.reading import MOST_ROWS, FileKind, rows_of, shape_of

TABLE = "Name;City\r\nJosé Núñez;Málaga\r\nÀ vous;Genève\r\n"


def table_of(content: bytes, kind: FileKind = FileKind.CSV) -> tuple[Sequence[str], list[tuple[int, list[str]]]]:
    shape = shape_of(content, kind)
    return shape.columns, [(number, list(cells)) for number, cells in rows_of(content, shape)]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        codecs.BOM_UTF8 + TABLE.encode(),
        TABLE.encode("utf-16"),
        codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
        TABLE.encode("cp1252"),
        TABLE.encode("latin-1"),
        TABLE.replace(";", ",").encode(),
        TABLE.replace(";", "\t").encode(),
        TABLE.replace("\r\n", "\n").encode(),
        ("\r\n" + TABLE.replace("\r\nÀ", "\r\n\r\n;\r\nÀ")).encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "cp1252", "latin-1", "commas", "tabs", "lines", "gaps"],
)
def test_every_encoding_and_delimiter_reads_alike(content: bytes):
    columns, rows = table_of(content)
    assert columns == ("Name", "City")
    assert [cells for _, cells in rows] == [["José Núñez", "Málaga"], ["À vous", "Genève"]]


def test_rows_are_called_as_the_spreadsheet_calls_them():
    _, rows = table_of(b"a,b\n1,2\n\n3,4\n")
    assert rows == [(2, ["1", "2"]), (4, ["3", "4"])]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_lines():
    _, rows = table_of(b'name,note\n"Ruiz, Ana","She said ""yes""\nand left"\n')
    assert rows == [(2, ["Ruiz, Ana", 'She said "yes"\nand left'])]


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_sheet_reads_as_it_looks():
    content = workbook([["Name", "Born", "Phone", None], ["Ana", date(2012, 3, 1), 12125550143.0, None], [None, None]])
    columns, rows = table_of(content, FileKind.XLSX)
    assert columns == ("Name", "Born", "Phone")
    assert rows == [(2, ["Ana", "2012-03-01", "12125550143"])]


def bomb() -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/x.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(20):
            part.write(b"\0" * 1_000_000)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", FileKind.CSV, "nothing"),
        (b"\n\n", FileKind.CSV, "nothing"),
        (b"a\0b\0", FileKind.CSV, "no text"),
        (b'a,b\n"never closed', FileKind.CSV, "Row 2"),
        (b"a,b\n" + b"x" * 20_000, FileKind.CSV, "Row 2"),
        (b"a," * 300, FileKind.CSV, "200 columns"),
        (b"no zip", FileKind.XLSX, "no XLSX"),
        (b"PK\3\4 broken", FileKind.XLSX, "no XLSX"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, kind: FileKind, says: str):
    with pytest.raises(Invalid) as refused:
        table_of(content, kind)
    assert says in refused.value.errors[0].message


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED", 10_000_000)
    content = bomb()
    assert len(content) < 100_000
    with pytest.raises(Invalid, match="mistakes"):
        table_of(content, FileKind.XLSX)


def test_a_file_of_too_many_rows_is_refused():
    with pytest.raises(Invalid):
        table_of(b"a\n" + b"1\n" * (MOST_ROWS + 1))


def test_a_hundred_thousand_rows_take_no_more_memory_than_ten():
    content = b"first,last,mail\n" + b"Ana,Ruiz,ana@example.org\n" * 100_000
    shape = shape_of(content, FileKind.CSV)
    tracemalloc.start()
    count = sum(1 for _ in rows_of(content, shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 2_000_000 + len(content)  # the file itself may be copied once


# --- which column is what ---


@pytest.mark.parametrize(
    ("columns", "guessed"),
    [
        (["First Name", "LAST_NAME", "E-mail", "Phone number"], ["first_name", "last_name", "email", "phone"]),
        (["Vorname", "Nachname", "PLZ"], ["first_name", "last_name", "postal_code"]),
        (["Emails", "Telephon"], ["email", "phone"]),  # slips of the pen
        (["Email", "E-mail address"], ["email", None]),  # one of them
        (["Shoe size", "x"], [None, None]),
        (["Lead Source", "DOB", "ZIP"], ["source", "patient_dob", "postal_code"]),
    ],
)
def test_columns_are_recognised_as_far_as_it_is_likely(columns: list[str], guessed: list[str | None]):
    found = guess(columns)
    assert [found.get(column) for column in columns] == guessed


# --- what a cell says ---

WEB, ANA = UUID(int=1), UUID(int=2)
READING = Reading(DateOrder.DAY, {"web search": WEB}, {"ana@clinic.example": ANA}, None)


def read(**cells: str) -> tuple[dict[str, Any], dict[str, str]]:
    return lead_of(cells, READING)


@pytest.mark.parametrize(
    ("cells", "lead"),
    [
        ({"full_name": "Ana María Ruiz"}, {"first_name": "Ana María", "last_name": "Ruiz"}),
        ({"full_name": "Ana"}, {"first_name": "Ana", "last_name": "Ana"}),
        ({"phone": "'+12125550143"}, {"phone": "+12125550143"}),  # as an export neutralised it
        ({"notes": "'=SUM(A1)"}, {"notes": "=SUM(A1)"}),
        ({"notes": "'tis the season"}, {"notes": "'tis the season"}),
        ({"patient_dob": "31/03/2012"}, {"patient_dob": "2012-03-31"}),
        ({"patient_dob": "2012-03-31"}, {"patient_dob": "2012-03-31"}),
        ({"patient_dob": "1.2.12"}, {"patient_dob": "2012-02-01"}),
        ({"treatment_interest": "Braces metal; invisalign"}, {"treatment_interest": ["BRACES_METAL", "INVISALIGN"]}),
        ({"preferred_contact": "Text"}, {"preferred_contact": "TEXT"}),
        ({"source": "Web Search"}, {"source_id": str(WEB)}),
        ({"assigned_to": "ANA@clinic.example"}, {"assigned_to_id": str(ANA)}),
        ({"lead_value": "$1,250.50"}, {"lead_value": "1250.50"}),
        ({"lead_value": "1.250,50 €"}, {"lead_value": "1250.50"}),
        ({"tags": "vip, summer"}, {"tags": ["vip", "summer"]}),
        ({"city": "", "state": " "}, {}),
    ],
    ids=str,
)
def test_a_cell_says_what_a_person_meant(cells: dict[str, str], lead: dict[str, Any]):
    assert read(**cells) == (lead, {})


@pytest.mark.parametrize(
    "cells",
    [{"patient_dob": "yesterday"}, {"patient_dob": "31/31/2012"}, {"source": "Nowhere"}, {"lead_value": "much"},
     {"treatment_interest": "gold"}],
    ids=str,
)  # fmt: skip
def test_a_cell_that_cannot_be_is_said(cells: dict[str, str]):
    lead, mistakes = read(**cells)
    assert (lead, set(mistakes)) == ({}, set(cells))


def test_american_dates_begin_with_the_month():
    american = Reading(DateOrder.MONTH, {}, {}, WEB)
    assert lead_of({"patient_dob": "03/31/2012"}, american)[0] == {"patient_dob": "2012-03-31", "source_id": str(WEB)}
