"""Reading of annotation pickles without running what they say.

A pickle is a program: the ordinary loader calls any function the file names.
:func:`load_pickle` knows a handful of names, those of numpy arrays, tensors and
plain containers, and puts stand-ins behind them which check what they are given,
so that no code of the file's choosing runs and no array is built over bad memory.
"""

import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mmcl_ext.fileio.tensor_pickle import ADMITTED as _TENSORS

_NDARRAY = object()  # a name that can be mentioned, not called
_PLAIN_DTYPE = re.compile(r'[<>|=]?([biufcSU]\d+|\?)')


def load_pickle(path: str | os.PathLike) -> Any:
    """Load a pickle that holds arrays, numbers, strings and plain containers.

    Tensors of PyTorch come back as numpy arrays, bfloat16 ones as float32.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no pickle, is damaged, or asks for anything else.
    """
    with open(path, 'rb') as file:
        try:
            return _to_plain(_PlainUnpickler(file).load())
        except Exception as error:  # hostile bytes may raise any type
            raise ValueError(f'{os.fspath(path)}: cannot be read as plain data: {error}') from error


class _DType:
    """Stand-in for ``numpy.dtype``: plain number and string types only."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f'refused the array type {code!r}')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _version, byteorder, subdtype, names, fields, *_ = state
        if byteorder not in ('<', '>', '|', '=') or (subdtype, names, fields) != (None,) * 3:
            raise pickle.UnpicklingError(f'refused the array type {state!r}')
        self.dtype = self.dtype.newbyteorder(byteorder)


class _Array(np.ndarray):
    """Array under construction; becomes a plain one once everything is loaded."""

    def __setstate__(self, state: Any) -> None:
        _version, shape, dtype, is_fortran, data = state
        plain = _checked_dtype(dtype)
        if not isinstance(data, (bytes, bytearray)):
            raise pickle.UnpicklingError('refused an array of objects')
        state = (1, shape, plain, bool(is_fortran), bytes(data))
        super().__setstate__(state)


def _checked_dtype(dtype: Any) -> np.dtype:
    if not isinstance(dtype, _DType):
        raise pickle.UnpicklingError(f'refused the array type {dtype!r}')
    return dtype.dtype


def _reconstruct(subtype: object, shape: tuple, code: bytes) -> _Array:
    """Stand-in for numpy's function of this name: an empty array to be filled."""
    if subtype is not _NDARRAY:
        raise pickle.UnpicklingError(f'refused an array of the class {subtype!r}')
    return _Array((0,), np.uint8)


def _frombuffer(data: bytes, dtype: Any, shape: tuple, order: str) -> np.ndarray:
    """Stand-in for numpy's function of this name (protocol 5)."""
    flat = np.frombuffer(data, _checked_dtype(dtype))
    return flat.reshape(shape, order='F' if order == 'F' else 'C')


def _scalar(dtype: Any, data: bytes) -> np.generic:
    """Stand-in for numpy's function of this name."""
    return np.frombuffer(data, _checked_dtype(dtype), count=1)[0]


def _encode(text: str, encoding: str) -> bytes:
    """Stand-in for ``_codecs.encode``, by which protocol 2 writes bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'refused the encoding {encoding!r}')
    return text.encode('latin1')


def _of_content(kind: type, *content: Any) -> Any:
    """Stand-in for ``bytes`` and ``bytearray``, which make N zeros of a number N."""
    if content and not isinstance(content[0], (str, bytes, bytearray, list, tuple)):
        raise pickle.UnpicklingError(f'refused a {kind.__name__} of a {type(content[0]).__name__}')
    return kind(*content)


_NUMPY: dict[str, Callable] = {
    'multiarray._reconstruct': _reconstruct,
    'multiarray.scalar': _scalar,
    'numeric._frombuffer': _frombuffer,
}
_ADMITTED: dict[str, object] = {
    **{f'numpy.core.{name}': function for name, function in _NUMPY.items()},
    **{f'numpy._core.{name}': function for name, function in _NUMPY.items()},
    **_TENSORS,
    'numpy.ndarray': _NDARRAY,
    'numpy.dtype': _DType,
    '_codecs.encode': _encode,
    'collections.OrderedDict': OrderedDict,
    **{
        f'{module}.{kind.__name__}': kind
        for module in ('builtins', '__builtin__')
        for kind in (set, frozenset, complex, list, dict, tuple)
    },
    **{
        f'{module}.{kind.__name__}': partial(_of_content, kind)
        for module in ('builtins', '__builtin__')
        for kind in (bytes, bytearray)
    },
}


class _PlainUnpickler(pickle.Unpickler):
    """Resolves the admitted names to stand-ins and refuses all others."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return _ADMITTED[f'{module}.{name}']
        except KeyError:
            raise pickle.UnpicklingError(
                f'refused {module}.{name}: only arrays and plain containers are admitted'
            ) from None


def _to_plain(root: Any) -> Any:
    """Replace the arrays under construction by plain ones, in place, without recursion."""
    holder = [root]
    pending: list[Any] = [holder]
    seen: set[int] = set()
    while pending:
        container = pending.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        items = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(items):
            if isinstance(value, _Array):
                container[key] = value.view(np.ndarray)
            elif isinstance(value, tuple) and any(isinstance(item, _Array) for item in value):
                container[key] = tuple(
                    item.view(np.ndarray) if isinstance(item, _Array) else item for item in value
                )
            elif isinstance(value, (dict, list)):
                pending.append(value)
    return holder[0]
