"""Presentation of results: tables, a report page with spectrograms, WAV export."""
