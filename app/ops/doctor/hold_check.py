"""The state of the hold, for `relance doctor` and `relance serve`."""

from sqlalchemy.orm import Session

from app.engine.steps.holds import current_hold

ADVICE = "run `relance resume`, which first shows what is due; until then no step runs and nothing is sent"


def hold_state(session: Session) -> tuple[str, str]:
    """Return the finding and the advice. The advice is empty while steps run."""
    held = current_hold(session)
    return (f"held since {held.held_at:%Y-%m-%d %H:%M}Z: {held.because}", ADVICE) if held else ("steps run", "")
