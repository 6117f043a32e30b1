"""The same input through every runtime, compared with one ruler."""
