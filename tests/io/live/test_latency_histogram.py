import sys

import pytest

from sr_core.io.live.latency_histogram import LatencyHistogram


def test_percentiles_are_true_to_one_percent():
    tally = LatencyHistogram(1 / 30, True)
    for n in range(1, 1001):
        tally.add(n / 10_000, False, False)
    for part in (0.5, 0.95, 0.99):
        assert tally.percentile(part) == pytest.approx(part / 10, rel=0.011)


def test_the_report_counts_what_came_late():
    tally = LatencyHistogram(1 / 30, True)
    for n in range(30):
        tally.add(0.05 if n < 3 else 0.01, n == 1, n == 2)
    said = tally.report(0.5)
    assert said.startswith("1.0 s of sound in 0.5 s, 2.00x real time; latency p50 10.0")
    assert said.endswith("30 frames, 3 late, 1 dropped, 1 silent")


def test_nothing_is_late_where_no_clock_runs():
    tally = LatencyHistogram(1 / 30, False)
    tally.add(5.0, False, False)
    assert tally.late == 0 and " late," not in tally.report(5.0)


def test_it_is_as_large_after_an_hour_as_after_a_second():
    tally = LatencyHistogram(1 / 30, True)

    def size():
        return tally._bins.nbytes + sum(sys.getsizeof(x) for x in vars(tally).values())

    before = size()
    for _ in range(108_000):
        tally.add(0.01, False, False)
    assert size() <= before + 16
