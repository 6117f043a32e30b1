"""From a module to an ONNX graph, and from graph to graph: nothing here knows a network by name."""
