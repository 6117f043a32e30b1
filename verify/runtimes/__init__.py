"""Runners of a file: PyTorch, native onnxruntime, real browsers, streams."""
