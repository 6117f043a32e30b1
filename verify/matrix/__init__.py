"""Which files are judged, on which signals, in which runtimes, and how far they may be off."""
