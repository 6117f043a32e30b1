"""The networks' layers in fewer multiplications: the same functions, computed another way."""
