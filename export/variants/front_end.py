"""Front-end nodes, unchanged in every variant.

Up to the logarithm they span energies from 1e-30 to 1e32, far outside float16 (6e-8 to 65 504), and
eight bits would be heard as noise.
"""

from __future__ import annotations

import onnx


def find_front_end(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes that lead to a logarithm, the logarithm included."""
    makers = {output: node for node in model.graph.node for output in node.output}
    front: set[str] = set()
    waiting = [node for node in model.graph.node if node.op_type == "Log"]
    while waiting:
        node = waiting.pop()
        if node.name not in front:
            front.add(node.name)
            waiting.extend(makers[name] for name in node.input if name in makers)
    return front
