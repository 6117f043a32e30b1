"""Find weights, and read checkpoints without running their code."""
