"""Import files: encodings, delimiters, workbooks, and protection against malicious files."""

import codecs
import io
import tracemalloc
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.leads.capture.imports import workbook as limits
from app.leads.capture.imports.cells import CellContext, parse_row
from app.leads.capture.imports.mapping import guess_mapping
from app.leads.capture.imports.tables import MOST_ROWS, FileKind, open_table
from app.leads.capture.imports.typed_cells import DateOrder
from app.leads.capture.imports.value_lists import join_values, split_values

TABLE = "Name;City\r\nJosé Núñez;Málaga\r\nÀ vous;Genève\r\n"


def table_of(content: bytes, kind: FileKind = FileKind.CSV) -> tuple[Sequence[str], list[tuple[int, list[str]]]]:
    table = open_table(content, kind)
    return table.columns, [(number, list(cells)) for number, cells in table.rows]


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
def test_every_encoding_and_delimiter_gives_the_same_table(content: bytes):
    columns, rows = table_of(content)
    assert columns == ("Name", "City")
    assert [cells for _, cells in rows] == [["José Núñez", "Málaga"], ["À vous", "Genève"]]


def test_rows_have_the_numbers_of_the_spreadsheet():
    _, rows = table_of(b"a,b\n1,2\n\n3,4\n")
    assert rows == [(2, ["1", "2"]), (4, ["3", "4"])]


def test_quoted_cell_may_contain_delimiters_quotes_and_newlines():
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


def test_workbook_cells_are_read_as_displayed():
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
        (b"", FileKind.CSV, "empty"),
        (b"\n\n", FileKind.CSV, "empty"),
        (b"a\0b\0", FileKind.CSV, "not text"),
        (b'a,b\n"never closed', FileKind.CSV, "Row 2"),
        (b"a,b\n" + b"x" * 20_000, FileKind.CSV, "Row 2"),
        (b"a," * 300, FileKind.CSV, "200 columns"),
        (b"no zip", FileKind.XLSX, "not an XLSX"),
        (b"PK\3\4 broken", FileKind.XLSX, "not an XLSX"),
    ],
)
def test_unreadable_file_is_refused_with_a_reason(content: bytes, kind: FileKind, says: str):
    with pytest.raises(Invalid) as refused:
        table_of(content, kind)
    assert says in refused.value.errors[0].message


def test_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "MOST_UNPACKED", 10_000_000)
    content = bomb()
    assert len(content) < 100_000
    with pytest.raises(Invalid, match="not valid"):
        table_of(content, FileKind.XLSX)


