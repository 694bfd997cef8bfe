"""Command output: JSON for programs with --json, otherwise tables for people."""

import json
from collections.abc import Iterable, Iterator, Sequence

import click
from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.core.type_aliases import ColumnValues, JsonObject

_WIDEST = 10_000  # columns of a table without a limit

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def print_json(content: object) -> None:
    """Print one JSON document to standard output."""
    click.echo(json.dumps(content, indent=2, default=str))


def print_result(content: JsonObject, *, as_json: bool) -> None:
    """Print the fields of one object, one per line."""
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        click.echo(f"{name.replace('_', ' ')}: {value}")


def print_rows(rows: Iterable[ColumnValues], *, as_json: bool, empty: str) -> None:
    """Print rows of the same shape as a table, or `empty` if there are none."""
    rows = list(rows)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo(empty)
    else:
        _print_table(list(rows[0]), rows)


def _print_table(columns: Sequence[str], rows: Iterable[ColumnValues]) -> None:
    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "id")
    texts = [["" if row[column] is None else str(row[column]) for column in columns] for row in rows]
    for text in texts:
        table.add_row(*text)
    console = Console()
    needed = console.measure(table, options=console.options.update(width=_WIDEST))
    if not console.is_terminal:  # a file or another program: one line per row
        Console(width=max(needed.maximum, console.width)).print(table)
    elif needed.minimum <= console.width:
        console.print(table)
    else:
        _print_blocks(columns, texts)


def _print_blocks(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the columns of each row below each other, because the table would break words."""
    for row in rows:
        for column, text in zip(columns, row, strict=True):
            click.echo(f"{column.replace('_', ' ')}: {text}")
        click.echo()


def counting(what: str, numbers: Iterable[int]) -> Iterator[int]:
    """Pass the numbers on, and show their running total in the terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        for number in numbers:
            progress.advance(task, number)
            yield number


def say(line: str) -> None:
    """Print a line of this program to standard error, beside the lines of parts and servers."""
    click.echo(f"relance: {line}", err=True)
