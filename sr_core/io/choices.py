"""User choices for output files; imports nothing, so that `--help` starts fast."""

WRITABLE = (".mp4", ".mov", ".mkv", ".webm")  # suffixes; the first is the default
OLD_SOUND = ("drop", "keep", "mix")  # handling of the source's own sound; the first is the default
