"""Help pages as the front end looks for them: docs/<node>/<language>.md, else docs/<node>.md."""

from __future__ import annotations

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "web" / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_english_is_found_at_once_and_other_languages_find_the_same(page):
    assert page.with_suffix("").joinpath("en.md").read_bytes() == page.read_bytes()


def test_no_page_is_left_over():
    assert {p.parent.name for p in DOCS.glob("*/en.md")} == {p.stem for p in PAGES} != set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_tables_are_narrow_enough_for_the_sidebar(page):
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert all(row.strip().strip("|").count("|") <= 1 for row in rows)
