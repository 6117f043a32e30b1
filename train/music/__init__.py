"""Render scores into recordings, with the targets for a network to learn."""
