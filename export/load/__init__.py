"""Where weights come from, and how a checkpoint is read without running its code."""
