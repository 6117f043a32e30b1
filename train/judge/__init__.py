"""Measure weights on rendered music and on real recordings."""
