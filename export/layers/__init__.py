"""The networks' layers in fewer multiplications: the same function, computed another way."""
