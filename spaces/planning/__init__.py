"""Plans: the layers of a graph with their shapes and costs, without any framework."""
