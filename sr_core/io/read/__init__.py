"""Out of files: frames at an exact rate, sound, time stamps."""
