"""Pictures of architectures for papers and reports: SVG, and PNG by matplotlib."""

from .picture import draw

__all__ = ["draw"]
