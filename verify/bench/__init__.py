"""Speed, memory and bytes, measured in turns in real browsers."""
