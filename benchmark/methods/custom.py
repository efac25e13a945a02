"""A user's own class as a method: `--method package.module:Class` or `--method path/to/file.py:Class`.

It runs as any program of the user would: it is trusted. It still gets no more of a question than it says it sees.
"""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

from benchmark.methods.method import SIGHTS, Method, MethodError

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")


def open_class(spec: str) -> Method:
    """A method made by calling the class without arguments.

    Raises:
        MethodError: no such module or class, or what it makes is no method.
    """
    where, _, name = spec.rpartition(":")
    made = getattr(_module(spec, where), name, None)
    if not callable(made):
        raise MethodError(f"--method {spec}: expected a class {name} in {where}, found none; check the name.")
    try:
        return checked(spec, made())
    except MethodError:
        raise
    except Exception as error:
        raise MethodError(
            f"--method {spec}: expected {name}() to make a method, got {type(error).__name__}: {error}."
        ) from error


def checked(spec: str, method: Method) -> Method:
    """The method itself, if it has all that one needs."""
    name, sees = getattr(method, "name", None), getattr(method, "sees", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MethodError(f"--method {spec}: expected a name of lower case, digits and dashes, got {name!r}.")
    if not isinstance(sees, set | frozenset) or "near" not in sees or not sees <= set(SIGHTS):
        raise MethodError(
            f"--method {spec}: expected sees to hold 'near' and some of {', '.join(SIGHTS)}, got {sees!r}."
        )
    if not callable(method):
        raise MethodError(f"--method {spec}: expected a method that can be called with a question, got {method!r}.")
    return method


def digest_of(method: Method) -> str:
    """Of the file that its class is written in; a change of what that file imports is not seen."""
    try:
        path = inspect.getsourcefile(type(method))
        return hashlib.sha256(Path(path or "").read_bytes()).hexdigest()
    except (OSError, TypeError):
        return hashlib.sha256(repr(type(method)).encode()).hexdigest()


def _module(spec: str, where: str) -> ModuleType:
    try:
        if where.endswith(".py"):
            return _file(Path(where))
        if "" not in sys.path:
            sys.path.insert(0, "")  # As `python -m` does: modules of the current folder.
        return importlib.import_module(where)
    except Exception as error:
        raise MethodError(
            f"--method {spec}: expected a module that can be imported, got {type(error).__name__}: {error}."
        ) from error


def _file(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"_method_{path.stem}", path)
    if found is None or found.loader is None or not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # Dataclasses look their module up.
    found.loader.exec_module(module)
    return module
