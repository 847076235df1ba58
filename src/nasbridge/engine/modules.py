"""Loading a user's file as a module, under a name that worker processes can repeat."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .errors import ExperimentError

__all__ = ["is_importable", "is_loading", "load_module", "loaded_modules"]

_loaded: dict[str, str] = {}
_loading: list[str] = []


def load_module(name: str, file: str | Path) -> ModuleType:
    """Import a file as a module of the given name.

    Args:
        name: The module's name.
        file: The file.

    Raises:
        ExperimentError: The file does not exist, or importing it raises.
    """
    path = Path(file).absolute()
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        what = "is not a Python file" if Path(file).exists() else "does not exist"
        raise ExperimentError(f"{file} {what}: give the path of an experiment's file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # for its imports, as if it ran as a script
        sys.path.insert(0, str(path.parent))
    _loading.append(name)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ExperimentError(
            f"{file} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    finally:
        _loading.remove(name)
    _loaded[name] = str(path)
    return module


def is_importable(name: str, file: str | Path) -> bool:
    """Return whether importing the name finds this file."""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # its package may raise anything
        return False
    return spec is not None and spec.origin is not None and Path(file).samefile(spec.origin)


def loaded_modules() -> dict[str, str]:
    """Return the files of all modules that `load_module` loaded, by name, for workers."""
    return dict(_loaded)


def is_loading() -> bool:
    """Return whether `load_module` is running."""
    return bool(_loading)
