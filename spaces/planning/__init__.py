"""From a graph to layers with shapes and costs, without any framework."""
