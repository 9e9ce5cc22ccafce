"""Into files: sound beside an untouched picture, whole or not at all."""
