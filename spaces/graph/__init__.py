"""Graphs of architectures: traversals of spaces, canonical forms, Weisfeiler-Lehman features."""
