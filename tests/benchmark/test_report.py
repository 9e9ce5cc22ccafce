import json
import statistics

from sr_core.benchmark.cost import Cost
from sr_core.benchmark.hardware import Hardware
from sr_core.benchmark.page import HEADER, write_section
from sr_core.benchmark.report import Report, Setup, spread
from sr_core.benchmark.run import Times

KEYS = (
    "config device dtype threads steps frames waveform_ms token_ms parts_ms real_time_factor "
    "rss_mib limit_ms against"
).split()


def report(steps=4, share=1.0, **against):
    parts = {"vision": [1, 3], "transformer": [2, 2], "head": [1, 1], "decode": [4, 6]}
    return Report(
        Setup("paper", "cpu", "float32", 2, steps, 2),
        Times(parts, against, 100.4, share),
        Hardware("Chip", bytes_per_second=1e9, flops_per_second=1e10),
        {
            "vision": Cost(10**6, 10**8),
            "transformer": Cost(3 * 10**6, 10**6),
            "head": Cost(0, 0),
            "decode": Cost(0, 0),
        },
        {"vae": "no checkout"},
        30.0,
    )


def test_the_object_has_exactly_the_promised_keys():
    figures = report(plain=([10, 30, 20], [20, 60, 40])).figures()
    assert list(figures) == KEYS
    assert figures["waveform_ms"] == {"mean": 10, "std": 2, "p50": 10, "p95": 11.8, "p99": 11.96}
    assert figures["token_ms"]["mean"] == 5
    assert figures["parts_ms"] == {"vision": 2, "transformer": 2, "head": 1, "decode": 5}
    assert figures["real_time_factor"] == 3.333 and figures["rss_mib"] == 100
    # 100 MFLOP at 10 GFLOP/s outlast 1 MB at 1 GB/s; for the transformer it is the other way round.
    assert figures["limit_ms"] == 10 + 3


def test_a_ratio_above_one_means_that_we_are_faster_and_what_is_missing_never_passes():
    against = report(plain=([10, 30, 20], [20, 60, 50])).against()
    assert against["plain"] == {"ours_ms": 20, "theirs_ms": 50, "ratio": 2.5}
    assert against["vae"] == {"ours_ms": None, "theirs_ms": None, "ratio": None}
    assert json.loads(json.dumps(against)) == against


def test_the_sum_of_outside_peers_needs_all_of_them():
    sides = ([1, 1], [8, 8])
    assert "not measured: no checkout" in report(dinov2=sides, transformer=sides).text()
    assert "summed" not in report(dinov2=sides, transformer=sides).text()
    whole = report(dinov2=sides, transformer=sides, vae=sides)._replace(missing={})
    line = next(line for line in whole.text().splitlines() if "summed" in line)
    assert line.split()[-3:] == ["10.0", "24.0", "2.40"]


def test_percentiles_are_those_of_the_frames():
    times = [float(n) for n in range(101)]
    assert spread(times) == {
        "mean": 50,
        "std": float(f"{statistics.pstdev(times):.4g}"),
        "p50": 50,
        "p95": 95,
        "p99": 99,
    }
    assert spread([7.0]) == {"mean": 7, "std": 0, "p50": 7, "p95": 7, "p99": 7}


def test_a_page_keeps_other_sections_and_renews_its_own(tmp_path):
    page = tmp_path / "docs" / "page.md"
    write_section(page, report(steps=1), "first")
    write_section(page, report(steps=4), "second")
    write_section(page, report(steps=1), "third")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(HEADER) and "26.3 ms with 1 step, 31.5 ms with 4" in text
    assert "`first`" not in text and text.index("`second`") < text.index("`third`")
    assert text.count("\n## ") == 2 and text.count("```text") == 2


def test_a_pages_head_is_written_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# An earlier head\n\n## another set-up\n\ntext\n", encoding="utf-8")
    write_section(page, report(), "command")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(HEADER) and "earlier" not in text and "\n## another set-up\n" in text


def test_both_ways_of_the_outside_transformer_have_a_ratio():
    text = report(**{"transformer": ([1], [3]), "transformer, 2 calls": ([1], [5])}).text()
    rows = [line.split() for line in text.splitlines() if line.startswith("transformer")][-2:]
    assert [row[-1] for row in rows] == ["3.00", "5.00"]


def test_a_busy_machine_is_said_to_have_been_one():
    assert "had a core for 25 % of the time" in report(share=0.25).text()
    assert "busy" not in report(share=0.97).text()
