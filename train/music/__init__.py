"""Render scores into recordings, with the targets that a network learns from."""
