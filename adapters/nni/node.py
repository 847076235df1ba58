"""How NNI's node manager is mended without a change to its files, and whether that has worked."""

import socket
from pathlib import Path

from ...engine.errors import BackendError

__all__ = ["EVERYWHERE", "LOOPBACK", "NODE_OPTIONS", "check_closed", "node_options"]

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
PRELOAD = Path(__file__).with_name("preload.js")
NODE_OPTIONS = f'--require "{PRELOAD}"'
"""What mends NNI's node manager, in the environment variable of this name, beside what is there."""

# Linux sends all of 127.0.0.0/8 home: who listens on 127.0.0.1 alone does not answer here.
NEIGHBOUR = "127.0.0.2"


def node_options(theirs: str) -> str:
    """Return the user's options for node with the mends added.

    Args:
        theirs: What the environment variable NODE_OPTIONS holds.
    """
    return theirs if NODE_OPTIONS in theirs else f"{theirs} {NODE_OPTIONS}".strip()


def check_closed(port: int) -> None:
    """Raise if a server that has just been started can be reached from other machines.

    NNI by itself listens everywhere; so this also tells whether node has loaded the mends.

    Args:
        port: The server's port.

    Raises:
        BackendError: It can be.
    """
    with socket.socket() as tried:
        tried.settimeout(1)
        if tried.connect_ex((NEIGHBOUR, port)) == 0:
            raise BackendError(
                f"NNI's server on port {port} is open to other machines, and its trials may get "
                f"each other's parameters: node has not loaded {PRELOAD}; is another program on "
                "that port, or does something replace NODE_OPTIONS?"
            )
