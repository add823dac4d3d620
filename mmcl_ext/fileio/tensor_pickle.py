"""Tensors inside pickles, read as numpy arrays and without running what the file says.

PyTorch pickles a tensor as a call of ``_rebuild_tensor_v2`` on a storage, and a storage
as the bytes of its old file format, which are pickles themselves. Here stand functions in
the places of PyTorch's, which check what they are given.
"""

import io
import math
import pickle
from typing import NamedTuple

import numpy as np

from mmcl_ext.fileio.pickle_scan import scan_storage_file
from mmcl_ext.fileio.printable import bounded_repr

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_BFLOAT16 = np.dtype('<u2')  # read as bits and widened, since numpy has no such type


class _StorageType(NamedTuple):
    """Stand-in for a class of typed storages."""

    dtype: np.dtype
    widen: bool = False


class _Storage(NamedTuple):
    """What a storage's reference says: where its elements are and what they are."""

    kind: _StorageType
    key: str
    length: int


_STORAGE_TYPES = {
    **{
        f'{name}Storage': _StorageType(np.dtype(code))
        for name, code in dict(
            Double='<f8',
            Float='<f4',
            Half='<f2',
            Long='<i8',
            Int='<i4',
            Short='<i2',
            Char='i1',
            Byte='u1',
            Bool='?',
        ).items()
    },
    'BFloat16Storage': _StorageType(_BFLOAT16, widen=True),
}


class _StorageUnpickler(pickle.Unpickler):
    """Reads the pickles within a storage: plain values and references to storages."""

    def find_class(self, module: str, name: str) -> _StorageType:
        if module == 'torch' and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f'refused {module}.{name} inside a tensor')

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ('storage', _StorageType() as kind, str() as key, str(), int() as length, None):
                return _Storage(kind, key, length)
        raise pickle.UnpicklingError(f'refused the storage {bounded_repr(pid)}')


def load_storage(data: bytes) -> np.ndarray:
    """Stand-in for ``torch.storage._load_from_bytes``: the elements as a flat array."""
    scan_storage_file(data)
    stream = io.BytesIO(data)
    magic, protocol, _system, storage, keys = (_StorageUnpickler(stream).load() for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or not isinstance(storage, _Storage):
        raise pickle.UnpicklingError('refused bytes that are no storage of PyTorch')
    length = int.from_bytes(stream.read(8), 'little')
    rest = stream.read()
    expected = storage.length * storage.kind.dtype.itemsize
    if keys != [storage.key] or length != storage.length or len(rest) != expected:
        raise pickle.UnpicklingError(f'a storage of {len(rest)} bytes, where {expected} are told')
    values = np.frombuffer(rest, storage.kind.dtype)
    return (values.astype('<u4') << 16).view('<f4') if storage.kind.widen else values


def rebuild_tensor(
    storage: object, offset: int, shape: tuple, strides: tuple, *rest: object
) -> np.ndarray:
    """Stand-in for ``torch._utils._rebuild_tensor_v2``: a fresh array; strides count elements."""
    numbers = (offset, *shape, *strides)
    sound = (
        isinstance(storage, np.ndarray)
        and storage.ndim == 1
        and len(shape) == len(strides)
        and all(isinstance(number, int) and number >= 0 for number in numbers)
        and math.prod(shape) <= len(storage)  # no expanded tensor that fills the memory
    )
    if not sound or not isinstance(storage, np.ndarray):
        raise pickle.UnpicklingError(
            f'refused a tensor of shape {bounded_repr(shape)} and strides {bounded_repr(strides)}'
        )
    if 0 in shape:
        return np.empty(shape, storage.dtype)
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if last >= len(storage):
        raise pickle.UnpicklingError(f'a tensor reaches element {last} of {len(storage)}')
    step_bytes = tuple(step * storage.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, step_bytes).copy()


TENSORS = {
    'torch.storage._load_from_bytes': load_storage,
    'torch._utils._rebuild_tensor_v2': rebuild_tensor,
}
"""Names that pickled tensors ask for, and what is put in their places."""
