"""The engine: what runs trials, whichever framework stores them."""
