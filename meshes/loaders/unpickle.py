"""Reads the arrays of a pickle without being one: a small interpreter that knows data and can call nothing.

`pickletools` only parses. Names of classes and functions stay text; the few that make arrays are acted out here by
rules of our own, and any other refuses the file. So there is no code that a hostile file could reach.
Follows Python's documentation of the opcodes in `pickletools` and of array pickles in `numpy.ndarray.__reduce__`.
"""

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_OPCODES = 1_000_000
"""A model of a dozen arrays takes a few hundred."""


class UnpickleError(ValueError):
    """A pickle that holds more than data, or is damaged; the message says what was met."""


@dataclass(frozen=True)
class _Name:
    """A class or function by name only."""

    text: str


@dataclass(eq=False)
class _Object:
    """What a pickle builds, until its state comes."""

    kind: str
    args: tuple = ()
    state: Any = None


_KINDS = {
    **{f"{core}.multiarray._reconstruct": "array" for core in ("numpy.core", "numpy._core")},
    **{f"{core}.numeric._frombuffer": "buffer" for core in ("numpy.core", "numpy._core")},
    **{f"{core}.multiarray.scalar": "scalar" for core in ("numpy.core", "numpy._core")},
    **{f"scipy.sparse.{way}.{way.strip('_')}_matrix": way.strip("_") for way in ("csc", "csr", "_csc", "_csr")},
    **{f"{copy}._reconstructor": "instance" for copy in ("copy_reg", "copyreg")},
    "numpy.dtype": "dtype",
    "_codecs.encode": "encode",
    "chumpy.ch.Ch": "chumpy",
    **dict.fromkeys(("__builtin__.set", "builtins.set"), "set"),
    "numpy.ndarray": "class",
    "__builtin__.object": "class",
    "builtins.object": "class",
    "builtins.bytearray": "class",
}
"""Every name a model may mention, and the rule that stands for it."""


@dataclass
class _Machine:
    stack: list = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    budget: int = 0
    """Bytes that arrays may still take: a short file can name one long text many times."""

    def items(self) -> list:
        """Everything above the last mark."""
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def make(self, name: Any, args: Any) -> Any:
        """What `name(*args)` stands for."""
        kind = _KINDS[name.text] if isinstance(name, _Name) else ""
        if kind == "instance":
            return self.make(args[0], ())
        if kind == "encode" and args[1] == "latin1":
            return self.spend(args[0].encode("latin-1"))
        if kind == "set":
            return list(args[0])
        if kind == "buffer":
            data, dtype, shape, order = args
            return _from_bytes(self.spend(data), _dtype(dtype), shape, order == "F")
        if kind == "scalar":
            return _from_bytes(self.spend(_bytes(args[1])), _dtype(args[0]), (), False)
        if kind in ("array", "dtype", "csc", "csr", "chumpy"):
            return _Object(kind, args)
        raise UnpickleError(f"a call of {getattr(name, 'text', type(name).__name__)}")

    def build(self, thing: Any, state: Any) -> Any:
        """`thing` with its state: an array, a sparse matrix made dense, or what chumpy wrapped."""
        if not isinstance(thing, _Object):
            raise UnpickleError(f"a state for {type(thing).__name__}")
        if thing.kind == "array":
            _, shape, dtype, fortran, data = state
            return _from_bytes(self.spend(_bytes(data)), _dtype(dtype), shape, bool(fortran))
        if thing.kind in ("csc", "csr"):
            rows, columns = state["_shape"] if "_shape" in state else state["shape"]
            self.spend_bytes(8 * int(rows) * int(columns))
            return _dense(state, thing.kind, int(rows), int(columns))
        if thing.kind == "chumpy":
            return state["x"]
        thing.state = state
        return thing

    def spend(self, data: bytes) -> bytes:
        """The same bytes, counted."""
        self.spend_bytes(len(data))
        return data

    def spend_bytes(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0 or count < 0:
            raise UnpickleError("arrays larger than memory should hold")


def _bytes(text: Any) -> bytes:
    """Python 2 wrote bytes as text of the same codes."""
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)


def _dtype(thing: Any) -> np.dtype:
    """A plain number type: (kind and size) from its arguments, byte order from its state."""
    code, order = str(thing.args[0]), "<"
    if thing.state is not None and str(thing.state[1]) in "<>|":
        order = str(thing.state[1])
    if code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
        raise UnpickleError(f"an array of {code}")
    return np.dtype(order + code)


def _from_bytes(data: bytes, dtype: np.dtype, shape: Any, fortran: bool) -> np.ndarray:
    lengths = tuple(int(n) for n in shape)
    if min(lengths, default=0) < 0 or math.prod(lengths) * dtype.itemsize != len(data):
        raise UnpickleError(f"{len(data)} bytes for an array of shape {lengths}")
    return np.frombuffer(data, dtype).reshape(lengths, order="F" if fortran else "C")


