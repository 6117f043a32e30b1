"""Which exporter, simplifier or runtime loses a small constant."""
