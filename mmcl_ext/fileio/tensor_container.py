import json
import math
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from mmcl_ext.fileio.atomic_file import atomic_file
from mmcl_ext.fileio.printable import bounded_repr, printable
from mmcl_ext.fileio.tensor_header import (
    MAX_HEADER,
    PREFIX,
    Entry,
    encode_header,
    frame_header,
    parse_header,
)

_T = TypeVar('_T')


class _Header(NamedTuple):
    """What is read once per process."""

    fd: int
    entries: dict[str, Entry]
    metadata: dict[str, str]


class TensorContainer:
    """A safetensors file, checked when it is opened and read by rows.

    Nothing is unpickled, and nothing is allocated that the file is too short for. The object
    pickles as its path and opens the file again when it is first used. Reads are positioned,
    so threads and forked processes may share it. A file that is damaged, cut short or of another
    kind is a ValueError that names file and field.

    A kind of file derives from this class, and reads and checks its tables in ``_opened``.
    """

    kind: ClassVar[str] = 'safetensors file'
    format: ClassVar[tuple[str, str] | None] = None
    """Name and version of the format, as the metadata tell them."""

    def __init__(self, path: str | os.PathLike) -> None:
        self._path = os.path.abspath(path)
        _ = self._opened

    def __reduce__(self) -> tuple:
        return _reopen_lazily, (type(self), self._path)

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._path!r})'

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._path)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        state = vars(self)
        if '_header' in state:
            os.close(state['_header'].fd)
        for name in set(state) - {'_path'}:
            del state[name]

    @cached_property
    def _opened(self) -> Any:
        return self._header

    @cached_property
    def _header(self) -> _Header:
        if not os.path.isfile(self._path):
            raise FileNotFoundError(f'no {self.kind} at {self._path}')
        fd = os.open(self._path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
        try:
            header = _Header(fd, *_read_header(fd, self._path))
            self._check_format(header.metadata)
        except BaseException:
            os.close(fd)
            raise
        return header

    def _check_format(self, metadata: Mapping[str, str]) -> None:
        if self.format is None:
            return
        name, version = self.format
        if metadata.get('format') != name:
            raise ValueError(f'{self._path} is a safetensors file but not a {self.kind}')
        if metadata.get('format_version') != version:
            told = printable(metadata.get('format_version', 'unknown'), 20)
            raise ValueError(
                f'{self._path} has version {told} of the format; this release reads version '
                f'{version}'
            )

    def read_rows(self, name: str, start: int, stop: int) -> np.ndarray:
        """Read the rows ``start:stop`` of a tensor's first axis into a fresh array."""
        fd, entries, _ = self._header
        dtype, shape, position = entries[name]
        array = np.empty((stop - start, *shape[1:]), dtype)
        size = array.nbytes
        position += start * (size // max(stop - start, 1))
        done = os.preadv(fd, [array.data], position)
        while done < size:  # the system reads at most 2 GiB at once
            rest = array.reshape(-1).view(np.uint8)[done:]
            num_read = os.preadv(fd, [rest.data], position + done)
            if num_read == 0:
                raise OSError(f'{self._path} ends at byte {position + done}, within {name!r}')
            done += num_read
        return array

    def read_all(self, name: str) -> np.ndarray:
        """Read a whole tensor into a fresh array."""
        return self.read_rows(name, 0, self._header.entries[name].shape[0])

    def _entry(self, name: str, codes: tuple[str, ...], shape: tuple[int | None, ...]) -> Entry:
        """Look a tensor up that must have one of the types and the shape; None is any length."""
        entry = self._header.entries.get(name)
        if entry is None:
            told = bounded_repr(name)
            raise ValueError(f'{self._path} is not a whole {self.kind}: {told} is missing')
        lengths = len(entry.shape) == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, entry.shape, strict=True)
        )
        if entry.code not in codes or not lengths:
            wanted = ', '.join('any' if length is None else str(length) for length in shape)
            raise self._contradiction(
                f'{bounded_repr(name)} is {entry.code} of shape {bounded_repr(entry.shape)}, '
                f'expected {" or ".join(codes)} of shape ({wanted})'
            )
        return entry

    def _table(self, name: str, code: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Read a whole tensor that must have this type and shape."""
        self._entry(name, (code,), shape)
        return self.read_all(name)

    def _text(self, field: str) -> str:
        text = self._header.metadata.get(field)
        if text is None:
            raise ValueError(f'{self._path} is not a whole {self.kind}: {field!r} is missing')
        return text

    def _json(self, field: str, kind: type[_T]) -> _T:
        """Decode an item of the metadata, which must be of this type."""
        text = self._text(field)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._wrong(field, f'no JSON that can be read: {error}') from None
        if not isinstance(value, kind):
            raise self._wrong(field, f'expected a {kind.__name__}, got {bounded_repr(value)}')
        return value

    def _names(self, field: str) -> tuple[str, ...]:
        """Decode an item of the metadata that must be a list of strings."""
        names = tuple(self._json(field, list))
        if not set(map(type, names)) <= {str}:
            odd = next(name for name in names if not isinstance(name, str))
            raise self._wrong(field, f'a name is no string: {bounded_repr(odd)}')
        try:
            ''.join(names).encode()
        except UnicodeEncodeError:
            raise self._wrong(field, 'a name holds half a character') from None
        return names

    def _wrong(self, field: str, problem: str) -> ValueError:
        return ValueError(f'{self._path}: field {field!r}: {problem}')

    def _contradiction(self, problem: str) -> ValueError:
        return ValueError(f'{self._path} is damaged: its tables contradict each other: {problem}')


def _reopen_lazily(cls: type[TensorContainer], path: str) -> TensorContainer:
    """Unpickle a container: remember the path, touch no file yet."""
    container = cls.__new__(cls)
    container._path = path
    return container


def _read_header(fd: int, path: str) -> tuple[dict[str, Entry], dict[str, str]]:
    """Read the table of contents of an open file and compare it with the file's size."""
    file_size = os.fstat(fd).st_size
    size = int.from_bytes(os.pread(fd, PREFIX, 0), 'little')
    if not 2 <= size <= min(MAX_HEADER, file_size - PREFIX):
        raise ValueError(f'{path} is not a safetensors file, or is cut short: no whole header')
    try:
        entries, metadata = parse_header(os.pread(fd, size, PREFIX))
    except ValueError as error:
        raise ValueError(
            f'{path} is not a safetensors file that can be read here: {error}'
        ) from error
    end = PREFIX + size + sum(entry.num_bytes for entry in entries.values())
    if file_size != end:
        raise ValueError(
            f'{path} is damaged or cut short: {file_size} bytes, where its header promises {end}'
        )
    return entries, metadata


def is_finite(values: np.ndarray) -> bool:
    """Whether no value is NaN or infinite; quick where the squares do not overflow."""
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())


def write_tensors(
    path: str | os.PathLike, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write contiguous arrays back to back under a temporary name and move the file into place."""
    shapes = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    with atomic_file(path) as file:
        file.write(frame_header(encode_header(shapes, metadata)))
        for tensor in tensors.values():
            file.write(tensor.data)
