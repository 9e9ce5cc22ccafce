"""Reading files: frames at an exact rate, sound, timestamps."""
