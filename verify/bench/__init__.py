"""How fast, how large in memory, how many bytes: measured in turns, in real browsers."""
