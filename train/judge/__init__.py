"""How good weights are, on rendered music and on real recordings."""
