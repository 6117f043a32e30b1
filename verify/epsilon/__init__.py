"""The laboratory: which exporter, simplifier or runtime loses a small constant."""
