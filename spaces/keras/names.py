"""Layer names: one for each path, and one path for each name."""

import re

from ..hashing import digest

__all__ = ["layer_name"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")


def layer_name(path: str) -> str:
    """Return the Keras name of the layer at a path of an architecture.

    Dots become hyphens: Keras, the name scopes of TensorFlow and the parameter names of PyTorch
    all allow hyphens. A path with other characters, such as that of the label "(3, 3)", keeps its
    letters and digits and ends in a short hash of the path, so no two paths share a name. The name
    depends on the path alone, so weights of one architecture can be copied to another by name.

    Args:
        path: Path of a vertex, as in `Vertex.path`.

    Example:
        >>> layer_name("cell_3.normal.node_1"), layer_name("op.(3, 3).0")
        ('cell_3-normal-node_1', 'op-3_3-0-f8581515')
    """
    if _PLAIN.fullmatch(path):
        return path.replace(".", "-")
    words = ("_".join(re.findall(r"[A-Za-z0-9]+", part)) for part in path.split("."))
    return "-".join((*filter(None, words), digest(path)[:8]))
