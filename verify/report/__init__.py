"""Verdicts as a page, as JSON, as JUnit and as pictures."""
