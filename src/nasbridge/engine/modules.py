"""Loading a user's module from its file, under a name that workers can repeat."""

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
        ExperimentError: There is no such file, or it fails while being imported.
    """
    path = Path(file).absolute()
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        what = "is no Python file" if Path(file).exists() else "does not exist"
        raise ExperimentError(f"{file} {what}: give the path of an experiment's file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:  # its neighbours, as when it is run as a script
        sys.path.insert(0, str(path.parent))
    _loading.append(name)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ExperimentError(
            f"{file} fails while being imported: {type(error).__name__}: {error}"
        ) from error
    finally:
        _loading.remove(name)
    _loaded[name] = str(path)
    return module


def is_importable(name: str, file: str | Path) -> bool:
    """Tell whether a plain import of the name finds this very file."""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # its package may raise anything
        return False
    return spec is not None and spec.origin is not None and Path(file).samefile(spec.origin)


def loaded_modules() -> dict[str, str]:
    """Return the files of all modules loaded so far, by name: a worker needs them, too."""
    return dict(_loaded)


def is_loading() -> bool:
    """Tell whether a module is being loaded right now."""
    return bool(_loading)
