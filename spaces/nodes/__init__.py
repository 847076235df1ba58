"""Nodes of which spaces consist, and the architectures of spaces."""