def _dense(state: dict, kind: str, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) float64 of a compressed matrix; entries named twice add up, as scipy has it."""
    data, index, start = (np.asarray(state[name]) for name in ("data", "indices", "indptr"))
    major, minor = (columns, rows) if kind == "csc" else (rows, columns)
    if len(start) != major + 1 or len(data) != len(index) or int(start[0]) != 0 or int(start[-1]) != len(data):
        raise UnpickleError("a sparse matrix whose parts do not fit together")
    owner = np.repeat(np.arange(major), start[1:].astype(np.int64) - start[:-1].astype(np.int64))
    if len(index) and (index.min() < 0 or index.max() >= minor):
        raise UnpickleError("a sparse matrix with an index outside it")
    dense = np.zeros((major, minor))
    np.add.at(dense, (owner, index), data)
    return dense.T if kind == "csc" else dense


def _pairs(target: Any, items: list) -> None:
    if not isinstance(target, dict):
        raise UnpickleError(f"entries for {type(target).__name__}")
    target.update(zip(items[::2], items[1::2], strict=True))


def _named(text: str) -> _Name:
    if text not in _KINDS:
        raise UnpickleError(f"the name {text[:80]}, which is none of a model's")
    return _Name(text)


def _new_object(machine: _Machine) -> Any:
    args = machine.stack.pop()
    return machine.make(machine.stack.pop(), args)


def _built(machine: _Machine) -> Any:
    state = machine.stack.pop()
    return machine.build(machine.stack.pop(), state)


def _stack_named(machine: _Machine) -> _Name:
    name = machine.stack.pop()
    return _named(f"{machine.stack.pop()}.{name}")


def _popped(machine: _Machine, count: int) -> tuple:
    taken = tuple(machine.stack[len(machine.stack) - count :])
    if len(taken) != count:
        raise UnpickleError("a stack that ran empty")
    del machine.stack[len(machine.stack) - count :]
    return taken


_CONSTANTS = {
    **{"NONE": None, "NEWTRUE": True, "NEWFALSE": False},
    **{"EMPTY_TUPLE": ()},
}
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)
_PUSH: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_SET"), lambda m, _: []),
    "EMPTY_DICT": lambda m, _: {},
    "LIST": lambda m, _: m.items(),
    "TUPLE": lambda m, _: tuple(m.items()),
    "TUPLE1": lambda m, _: _popped(m, 1),
    "TUPLE2": lambda m, _: _popped(m, 2),
    "TUPLE3": lambda m, _: _popped(m, 3),
    "GLOBAL": lambda m, arg: _named(arg.replace(" ", ".")),
    "STACK_GLOBAL": lambda m, _: _stack_named(m),
    "REDUCE": lambda m, _: _new_object(m),
    "NEWOBJ": lambda m, _: _new_object(m),
    "BUILD": lambda m, _: _built(m),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, arg: m.memo[int(arg)]),
}
"""Opcodes that push one value."""


def _dict(machine: _Machine, _: Any) -> None:
    items = machine.items()
    machine.stack.append({})
    _pairs(machine.stack[-1], items)


def _set_items(machine: _Machine, _: Any) -> None:
    items = machine.items()
    _pairs(machine.stack[-1], items)


def _put(machine: _Machine, arg: Any) -> None:
    machine.memo[int(arg)] = machine.stack[-1]


_DO: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda m, _: None),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "POP": lambda m, _: m.stack.pop(),
    "POP_MARK": lambda m, _: m.items(),
    "DICT": _dict,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), lambda m, _: _extend(m, m.items())),
    "APPEND": lambda m, _: _extend(m, list(_popped(m, 1))),
    "SETITEMS": _set_items,
    "SETITEM": lambda m, _: (lambda items: _pairs(m.stack[-1], items))(list(_popped(m, 2))),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    "MEMOIZE": lambda m, _: _put(m, len(m.memo)),
}
"""Opcodes that push nothing."""


def _extend(machine: _Machine, items: list) -> None:
    target = machine.stack[-1]
    if not isinstance(target, list):
        raise UnpickleError(f"items for {type(target).__name__}")
    target.extend(items)


def read_pickle(data: bytes, budget: int) -> Any:
    """The value of a pickle that holds data alone: numbers, text, lists, dicts and arrays.

    Sparse matrices come dense, arrays wrapped by chumpy bare, sets as lists. Every protocol is read; text that
    Python 2 wrote is taken as Latin-1.

    Args:
        data: the bytes of the file.
        budget: most bytes that its arrays may take together.

    Raises:
        UnpickleError: damaged, too large, or naming a class or function that no model needs. Nothing was run.
    """
    machine = _Machine(budget=budget)
    try:
        for count, (opcode, arg, _) in enumerate(pickletools.genops(data)):
            if count >= MAX_OPCODES:
                raise UnpickleError(f"more than {MAX_OPCODES} opcodes")
            if opcode.name == "STOP":
                return machine.stack.pop()
            _step(machine, opcode.name, arg)
    except UnpickleError:
        raise
    # The parser and a stack machine fed with nonsense fail in many ways, of which none matters to the user.
    except Exception as error:
        raise UnpickleError(f"bytes that do not read ({type(error).__name__})") from error
    raise UnpickleError("no end")


def _step(machine: _Machine, name: str, arg: Any) -> None:
    if name in _LITERALS:
        machine.stack.append(arg)
    elif name in _CONSTANTS:
        machine.stack.append(_CONSTANTS[name])
    elif name in _PUSH:
        machine.stack.append(_PUSH[name](machine, arg))
    elif name in _DO:
        _DO[name](machine, arg)
    else:
        raise UnpickleError(f"the opcode {name}, which no model needs")
