"""From a module to an ONNX graph, and from graph to graph, for any network."""
