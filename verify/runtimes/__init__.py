"""Everything that runs a file: PyTorch, native onnxruntime, real browsers, streams."""