def workbook_of_excel(rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook as Excel writes it: cells refer to texts by number."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows):
            sheet.write_row(number, 0, cells)
    return file.getvalue()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET, SHARED, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"


def with_part(name: str, xml: str) -> bytes:
    """Return a valid workbook in which one part is replaced."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook_of_excel([["Name"], ["Ana"], [1]]))) as good,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as other,
    ):
        for part in good.namelist():
            other.writestr(part, xml if part == name else good.read(part))
    return made.getvalue()


def sheet_of(rows: str) -> bytes:
    first = '<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c></row>'
    return with_part(SHEET, f'<worksheet xmlns="{MAIN}"><sheetData>{first}{rows}</sheetData></worksheet>')


def shared(texts: str) -> bytes:
    return with_part(SHARED, f'<sst xmlns="{MAIN}"><si><t>Name</t></si>{texts}</sst>')


BOMBS = {
    "shared texts": lambda: shared("<si><t>b</t></si>" * 3_000_000),
    "one shared text": lambda: shared(f"<si><t>{'b' * 125_000_000}</t></si>"),
    "empty rows": lambda: sheet_of("<row/>" * 17_000_000),
    "styles": lambda: with_part(
        STYLES, f'<styleSheet xmlns="{MAIN}"><cellXfs>{"<xf/>" * 300_000}</cellXfs></styleSheet>'
    ),
    "a tag without end": lambda: sheet_of(f'<row r="{"1" * 3_000_000}"/>'),
    "texts that hardly shrink": lambda: shared("".join(f"<si><t>{n:x}</t></si>" for n in range(1_100_000))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_oversized_workbook_is_refused_before_it_is_parsed(name: str):
    with pytest.raises(Invalid) as refused:
        open_table(BOMBS[name](), FileKind.XLSX)
    assert "too large when unpacked" in refused.value.errors[0].message


def numbered(row: str) -> str:
    """Return 200,000 rows with numbers, because equal rows compress like a bomb."""
    return "".join(row.format(n) for n in range(2, 200_002))


PREFIXED = '<x:row r="{0}"/>'
EMPTY_ROWS = {
    "self-closed": lambda: sheet_of(numbered('<row r="{0}"/>')),
    "styled": lambda: sheet_of(numbered('<row r="{0}" s="1"></row>')),
    "with empty cells": lambda: sheet_of(numbered('<row r="{0}"><c r="A{0}" s="1"/></row>')),
    "with a prefix": lambda: with_part(
        SHEET,
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{numbered(PREFIXED)}</x:sheetData></x:worksheet>',
    ),
}


@pytest.mark.parametrize("name", EMPTY_ROWS)
def test_empty_rows_are_counted_before_they_are_read(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CalamineWorkbook", None)
    with pytest.raises(Invalid) as refused:
        open_table(EMPTY_ROWS[name](), FileKind.XLSX)
    assert "more than 120,000 rows, empty ones included" in refused.value.errors[0].message


@pytest.mark.parametrize(
    "row",
    [
        '<row r="1000000000000"><c><v>1</v></c></row>',
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        '<row r="300"><c r="XFD300" t="inlineStr"><is><t>far</t></is></c></row>',
    ],
)
def test_value_far_away_is_refused(row: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "CalamineWorkbook", None)
    with pytest.raises(Invalid) as refused:
        table_of(sheet_of(row), FileKind.XLSX)
    assert "a range of more than 4,000,000 cells" in refused.value.errors[0].message


def test_table_may_begin_at_any_cell():
    content = workbook_of_excel([[], [], ["", "", "Name", "Phone"], ["", "", "Ana", 12125550143]])
    columns, rows = table_of(content, FileKind.XLSX)
    assert columns == ("Column 1", "Column 2", "Name", "Phone")
    assert rows == [(4, ["", "", "Ana", "12125550143"])]


def test_encrypted_workbook_is_refused():
    content = bytearray(sheet_of(""))
    place = content.index(b"PK\1\2")
    content[place + 8] |= 1  # the flag of encryption
    with pytest.raises(Invalid):
        table_of(bytes(content), FileKind.XLSX)


def test_xml_entities_are_not_expanded():
    content = with_part(SHEET, f'<!DOCTYPE x [<!ENTITY a "aaa">]><worksheet xmlns="{MAIN}"><sheetData/></worksheet>')
    with pytest.raises(Invalid):
        table_of(content, FileKind.XLSX)


def test_sparse_rows_and_distant_columns_use_little_memory():
    content = sheet_of('<row r="5"><c r="XFD5"/></row><row r="1048576"><c r="B1048576"><v>7</v></c></row>')
    assert table_of(content, FileKind.XLSX) == (("Name",), [(1_048_576, ["", "7"])])


def test_rich_text_is_read_without_phonetic_hints():
    content = shared('<si><r><t>A</t></r><r><t>na</t></r><rPh sb="0" eb="1"><t>aside</t></rPh></si>')
    assert table_of(content, FileKind.XLSX)[1][0] == (2, ["Ana"])


def test_large_valid_workbook_is_read_in_little_memory():
    content = workbook_of_excel([f"text {row} {column}" for column in range(20)] for row in range(501))
    count, peak = rows_and_peak(content, FileKind.XLSX)
    assert count == 500
    assert peak < 6_000_000  # 10,000 texts of 75 bytes, of one row at a time


def test_file_with_too_many_rows_is_refused():
    with pytest.raises(Invalid):
        table_of(b"a\n" + b"1\n" * (MOST_ROWS + 1))


def test_memory_does_not_grow_with_the_number_of_rows():
    content = b"first,last,mail\n" + b"Ana,Ruiz,ana@example.org\n" * 100_000
    count, peak = rows_and_peak(content, FileKind.CSV)
    assert count == 100_000
    assert peak < 2_000_000 + len(content)  # the file itself may be copied once


def rows_and_peak(content: bytes, kind: FileKind) -> tuple[int, int]:
    """Return the number of rows of a file, and the peak of allocated bytes."""
    tracemalloc.start()
    count = sum(1 for _ in open_table(content, kind).rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return count, peak


# --- recognition of columns ---


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
def test_columns_are_recognized_by_likely_names(columns: list[str], guessed: list[str | None]):
    found = guess_mapping(columns)
    assert [found.get(column) for column in columns] == guessed


# Headers of real exports, with the field of each.
EXPORTS: dict[str, dict[str, str | None]] = {
    "Pipedrive": {
        "Person - Name": "full_name", "Person - Email - Work": "email", "Person - Phone - Mobile": "phone",
        "Person - Phone - Home": "phone_alt", "Organization - Name": None, "Organization - Address": None,
        "Deal - Title": None, "Deal - Value": "lead_value", "Deal - Stage": "stage", "Deal - Owner": "assigned_to",
        "Person - ID": "record_id", "Person - Labels": "tags",
    },
    "Pipedrive, Spanish": {
        "Persona - Nombre": "full_name", "Persona - Correo electrónico": "email", "Persona - Teléfono": "phone",
        "Trato - Valor": "lead_value", "Trato - Propietario": "assigned_to", "Trato - Etapa": "stage",
    },
    "Pipedrive, German": {
        "Person - Name": "full_name", "Person - E-Mail": "email", "Person - Telefon": "phone",
        "Deal - Wert": "lead_value", "Deal - Inhaber": "assigned_to",
    },
    "HubSpot": {
        "Record ID": "record_id", "First Name": "first_name", "Last Name": "last_name", "Email": "email",
        "Phone Number": "phone", "Mobile Phone Number": "phone_alt", "Contact owner": "assigned_to",
        "Lifecycle Stage": "stage", "HubSpot Score": "score", "Street Address": "address_line1", "City": "city",
        "State/Region": "state", "Postal Code": "postal_code", "Create Date": None,
    },
    "HubSpot, German": {
        "Datensatz-ID": "record_id", "Vorname": "first_name", "Nachname": "last_name", "E-Mail": "email",
        "Telefonnummer": "phone", "Zuständiger Mitarbeiter": "assigned_to", "Lifecycle-Phase": "stage",
    },
    "HubSpot, French": {
        "ID de fiche d'informations": "record_id", "Prénom": "first_name", "Nom": "last_name", "E-mail": "email",
        "Numéro de téléphone": "phone", "Propriétaire du contact": "assigned_to",
    },
    "HubSpot, Spanish": {
        "ID de registro": "record_id", "Nombre": "first_name", "Apellidos": "last_name", "Correo": "email",
        "Número de teléfono": "phone", "Propietario del contacto": "assigned_to",
    },
    "Salesforce": {
        "Lead ID": "record_id", "First Name": "first_name", "Last Name": "last_name", "Company / Account": None,
        "Email": "email", "Phone": "phone", "Mobile": "phone_alt", "Lead Owner": "assigned_to", "Lead Source": "source",
        "Lead Status": "stage", "Rating": None, "Street": "address_line1", "City": "city",
        "State/Province": "state", "Zip/Postal Code": "postal_code", "Description": "notes",
    },
    "Salesforce, German": {
        "Lead-Inhaber": "assigned_to", "Vorname": "first_name", "Nachname": "last_name", "E-Mail": "email",
        "Telefon": "phone", "Lead-Quelle": "source", "Leadstatus": "stage",
    },
    "Zoho": {
        "Record Id": "record_id", "Lead Owner": "assigned_to", "First Name": "first_name", "Last Name": "last_name",
        "Email": "email", "Phone": "phone", "Mobile": "phone_alt", "Lead Source": "source", "Lead Status": "stage",
        "Rating": None,
        "Street": "address_line1", "Zip Code": "postal_code", "Description": "notes", "Tag": "tags",
        "Annual Revenue": None,
    },
    "Open Dental": {
        "PatNum": "record_id", "LName": "last_name", "FName": "first_name", "Birthdate": "patient_dob",
        "HmPhone": "phone_alt", "WkPhone": None, "WirelessPhone": "phone", "Email": "email", "Zip": "postal_code",
    },
    "Open Dental, without mobile phones": {"LName": "last_name", "HmPhone": "phone", "WkPhone": "phone_alt"},
    "Spanish list": {
        "Nombre": "first_name", "Apellidos": "last_name", "Teléfono móvil": "phone", "Correo": "email",
        "Notas": "notes", "Fecha de nacimiento": "patient_dob", "Origen": "source", "Etapa": "stage",
    },
    "Spanish list, two numbers": {"Nombre": "first_name", "Teléfono móvil": "phone_alt", "Teléfono": "phone"},
    "German list": {
        "Vorname": "first_name", "Nachname": "last_name", "Handynummer": "phone", "Bemerkung": "notes",
        "Quelle": "source", "Zuständig": "assigned_to", "Geburtsdatum": "patient_dob", "Straße": "address_line1",
    },
    "French list": {
        "Prénom": "first_name", "Nom": "last_name", "Portable": "phone", "Remarques": "notes", "Étape": "stage",
        "Propriétaire": "assigned_to", "Date de naissance": "patient_dob",
    },
}  # fmt: skip


@pytest.mark.parametrize("product", EXPORTS)
def test_headers_of_other_products_are_recognized(product: str):
    expected = EXPORTS[product]
    found = guess_mapping(list(expected))
    assert {column: found.get(column) for column in expected} == expected


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_line_that_names_the_delimiter_is_no_header(delimiter: str, encoding: str):
    text = f"sep={delimiter}\r\nName{delimiter}City, state; land\r\nAna{delimiter}Málaga\r\n"
    columns, rows = table_of(text.replace("City, state; land", '"City, state; land"').encode(encoding))
    assert columns == ("Name", "City, state; land")
    assert rows == [(3, ["Ana", "Málaga"])]


def test_columns_of_the_same_name_get_names_of_their_own():
    columns, _ = table_of(b"Tel,Tel (3),Tel,Tel (3)\n1,2,3,4\n")
    assert columns == ("Tel", "Tel (3)", "Tel (3) (3)", "Tel (3) (4)")


# --- conversion of cells ---

WEB, ANA = UUID(int=1), UUID(int=2)
CUSTOM_FIELDS = {"braces": "choice", "size": "number", "member": "boolean", "since": "date"}
READING = CellContext(
    DateOrder.DAY,
    {"web search": WEB},
    {"ana@clinic.example": ANA},
    {"old@clinic.example"},
    None,
    date(2026, 3, 10),
    CUSTOM_FIELDS,
    {"contacted": "contacted"},
    {"lost"},
)


def read(**cells: str) -> tuple[dict[str, Any], dict[str, str]]:
    return parse_row(cells, READING)


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
        ({"patient_dob": "10.3.26"}, {"patient_dob": "2026-03-10"}),
        ({"patient_dob": "11.3.26"}, {"patient_dob": "1926-03-11"}),
        ({"patient_dob": "31.12.85"}, {"patient_dob": "1985-12-31"}),
        ({"treatment_interest": "Braces metal; invisalign"}, {"treatment_interest": ["BRACES_METAL", "INVISALIGN"]}),
        ({"preferred_contact": "Text"}, {"preferred_contact": "TEXT"}),
        ({"source": "Web Search"}, {"source_id": str(WEB)}),
        ({"assigned_to": "ANA@clinic.example"}, {"assigned_to_id": str(ANA)}),
        ({"lead_value": "$1,250.50"}, {"lead_value": "1250.50"}),
        ({"lead_value": "1.250,50 €"}, {"lead_value": "1250.50"}),
        ({"lead_value": "CHF 1250"}, {"lead_value": "1250"}),
        ({"lead_value": "1250 MXN"}, {"lead_value": "1250"}),
        ({"tags": "vip, summer"}, {"tags": ["vip", "summer"]}),
        ({"tags": 'vip, "fair; spring", "5"" brace"'}, {"tags": ["vip", "fair; spring", '5" brace']}),
        ({"tags": '5" brace, "vip" x'}, {"tags": ['5" brace', '"vip" x']}),
        ({"social_platform": "Instagram"}, {"social_platform": "INSTAGRAM"}),
        ({"assigned_to": "Old@clinic.example"}, {}),
        ({"city": "", "state": " "}, {}),
    ],
    ids=str,
)
def test_cell_is_converted_to_its_meaning(cells: dict[str, str], lead: dict[str, Any]):
    assert read(**cells) == (lead, {})


@pytest.mark.parametrize(
    "cells",
    [{"patient_dob": "yesterday"}, {"patient_dob": "31/31/2012"}, {"source": "Nowhere"}, {"lead_value": "much"},
     {"lead_value": "$5k"}, {"lead_value": "2 Million"}, {"lead_value": "5E+3"}, {"lead_value": "2 to 3"},
     {"lead_value": "(500)"}, {"lead_value": "-500"}, {"patient_dob": "30.02.12"}, {"treatment_interest": "gold"}],
    ids=str,
)  # fmt: skip
def test_invalid_cell_is_refused_with_a_reason(cells: dict[str, str]):
    lead, mistakes = read(**cells)
    assert (lead, set(mistakes)) == ({}, set(cells))


@given(st.lists(st.text(st.sampled_from('ab ;,|"'), min_size=1).map(str.strip).filter(bool)))
def test_list_of_values_in_a_cell_is_read_as_it_was_written(values: list[str]):
    assert split_values(join_values(values)) == values


def test_american_dates_begin_with_the_month():
    american = CellContext(DateOrder.MONTH, {}, {}, (), WEB, date(2026, 3, 10), {}, {}, ())
    assert parse_row({"patient_dob": "03/31/2012"}, american)[0] == {"patient_dob": "2012-03-31", "source_id": str(WEB)}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("size", "7", 7), ("size", "-7.5", -7.5), ("size", "7,5", 7.5), ("size", "0,125", 0.125),
        ("size", "1,250", 1250), ("size", "1 250.25", 1250.25),
        ("member", "Yes", True), ("member", "TRUE", True), ("member", "0", False), ("member", "no", False),
        ("since", "2031-05-01", "2031-05-01"), ("since", "1/5/2031", "2031-05-01"), ("braces", "metal", "metal"),
        ("unknown", "7", "7"),
    ],
)  # fmt: skip
def test_cell_of_a_custom_field_has_the_type_of_the_field(key: str, text: str, value: object):
    lead, mistakes = read(**{f"custom.{key}": text})
    assert (lead["custom"], mistakes) == ({key: value}, {})
    assert type(lead["custom"][key]) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [("size", "large"), ("size", "1e999"), ("size", "NaN"), ("size", "9" * 40), ("member", "maybe"),
     ("since", "soon"), ("since", "1.5.26"), ("since", "31.2.2026")],
)  # fmt: skip
def test_cell_of_a_custom_field_that_is_not_of_its_type_is_refused(key: str, text: str):
    lead, mistakes = read(**{f"custom.{key}": text})
    assert (lead, set(mistakes)) == ({}, {f"custom.{key}"})


def test_row_keeps_the_values_of_all_its_custom_columns():
    lead, mistakes = read(**{"custom.braces": "metal", "custom.school": "Elm Street", "custom.empty": " "})
    assert (lead["custom"], mistakes) == ({"braces": "metal", "school": "Elm Street"}, {})
