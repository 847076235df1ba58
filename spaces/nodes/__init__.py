"""The nodes that a space is made of, and the architectures that it holds."""
