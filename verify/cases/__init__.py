"""Inputs and expected outputs of a model that is not ours: read, checked, or made."""
