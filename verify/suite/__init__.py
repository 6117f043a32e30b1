"""ONNX's own node tests through chosen runtimes: a peer's suite, and a table of what is what."""
