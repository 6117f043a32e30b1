"""noteDigger's folder: its files replaced all or none, a patch to its scripts, and undoing both."""
