"""Take a trained network over the first two borders: PyTorch to file, file to variant."""
