"""Charts as SVG, without scripts and without colours that are needed to read them. All texts are escaped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from app.analytics.reporting.catalogue import Shape
from app.analytics.reporting.printing.series import ChartData, Series
from app.analytics.reporting.printing.values import value_text

WIDTH: Final = 680
_LABELS: Final = 190  # width of the labels left of bars
_VALUES: Final = 90  # width of the values right of bars
_ROW: Final = 26
_BAR: Final = 16
_PLOT_HEIGHT: Final = 200
_MARGIN: Final = 64  # left of lines: labels of the axis
_LONGEST_LABEL: Final = 30  # characters
_LONGEST_DESCRIPTION: Final = 40  # values that are spelled out
_GRID_LINES: Final = 4
_DASHES: Final = ("none", "8 4", "2 3", "10 3 2 3", "5 5", "1 5")
_COLOURS: Final = ("#1d5fa8", "#b4530a", "#2f7d32", "#8a2a83", "#5b5b5b", "#a3242b")


def svg(data: ChartData, name: str) -> Markup:
    """Return the chart as an `svg` element. `name` is the prefix of its ids, unique in the page."""
    height, drawn = _DRAWERS[data.shape](data)
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{title}</title>'
        '<desc id="{name}-desc">{desc}</desc>{drawn}</svg>'
    ).format(width=WIDTH, height=height, name=name, title=data.title, desc=_description(data), drawn=drawn)


def _description(data: ChartData) -> str:
    """Return the values in words; of many values only the first, because the table below the chart has all."""
    pairs = [
        (label if data.shape is not Shape.LINES else f"{one.name}, {label}", value)
        for one in data.series
        for label, value in zip(data.labels, one.values, strict=True)
    ]
    texts = [f"{label}: {value_text(value, data.unit)}" for label, value in pairs[:_LONGEST_DESCRIPTION]]
    more = "" if len(pairs) <= _LONGEST_DESCRIPTION else " The table below has all values."
    return f"{'; '.join(texts)}.{more}"


def _bars(data: ChartData) -> tuple[int, Markup]:
    values = data.series[0].values
    low, high = min([0.0, *_known(values)]), max([0.0, *_known(values)])
    width = WIDTH - _LABELS - _VALUES
    scale = width / ((high - low) or 1)
    zero = _LABELS - low * scale

    def bar(value: float) -> tuple[float, float]:
        return min(zero, zero + value * scale), abs(value) * scale

    axis = Markup('<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}" stroke="#666"/>').format(
        x=zero, height=_ROW * len(values)
    )
    return _ROW * len(values) + 4, axis + _rows(data, bar)


def _funnel(data: ChartData) -> tuple[int, Markup]:
    values = data.series[0].values
    width = WIDTH - _LABELS - _VALUES
    most = max([*_known(values), 1.0])

    def bar(value: float) -> tuple[float, float]:
        size = width * value / most
        return _LABELS + (width - size) / 2, size

    return _ROW * len(values) + 4, _rows(data, bar)


def _rows(data: ChartData, bar: Callable[[float], tuple[float, float]]) -> Markup:
    """Return a label, a bar and a value for each row. `bar(value)` returns the bar's left edge and width."""
    drawn = []
    for place, (label, value) in enumerate(zip(data.labels, data.series[0].values, strict=True)):
        left, width = bar(value or 0)
        drawn.append(
            Markup(
                '<g><title>{whole}</title><text x="0" y="{text}">{label}</text><rect x="{left:.1f}" y="{top}"'
                ' width="{width:.1f}" height="{height}" fill="{colour}"/><text x="{end}" y="{text}"'
                ' text-anchor="end">{value}</text></g>'
            ).format(
                whole=f"{label}: {value_text(value, data.unit)}",
                label=_short(label),
                left=left,
                top=place * _ROW + (_ROW - _BAR) // 2,
                width=width,
                height=_BAR,
                colour=_COLOURS[0],
                text=place * _ROW + _ROW // 2 + 4,
                end=WIDTH,
                value=value_text(value, data.unit),
            )
        )
    return Markup().join(drawn)


def _lines(data: ChartData) -> tuple[int, Markup]:
    found = [value for one in data.series for value in _known(one.values)]
    high = max([*found, 0.0]) or 1.0
    low = min([*found, 0.0])
    top = 10
    bottom = top + _PLOT_HEIGHT

    def at(place: int, value: float) -> tuple[float, float]:
        step = (WIDTH - _MARGIN - 10) / max(len(data.labels) - 1, 1)
        return _MARGIN + place * step, bottom - (value - low) / (high - low) * _PLOT_HEIGHT

    grid = Markup().join(_grid(data, low, high, at))
    drawn = Markup().join(_line(one, number, at) for number, one in enumerate(data.series))
    ends = Markup(
        '<text x="{left}" y="{y}">{first}</text><text x="{right}" y="{y}" text-anchor="end">{last}</text>'
    ).format(left=_MARGIN, right=WIDTH, y=bottom + 18, first=data.labels[0], last=data.labels[-1])
    legend = _legend(data.series, bottom + 40) if len(data.series) > 1 else Markup()
    return bottom + (30 if not legend else 36 + 18 * len(data.series)), grid + drawn + ends + legend


def _grid(
    data: ChartData, low: float, high: float, at: Callable[[int, float], tuple[float, float]]
) -> Iterator[Markup]:
    for number in range(_GRID_LINES + 1):
        value = low + (high - low) * number / _GRID_LINES
        _, y = at(0, value)
        yield Markup(
            '<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>'
            '<text x="{end}" y="{text:.1f}" text-anchor="end">{value}</text>'
        ).format(left=_MARGIN, right=WIDTH, y=y, text=y + 4, end=_MARGIN - 6, value=value_text(value, data.unit))


def _line(one: Series, number: int, at: Callable[[int, float], tuple[float, float]]) -> Markup:
    """Return a line with a gap where a value is missing, and a dot at each value."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(one.values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append(at(place, value))
    colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
    drawn = [
        Markup(
            '<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        ).format(points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), colour=colour, dash=dash)
        for points in stretches
        if len(points) > 1
    ]
    dots = [
        Markup('<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>').format(x=x, y=y, colour=colour)
        for points in stretches
        for x, y in points
    ]
    return Markup().join([*drawn, *dots])


def _legend(series: Sequence[Series], top: int) -> Markup:
    return Markup().join(
        Markup(
            '<line x1="{left}" x2="{right}" y1="{line}" y2="{line}" stroke="{colour}" stroke-width="2"'
            ' stroke-dasharray="{dash}"/><text x="{text}" y="{y}">{name}</text>'
        ).format(
            left=_MARGIN,
            right=_MARGIN + 40,
            line=top + 18 * number - 4,
            colour=_COLOURS[number % len(_COLOURS)],
            dash=_DASHES[number % len(_DASHES)],
            text=_MARGIN + 48,
            y=top + 18 * number,
            name=one.name,
        )
        for number, one in enumerate(series)
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


_DRAWERS: Final[Mapping[Shape, Callable[[ChartData], tuple[int, Markup]]]] = {
    Shape.BARS: _bars,
    Shape.FUNNEL: _funnel,
    Shape.LINES: _lines,
}
