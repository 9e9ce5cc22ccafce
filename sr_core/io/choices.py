"""What a user may choose for a file that is written; imports nothing, for the help's sake."""

WRITABLE = (".mp4", ".mov", ".mkv", ".webm")  # suffixes; the first is the default
OLD_SOUND = ("drop", "keep", "mix")  # what becomes of a clip's own sound; the first is the default
