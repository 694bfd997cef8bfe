"""Terminal view of the demo: the funnel at its end."""

from io import StringIO

from rich.console import Console

from app.ops.demo.view import funnel


def test_funnel_shows_reached_leads_and_their_share():
    rows = [
        {"label": label, "figures": [{"metric": "reached", "value": reached}, {"metric": "still_in", "value": still}]}
        for label, reached, still in (("New Lead", 3.0, 2.0), ("Contacted", 1.0, 1.0), ("Lost", None, None))
    ]
    shown = StringIO()

    Console(width=100, file=shown).print(funnel(rows))

    lines = shown.getvalue().splitlines()
    assert any("New Lead" in line and "3" in line and "█" * 18 in line for line in lines)
    assert any("Contacted" in line and "33%" in line for line in lines)
