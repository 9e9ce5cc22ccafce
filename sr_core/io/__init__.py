"""Media in and out by PyAV: frames at an exact rate, sound beside an untouched picture."""
