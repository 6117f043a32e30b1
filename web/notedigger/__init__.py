"""noteDigger's workers, in its own place: the library behind the app's messages."""
