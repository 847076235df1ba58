"""Layer names: one for each path, and one path for each name."""

import re

from ..hashing import digest

__all__ = ["layer_name"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")


def layer_name(path: str) -> str:
    """Return the name of the layer that stands at a path of an architecture.

    Dots become hyphens: Keras, TensorFlow's name scopes and PyTorch's parameter names all allow
    those. A path with other characters, as of the label "(3, 3)", keeps its letters and digits and
    ends in a short hash of the path, so that no two paths share a name. The name depends on
    nothing but the path; so weights of one architecture find their place in another.

    Args:
        path: The path of a vertex, as `Vertex.path`.

    Example:
        >>> layer_name("cell_3.normal.node_1"), layer_name("op.(3, 3).0")
        ('cell_3-normal-node_1', 'op-3_3-0-f8581515')
    """
    if _PLAIN.fullmatch(path):
        return path.replace(".", "-")
    words = ("_".join(re.findall(r"[A-Za-z0-9]+", part)) for part in path.split("."))
    return "-".join((*filter(None, words), digest(path)[:8]))
