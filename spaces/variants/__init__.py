"""The variants of a model that already exists, as a space."""
