import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mmcl_ext.checkpoints.load import INFO_KEY
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.fileio.name_file import names_file

METADATA_KEY = 'mmcl_ext.model_info'
"""Entry of an exported file with :meth:`ModelInfo.to_json`."""

FORMATS = {
    '.onnx': 'onnx',
    '.ts': 'torchscript',
    '.pt2': 'torch_export',
    '.pth': 'checkpoint',
    '.safetensors': 'checkpoint',
}
"""Kind of a model file by its ending."""

_ARCHIVES = ('torchscript', 'torch_export')
_MAX_DESCRIPTION = 1 << 24
_METADATA_FIELD = 14  # of ONNX's ModelProto


def file_format(path: str | os.PathLike) -> str:
    """Tell the kind of a model file that is there from its ending."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise ValueError(f'a model file ends in {", ".join(FORMATS)}, got {os.fspath(path)!r}')
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no model file {os.fspath(path)!r}')
    return FORMATS[suffix]


@names_file
def read_model_info(path: str | os.PathLike) -> ModelInfo:
    """Read the description in an exported or published file, without any runtime."""
    kind = file_format(path)
    if kind in _ARCHIVES and not zipfile.is_zipfile(path):  # PyTorch would print a traceback
        raise ValueError(f'{path} is not a readable model: it is damaged or of another kind')
    text = _READERS[kind](path) if kind in _READERS else None
    if kind == 'checkpoint':
        values = read_checkpoint(path)['meta'].get(INFO_KEY)
        if isinstance(values, dict):
            return ModelInfo.from_dict(values)
    if not text:
        raise ValueError(f'{path} has no description of its model: was it made by this package?')
    return ModelInfo.from_json(text)


def _read_onnx(path: str | os.PathLike) -> str | None:
    data = memoryview(Path(path).read_bytes())
    for field, entry in _protobuf_fields(data):
        if field == _METADATA_FIELD:
            pair = {number: bytes(value) for number, value in _protobuf_fields(entry)}
            if pair.get(1) == METADATA_KEY.encode():
                return pair[2].decode()
    return None


_EXTERNAL_DATA = 13  # of ONNX's TensorProto
_NESTED = {  # fields of ONNX's messages that lead to tensors, by the kind of message
    'model': {7: 'graph', 20: 'training', 25: 'function'},
    'training': {1: 'graph', 2: 'graph'},
    'function': {7: 'node', 11: 'attribute'},
    'graph': {1: 'node', 5: 'tensor', 15: 'sparse'},
    'node': {5: 'attribute'},
    'attribute': {5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse'},
    'sparse': {1: 'tensor', 2: 'tensor'},
    'tensor': {_EXTERNAL_DATA: 'external'},
}


def check_self_contained(path: str | os.PathLike) -> None:
    """Refuse an ONNX file that reads tensors from other files, which may be any of this machine."""
    pending = [('model', memoryview(Path(path).read_bytes()))]
    try:
        while pending:
            kind, data = pending.pop()
            for field, entry in _protobuf_fields(data):
                below = _NESTED[kind].get(field)
                if below == 'external':
                    raise ValueError(f'{path} keeps tensors in other files, which are not read')
                if below is not None:
                    pending.append((below, entry))
    except IndexError as error:
        raise ValueError(f'{path} is not a readable model: {error}') from error


def _protobuf_fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and content of the fields of a message that have a length."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            _, place = _varint(data, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        elif kind == 2:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise IndexError('the file ends in the middle')
            yield tag >> 3, data[place : place + length]
            place += length
        else:
            raise IndexError('the file is no ONNX model')


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _read_archive(path: str | os.PathLike) -> str | None:
    """Read the extra file of a PyTorch archive; PyTorch's own readers could run code."""
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.filename.endswith(f'/extra/{METADATA_KEY}'):
                if item.file_size > _MAX_DESCRIPTION:
                    raise ValueError(f'{path} has a description of {item.file_size} bytes')
                return archive.read(item).decode()
    return None


_READERS = {
    'onnx': _read_onnx,
    'torchscript': _read_archive,
    'torch_export': _read_archive,
}
