"""The names that a pickle or a checkpoint may ask for, and what is put in their places.

What stands in the place of a function checks what it is given, so that no code of the file's
choosing runs and no array is built over bad memory. numpy's own functions are not among them:
a pickled dtype can claim that plain numbers are object pointers.
"""

import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.tensor_pickle import TENSORS

_LEAVES = {str, int, float, bool, bytes, type(None), np.ndarray}
_PLAIN_DTYPE = re.compile(r'[<>|=]?([biufcSU]\d+|\?)')


class PickledDType:
    """A numpy dtype on its way out of a pickle: numbers, booleans and strings only."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f'refused the array type {bounded_repr(code)}')
        self.value = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, byteorder, subdtype, names, fields, *_ = state
        if byteorder not in ('<', '>', '|', '=') or (subdtype, names, fields) != (None,) * 3:
            raise pickle.UnpicklingError(f'refused the array type {bounded_repr(state)}')
        self.value = self.value.newbyteorder(byteorder)


class PickledArray:
    """A numpy array on its way out of a pickle; :func:`unwrap` puts the array in its place."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, is_fortran, data = state
        self.value = _array(data, dtype, shape, 'F' if is_fortran else 'C').copy(order='K')


def _array(data: Any, dtype: Any, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Return an array over bytes, which are as many as its shape and type tell."""
    if type(dtype) is not PickledDType:
        raise pickle.UnpicklingError(f'refused the array type {bounded_repr(dtype)}')
    if not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError('refused an array of objects')
    if len(data) != dtype.value.itemsize * math.prod(shape):
        raise pickle.UnpicklingError(
            f'refused an array of shape {bounded_repr(shape)} from {len(data)} bytes'
        )
    return np.ndarray(shape, dtype.value, data, order='F' if order == 'F' else 'C')


def _reconstruct(kind: object, *_: object) -> PickledArray:
    if kind is not PickledArray:
        raise pickle.UnpicklingError(f'refused an array of the class {bounded_repr(kind)}')
    return PickledArray()


def _scalar(dtype: PickledDType, data: bytes) -> Any:
    return _array(data, dtype, (), 'C')[()]


def _encode(text: str, encoding: str) -> bytes:
    """Serve as ``_codecs.encode``, by which protocol 2 writes bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'refused the encoding {bounded_repr(encoding)}')
    return text.encode('latin1')


def _of_content(kind: type, *content: Any) -> Any:
    """Serve as ``bytes`` and ``bytearray``, which make N zeros of a number N."""
    if content and not isinstance(content[0], (str, bytes, bytearray, list, tuple)):
        raise pickle.UnpicklingError(f'refused a {kind.__name__} of a {type(content[0]).__name__}')
    return kind(*content)


def _builtins(**values: Any) -> dict[str, Any]:
    modules = ('builtins', '__builtin__')  # Python 3 and Python 2
    return {f'{module}.{name}': value for module in modules for name, value in values.items()}


_NUMPY = {
    'multiarray._reconstruct': _reconstruct,
    'multiarray.scalar': _scalar,
    'numeric._frombuffer': _array,
}
_ARRAYS: dict[str, Any] = {
    'numpy.ndarray': PickledArray,
    'numpy.dtype': PickledDType,
    **{  # numpy 2 and numpy 1
        f'numpy.{core}.{name}': function
        for core in ('_core', 'core')
        for name, function in _NUMPY.items()
    },
    **_builtins(bytes=partial(_of_content, bytes)),
}
PLAIN: dict[str, Any] = {
    **_ARRAYS,
    **TENSORS,
    '_codecs.encode': _encode,
    'collections.OrderedDict': OrderedDict,
    **_builtins(set=set, frozenset=frozenset, complex=complex, list=list, dict=dict, tuple=tuple),
    **_builtins(bytearray=partial(_of_content, bytearray)),
}
"""What a pickle of annotations or scores may ask for."""


def of_checkpoints() -> dict[str, Callable[..., Any]]:
    """Return what a checkpoint may ask for beyond what PyTorch itself admits."""
    from mmengine.logging import HistoryBuffer

    buffer = {f'{HistoryBuffer.__module__}.HistoryBuffer': HistoryBuffer}
    return {**_ARRAYS, **buffer, 'builtins.getattr': _history_buffer_method}


def _history_buffer_method(owner: Any, name: str) -> FunctionType:
    """Serve as ``getattr`` for the statistics that a HistoryBuffer refers to, and nothing else."""
    from mmengine.logging import HistoryBuffer

    method = vars(HistoryBuffer).get(name)
    if owner is HistoryBuffer and isinstance(method, FunctionType) and not name.startswith('_'):
        return method
    raise pickle.UnpicklingError(
        f'getattr({bounded_repr(owner)}, {bounded_repr(name)}) is not allowed'
    )


def unwrap(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """Put numpy's objects where the unpickler left ours; ``seen`` collects values by identity."""
    if type(value) in _LEAVES:
        return value
    seen = {} if seen is None else seen
    if isinstance(value, PickledArray | PickledDType):
        return value.value
    if id(value) in seen:
        return seen[id(value)][1]
    if type(value) is tuple:
        plain = tuple(unwrap(item, seen) for item in value)
        seen[id(value)] = value, plain  # kept, so that no other value gets its identity
        return plain
    if not hasattr(value, '__dict__') and not isinstance(value, dict | list):
        return value
    seen[id(value)] = value, value
    if isinstance(value, dict):
        value.update({key: unwrap(item, seen) for key, item in value.items()})
    elif isinstance(value, list):
        value[:] = [unwrap(item, seen) for item in value]
    if hasattr(value, '__dict__') and not callable(value):
        unwrap(vars(value), seen)
    return value
