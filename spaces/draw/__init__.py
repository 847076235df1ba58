"""Pictures of architectures, for papers and reports: SVG without any library, PNG by matplotlib."""

from .picture import draw

__all__ = ["draw"]
