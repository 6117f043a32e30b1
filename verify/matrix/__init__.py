"""What is judged, on which signals, in which runtimes, and how far a number may be off."""
