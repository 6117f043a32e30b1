"""Train both networks and write their weights."""
