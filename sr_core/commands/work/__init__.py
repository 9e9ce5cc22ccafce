"""What each verb does: files of the same names, imported only when a verb runs."""
