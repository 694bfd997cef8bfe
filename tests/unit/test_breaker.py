"""Circuit breaker: the failure rates at which a rule is paused."""

import pytest

from app.identity.failure_breaker import Breaker, StepCounts

BREAKER = Breaker(min_messages=50, failures=0.2, bounces=0.05, opt_outs=0.03)


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        (StepCounts(), None),
        (StepCounts(done=40, failed=10), None),  # 10 of 50 are one in five, and no more than that
        (StepCounts(done=39, failed=11), "11 of 50 steps failed within 24 hours: 22.0% (limit 20.0%)."),
        (StepCounts(done=38, failed=11), None),  # 49 are too few
        (StepCounts(done=30, sent=9, failed=11), "11 of 50 steps failed within 24 hours: 22.0% (limit 20.0%)."),
        (StepCounts(sent=60, bounced=3), None),
        (StepCounts(sent=60, bounced=4), "4 of 60 messages bounced within 24 hours: 6.7% (limit 5.0%)."),
        (StepCounts(done=60, sent=20, bounced=20), None),  # of 20 messages nothing is concluded
        (StepCounts(sent=100, opted_out=3), None),
        (
            StepCounts(sent=100, opted_out=4),
            "4 leads opted out after 100 messages within 24 hours: 4.0% (limit 3.0%).",
        ),
        (StepCounts(failed=60), "60 of 60 steps failed within 24 hours: 100.0% (limit 20.0%)."),
    ],
)
def test_breaker_trips_above_the_limit_when_the_sample_is_large_enough(figures: StepCounts, says: str | None):
    assert BREAKER.because(figures) == says


@pytest.mark.parametrize("name", ["failures", "bounces", "opt_outs"])
def test_breaker_ignores_a_rate_without_a_limit(name: str):
    everything = StepCounts(sent=100, failed=100, bounced=100, opted_out=100)
    assert Breaker(failures=None, bounces=None, opt_outs=None).because(everything) is None
    others = dict.fromkeys({"failures", "bounces", "opt_outs"} - {name})
    assert Breaker(**others).because(everything) is not None
