"""``torch.load`` for checkpoints of strangers: what they hold is never run."""

import contextlib
import pickle
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Literal


def load_restricted(load: Callable[..., Any], source: Any, *args: Any, **kwargs: Any) -> Any:
    """Call ``torch.load`` or its kin on tensors, plain containers, numpy values and HistoryBuffers.

    Raises:
        pickle.UnpicklingError: If the file is damaged or holds anything else.
    """
    with allow_list():
        try:
            loaded = load(source, *args, **{**kwargs, 'weights_only': True})
        except (OSError, RuntimeError):  # no such file; an archive that is cut short
            raise
        except Exception as error:  # bytes that are no pickle may raise anything
            reason = str(error).rpartition('WeightsUnpickler error: ')[2].partition('\n')[0]
            raise pickle.UnpicklingError(
                f'{source} was not loaded: it is damaged, or it holds more than tensors, plain '
                'containers, numpy values and HistoryBuffers, and unpickling that could run code. '
                'Allow what you trust with torch.serialization.add_safe_globals. '
                f'The unpickler says: {reason or type(error).__name__}'
            ) from error
    return _unwrap(loaded, set())


@contextlib.contextmanager
def allow_list() -> Iterator[None]:
    """Let torch's unpickler admit what a full MMEngine checkpoint holds, and restore its list."""
    from torch import serialization

    own = _admitted()
    before = serialization.get_safe_globals()
    serialization.clear_safe_globals()
    serialization.add_safe_globals([item for item in before if _pickled_name(item) not in own])
    serialization.add_safe_globals([(value, name) for name, value in own.items()])
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(before)


def _pickled_name(entry: Any) -> str:
    """Return the name under which an entry of torch's allow-list stands in a pickle."""
    return entry[1] if isinstance(entry, tuple) else f'{entry.__module__}.{entry.__qualname__}'


def _admitted() -> dict[str, Callable[..., Any]]:
    """Map the names in a pickle to what the unpickler may call for them.

    numpy's own functions are not among them: a pickled dtype can claim that plain numbers are
    object pointers.
    """
    from mmengine.logging import HistoryBuffer

    admitted: dict[str, Callable[..., Any]] = {
        'builtins.bytes': _no_bytes,
        'builtins.getattr': _history_buffer_method,
        f'{HistoryBuffer.__module__}.HistoryBuffer': HistoryBuffer,
        'numpy.dtype': _PickledDType,
        'numpy.ndarray': _PickledArray,
    }
    for package in ('numpy._core', 'numpy.core'):  # numpy 2 and numpy 1
        admitted[f'{package}.multiarray._reconstruct'] = _reconstruct_array
        admitted[f'{package}.multiarray.scalar'] = _reconstruct_scalar
    return admitted


def _no_bytes() -> bytes:
    """Serve as ``bytes``, which stands in pickles of empty arrays, without any argument."""
    return b''


def _history_buffer_method(owner: Any, name: str) -> FunctionType:
    """Serve as ``getattr`` for the statistics that a HistoryBuffer refers to, and nothing else."""
    from mmengine.logging import HistoryBuffer

    method = vars(HistoryBuffer).get(name)
    if owner is HistoryBuffer and isinstance(method, FunctionType) and not name.startswith('_'):
        return method
    raise pickle.UnpicklingError(f'getattr({owner!r}, {name!r}) is not allowed')


class _PickledDType:
    """A numpy dtype on its way out of a pickle: numbers, booleans and strings only."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        import numpy as np

        self.value = np.dtype(code) if isinstance(code, str) else np.dtype(object)
        if self.value.kind not in 'biufcSU':
            raise pickle.UnpicklingError(f'numpy dtype {code!r} is not allowed')

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order; the rest of the state describes dtypes that are not allowed."""
        self.value = self.value.newbyteorder(state[1])


class _PickledArray:
    """A numpy array on its way out of a pickle; :func:`_unwrap` puts the array in its place."""

    value: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, is_fortran, data = state
        self.value = _view(shape, dtype, data, 'F' if is_fortran else 'C').copy(order='K')


def _view(shape: tuple[int, ...], dtype: Any, data: Any, order: Literal['C', 'F'] = 'C') -> Any:
    import numpy as np

    if type(dtype) is not _PickledDType or type(data) is not bytes:
        raise pickle.UnpicklingError('only numpy values with a plain dtype and buffer are allowed')
    return np.ndarray(shape, dtype.value, data, order=order)


def _reconstruct_array(kind: type[_PickledArray], *_: Any) -> _PickledArray:
    if kind is not _PickledArray:
        raise pickle.UnpicklingError(f'array type {kind!r} is not allowed')
    return _PickledArray()


def _reconstruct_scalar(dtype: _PickledDType, data: bytes) -> Any:
    return _view((), dtype, data)[()]


def _unwrap(value: Any, seen: set[int]) -> Any:
    """Put numpy's objects where the unpickler left ours, in place where that is possible."""
    if isinstance(value, _PickledArray | _PickledDType):
        return value.value
    if type(value) is tuple:
        return tuple(_unwrap(item, seen) for item in value)
    if id(value) in seen:
        return value
    seen.add(id(value))
    if isinstance(value, dict):
        value.update({key: _unwrap(item, seen) for key, item in value.items()})
    elif isinstance(value, list):
        value[:] = [_unwrap(item, seen) for item in value]
    if hasattr(value, '__dict__') and not callable(value):
        _unwrap(vars(value), seen)
    return value
