"""Find the browsers, get those that are missing, start one, drive its page."""
