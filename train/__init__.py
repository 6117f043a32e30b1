"""Weights of our own: data, training and evaluation. Nothing else imports this package."""
