"""Find the first node whose output is wrong although its inputs are right."""
