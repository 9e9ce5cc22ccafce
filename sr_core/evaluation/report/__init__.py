"""How figures are shown: intervals, summaries, tables, pictures."""
