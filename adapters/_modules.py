"""Loading a user's module from its file, under a name that workers can repeat."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ._errors import ExperimentError

__all__ = ["load_module"]


def load_module(name: str, file: str | Path) -> ModuleType:
    """Import a file as a module of the given name.

    Args:
        name: The module's name.
        file: The file.

    Raises:
        ExperimentError: There is no such file, or it fails while being imported.
    """
    path = Path(file)
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ExperimentError(f"{path} is no Python file: give the path of an experiment's file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # its neighbours, as when it is run as a script
        sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ExperimentError(
            f"{path} fails while being imported: {type(error).__name__}: {error}"
        ) from error
    return module
