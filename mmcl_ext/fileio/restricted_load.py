"""``torch.load`` for checkpoints of strangers: what they hold is never run."""

import contextlib
import mmap
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mmcl_ext.fileio.pickle_scan import scan_pickle, scan_storage_file
from mmcl_ext.fileio.pickle_types import of_checkpoints, unwrap
from mmcl_ext.fileio.printable import bounded_repr, printable

_SLACK = 1 << 20  # bytes; small entries of an archive may be compressed
_FREE_VIEW = 1 << 26  # bytes; an expanded mask or table of positions stays below


def load_restricted(load: Callable[..., Any], source: Any, *args: Any, **kwargs: Any) -> Any:
    """Call ``torch.load`` on tensors, plain containers, numpy values and HistoryBuffers only."""
    with allow_list():
        try:
            size = _check_file(source)
            loaded = load(source, *args, **{**kwargs, 'weights_only': True})
            seen: dict[int, Any] = {}
            loaded = unwrap(loaded, seen)
            _check_tensors((value for value, _ in seen.values()), size)
        except Exception as error:  # bytes that are no pickle may raise anything
            if isinstance(error, OSError | RuntimeError) and type(error) is not RecursionError:
                raise  # no such file; an archive that is cut short
            said = str(error).rpartition('WeightsUnpickler error: ')[2].partition('\n')[0]
            raise pickle.UnpicklingError(
                f'{source} was not loaded: it is damaged, or it holds more than tensors, plain '
                'containers, numpy values and HistoryBuffers, and unpickling that could run code. '
                'Allow what you trust with torch.serialization.add_safe_globals. '
                f'The unpickler says: {printable(said) or type(error).__name__}'
            ) from error
    return loaded


def _check_file(source: Any) -> int:
    """Scan the pickles of a checkpoint before any is built; return the file's size."""
    is_path = isinstance(source, str | os.PathLike)
    with open(source, 'rb') if is_path else contextlib.nullcontext(source) as file:
        start = file.tell()
        is_archive = file.read(4) == b'PK\x03\x04'
        size = file.seek(0, os.SEEK_END)
        file.seek(start)
        if is_archive:
            _check_archive(file, size)
        elif size > start:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if is_path else None
            scan_storage_file(mapped or file.read())
        file.seek(start)
    return size


def _check_archive(file: Any, size: int) -> None:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise RuntimeError(f'the archive is damaged: {error}') from error
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > size + _SLACK:
        raise pickle.UnpicklingError(f'an archive of {size} bytes tells of {unpacked}')
    for name in archive.namelist():
        if name.rpartition('/')[2] == 'data.pkl':
            scan_pickle(archive.read(name), storage_references=True)


def _check_tensors(values: Iterable[Any], size: int) -> None:
    """Refuse tensors that tell of more than the file holds."""
    import torch

    storages = {}
    for tensor in values:
        if isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided:
            storage = tensor.untyped_storage()
            storages[storage._cdata] = storage.nbytes()
            if tensor.numel() * tensor.element_size() > max(storage.nbytes(), _FREE_VIEW):
                raise pickle.UnpicklingError(
                    f'a tensor of shape {bounded_repr(tuple(tensor.shape))} '
                    f'over {storage.nbytes()} bytes'
                )
    if sum(storages.values()) > size + _SLACK:
        raise pickle.UnpicklingError(
            f'tensors of {sum(storages.values())} bytes in a file of {size}'
        )


@contextlib.contextmanager
def allow_list() -> Iterator[None]:
    """Let torch's unpickler admit what a full MMEngine checkpoint holds, and restore its list."""
    from torch import serialization

    own = of_checkpoints()
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
