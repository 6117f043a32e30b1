"""What passed goes to noteDigger and into a release; nothing else does."""
