"""noteDigger before and after: its models, its workers on known notes, the app, its memory."""
