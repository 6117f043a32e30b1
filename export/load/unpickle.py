"""torch.save's pickle → containers and inert records, without calling its functions.

A pickle is a program for a stack machine, and Python's own machine builds anything that it asks
for. This machine knows only the parts of checkpoints, and makes plain containers, views that are
not tensors yet, and records. The number of operations bounds its memory, and it hashes only text.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_OPERATIONS = 4_000_000
"""A state dict has about 30 for each tensor, a pickled module 300."""


class UnpicklingError(ValueError):
    """A pickle is damaged, or asks for something that no checkpoint needs; the message names it."""


@dataclass(eq=False, slots=True)
class Named:
    """The name of a class or function; it is not imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return quote(f"{self.module}.{self.name}")


@dataclass(eq=False, slots=True)
class Record:
    """The state of an object, without its behaviour."""

    state: object = None


@dataclass(eq=False, slots=True)
class Group:
    """A set as the list that it was made from."""

    items: list[Any]


@dataclass(eq=False, slots=True)
class Storage:
    """Numbers in a file beside the pickle."""

    kind: str
    """torch's name of their class, e.g. ``FloatStorage``."""
    key: str
    count: int


@dataclass(eq=False, slots=True)
class View:
    """A tensor that is not made yet, and not checked."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


def quote(text: str) -> str:
    """A file's text, safe for a message: short, and without control characters."""
    return text[:100].encode("unicode_escape").decode()


def read_pickle(data: bytes) -> object:
    """The content of a pickle: containers, numbers, text, records, views. Raises UnpicklingError.

    Dicts keep the items whose key is text.
    """
    try:
        return _run(data)
    except UnpicklingError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnpicklingError(f"its pickle is damaged ({quote(str(error))})") from None


def _run(data: bytes) -> object:
    stack: list[Any] = []
    below: list[list[Any]] = []  # the stacks under each mark
    memo: dict[int, Any] = {}
    argument: Any
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if count == MOST_OPERATIONS:
            raise UnpicklingError(f"its pickle has more than {MOST_OPERATIONS} operations")
        if operation.name in _DATA:
            stack.append(argument)
            continue
        match operation.name:
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                stack.append(memo[argument])
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                below.append(stack)
                stack = []
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(operation.name == "NEWTRUE")
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_SET":
                stack.append(Group([]))
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = _pop_many(stack, int(operation.name[-1]))
                stack.append(tuple(items))
            case "TUPLE" | "LIST" | "DICT" | "FROZENSET":
                items, stack = stack, below.pop()
                stack.append(_CONTAINERS[operation.name](items))
            case "APPEND" | "SETITEM":
                items = _pop_many(stack, 1 if operation.name == "APPEND" else 2)
                _add(stack[-1], items)
            case "APPENDS" | "SETITEMS" | "ADDITEMS":
                items, stack = stack, below.pop()
                _add(stack[-1], items)
            case "POP":
                stack.pop()
            case "POP_MARK":
                stack = below.pop()
            case "DUP":
                stack.append(stack[-1])
            case "GLOBAL":
                stack.append(_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack.append(_name(*_pop_many(stack, 2)))
            case "BINPERSID":
                stack.append(_refer(stack.pop()))
            case "REDUCE":
                stack.append(_call(*_pop_many(stack, 2)))
            case "NEWOBJ" | "NEWOBJ_EX":
                _pop_many(stack, 2 if operation.name == "NEWOBJ" else 3)
                stack.append(Record())
            case "BUILD":
                state = stack.pop()
                _set_state(stack[-1], state)
            case "STOP":
                return stack.pop()
            case name:
                raise UnpicklingError(f"its pickle uses {name}, which no checkpoint needs")
    raise UnpicklingError("its pickle does not end")


_DATA = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
    )
)
"""Operations that push their argument."""


def _make_dict(items: list[Any]) -> dict[str, Any]:
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if type(key) is str}


_CONTAINERS: dict[str, Callable[[list[Any]], object]] = {
    "TUPLE": tuple,
    "LIST": list,
    "DICT": _make_dict,
    "FROZENSET": Group,
}


def _pop_many(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise UnpicklingError("its pickle is damaged (nothing is left on the stack)")
    items = stack[-count:]
    del stack[-count:]
    return items


def _add(target: object, items: list[Any]) -> None:
    """Append to a list or a set, or set items of a dict; a record takes anything."""
    match target:
        case list():
            target.extend(items)
        case Group():
            target.items.extend(items)
        case dict():
            target.update(_make_dict(items))
        case Record():
            pass
        case _:
            raise UnpicklingError(f"it asks to fill a {type(target).__name__}")


def _set_state(target: object, state: object) -> None:
    """A record gets its state; that of an OrderedDict, which is metadata, is dropped."""
    if isinstance(target, Record):
        target.state = state
    elif not isinstance(target, dict):
        raise UnpicklingError(f"it asks to change the state of a {type(target).__name__}")


def _name(module: object, name: object) -> Named:
    if not isinstance(module, str) or not isinstance(name, str):
        raise UnpicklingError("a class has a name that is no text")
    return Named(_OLD_MODULES.get(module, module), name)


def _refer(reference: object) -> Storage:
    match reference:
        case ("storage", Named("torch", kind), str(key), _, int(count)):
            return Storage(kind, key, count)
        case ("storage", Named() as kind, str(), _, int()):
            raise UnpicklingError(f"its tensors have the unknown type {kind}")
    raise UnpicklingError("a reference is not to a tensor's storage")


def _call(called: object, values: object) -> object:
    while isinstance(called, Named) and isinstance(values, tuple):
        if str(called) == _FROM_TYPE:  # a tensor with attributes of its own, such as a buffer
            called, _, values, _ = values
        elif stand_in := _CALLS.get(str(called)):
            return stand_in(*values)
        else:
            break
    name = called if isinstance(called, Named) else f"a {type(called).__name__}"
    raise UnpicklingError(f"it asks to call {name}, which is not part of a checkpoint")


_OLD_MODULES = {"__builtin__": "builtins"}
"""As protocol 2, which torch.save writes, calls them."""
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_PATHS = tuple(
    f"pathlib{inner}.{pure}{system}Path"
    for inner in ("", "._local")  # of Python 3.13
    for pure in ("", "Pure")
    for system in ("Posix", "Windows")
)
_NUMPY = tuple(
    f"numpy.{core}.{name}"
    for core in ("core", "_core")
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
)
_CALLS: dict[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor_v2": lambda *values: View(*values[:4]),
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "collections.OrderedDict": lambda *_: {},
    "collections.defaultdict": lambda *_: {},
    "builtins.set": lambda items=(), *_: Group(items if isinstance(items, list) else []),
} | dict.fromkeys(
    (
        *("_codecs.encode", "builtins.bytearray", "builtins.complex", "builtins.getattr"),
        *("builtins.frozenset", "builtins.range", "builtins.slice", "builtins.xrange"),
        *("collections.Counter", "collections.deque"),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        *("numpy.dtype", "torch.Size", "torch.device"),
        *_PATHS,
        *_NUMPY,
    ),
    lambda *_: Record(),
)
"""Everything that a checkpoint may ask to call, with its replacement: a record for calls that no
tensor depends on."""
