"""Damaging files: bytes at random, and values, text, archives where they have structure."""

import io
import json
import pickle
import random
import re
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

Mutate = Callable[[bytes, random.Random], bytes]

ODD_NUMBERS = (0, 1, -1, 2, 7, 255, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, -(2**63), 2**64)
ODD_VALUES = (
    *ODD_NUMBERS,
    *(10**30, 10**4400, 1.0, -0.5, 1e308, float('nan'), float('inf'), True, False, None),
    *('', 'a', '\n\x1b[2J', '\ud800', 'é' * 70, 'x' * 5000, '0', '[]', '{}', 'F64', 'I64', 'BF16'),
    *([], {}, [[]], [0, 0], [None], {'a': 1}, [2**62, 2**62], ['a', 'a'], [0] * 40),
)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, set, insert, remove, repeat or cut bytes, one to four times."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(damaged) + 1)
        stop = min(start + rng.choice((1, 1, 2, 8, 64, 1000)), len(damaged))
        kind = rng.randrange(6)
        if kind == 0 and start < len(damaged):
            damaged[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[start:stop] = rng.randbytes(stop - start)
        elif kind == 2:
            damaged[start:start] = rng.randbytes(rng.choice((1, 2, 8)))
        elif kind == 3:
            del damaged[start:stop]
        elif kind == 4:
            damaged[start:start] = damaged[start:stop]
        elif kind == 5 and rng.random() < 0.2:
            del damaged[start:]
    return bytes(damaged)


def mutate_json(value: Any, rng: random.Random) -> Any:
    """Return a copy in which one value is replaced, removed, doubled or set elsewhere."""
    if isinstance(value, str) and rng.random() < 0.8:
        return _mutate_text(value, rng)
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.1:
        return _replace(value, rng)
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    place = rng.randrange(len(items))
    key, item = items[place]
    kind = rng.random()
    if kind < 0.75:
        items[place] = (key, mutate_json(item, rng))
    elif kind < 0.82:
        del items[place]
    elif kind < 0.88:
        items.insert(rng.randrange(len(items) + 1), (f'{key}2', item))
    elif kind < 0.94:
        items[place] = (key, rng.choice(items)[1])
    else:
        rng.shuffle(items)
    return dict(items) if isinstance(value, dict) else [item for _, item in items]


def _replace(value: Any, rng: random.Random) -> Any:
    if isinstance(value, np.ndarray) and rng.random() < 0.8:
        return _mutate_array(value, rng)
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice((-8, -2, -1, 1, 2, 4, 8))
    return rng.choice(ODD_VALUES)


def _mutate_text(text: str, rng: random.Random) -> Any:
    """Damage text, and inside of it where it is JSON itself."""
    inner = load_json(text)
    if inner is None:
        return mutate_bytes(text.encode(errors='surrogatepass'), rng).decode('latin-1')
    return dump_json(mutate_json(inner, rng), rng)


def load_json(text: str | bytes) -> Any:
    """Decode JSON; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def dump_json(value: Any, rng: random.Random) -> str:
    """Encode, sometimes with a name that occurs twice or with deep nesting."""
    text = encode_odd(value)
    if isinstance(value, dict) and value and rng.random() < 0.05:
        key, item = rng.choice(list(value.items()))
        text = f'{{{encode_odd(str(key))}:{encode_odd(item)},{text[1:]}'
    if rng.random() < 0.01:
        text = '[' * 100_000 + text
    return text


def encode_odd(value: Any) -> str:
    """Encode JSON with numbers longer than Python writes by itself."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 9000:
        return '1' + '0' * 4400
    if isinstance(value, list):
        return f'[{",".join(map(encode_odd, value))}]'
    if isinstance(value, dict):
        return f'{{{",".join(f"{json.dumps(k)}:{encode_odd(v)}" for k, v in value.items())}}}'
    return json.dumps(value)


def mutate_container(data: bytes, rng: random.Random) -> bytes:
    """Damage a safetensors file: its bytes, its header, or numbers of its tensors."""
    kind = rng.random()
    start = 8 + int.from_bytes(data[:8], 'little')
    header, tensors = data[8:start], bytearray(data[start:])
    content = load_json(header)
    if kind < 0.25 or content is None:
        return mutate_bytes(data, rng)
    if kind < 0.75:
        header = dump_json(mutate_json(content, rng), rng).encode()
        header += b' ' * (-len(header) % 8)
    if kind > 0.6 and len(tensors) >= 8:
        place = rng.randrange(len(tensors) // 8) * 8
        if rng.random() < 0.5:  # of the tables, which are the last
            place = max(len(tensors) // 8 - rng.randrange(1, 60), 0) * 8
        number = rng.choice((*ODD_NUMBERS, rng.randrange(50), 0x7FC000007FC00000))
        tensors[place : place + 8] = (number % 2**64).to_bytes(8, 'little')
    return len(header).to_bytes(8, 'little') + header + bytes(tensors)


def _mutate_array(array: np.ndarray, rng: random.Random) -> Any:
    """Change type, shape or numbers of an array, or turn it into something like it."""
    kind = rng.randrange(8)
    if kind == 0:
        dtype = rng.choice(('f2', 'i1', '?', 'c8', 'U4', 'S3', '>f8', 'u8', 'f8'))
        with suppress(ValueError, TypeError):  # what was text before is no number
            return array.astype(dtype)
    if kind == 1:
        return array[rng.randrange(len(array) + 1) :] if array.ndim else array[None]
    if kind == 2:
        return rng.choice((array[None], array[..., None], array.ravel(), array.T, array[()]))
    if kind == 3 and array.dtype.kind == 'f' and array.size:
        array = array.copy()
        array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf, 1e30, -1))
    elif kind == 4:
        rows = tuple(array) if array.ndim else (array[()],)
        return rng.choice((array.tolist(), rows, [array], {'a': array}))
    elif kind == 5:
        return np.zeros(rng.choice(((), (0,), (0, 3), (1,), (2, 0, 3, 2), (1,) * 30)), array.dtype)
    elif kind == 6:
        return array.astype(object)
    return array


def mutate_pickle(data: bytes, rng: random.Random) -> bytes:
    """Damage a pickle: its bytes, or what it holds; only our own content is unpickled."""
    if rng.random() < 0.3 or data not in _PICKLES:
        return mutate_bytes(data, rng)
    value = mutate_json(pickle.loads(data), rng)
    for _ in range(rng.choice((0, 0, 1, 3))):
        value = mutate_json(value, rng)
    try:
        return pickle.dumps(value, rng.randrange(6))
    except ValueError:  # the first protocols write numbers as text, which has a limit
        return pickle.dumps(value, 4)


_PICKLES: set[bytes] = set()


def own_pickle(value: Any) -> bytes:
    """Pickle a seed, which may be unpickled again to be changed."""
    data = pickle.dumps(value, 4)
    _PICKLES.add(data)
    return data


_WORDS = re.compile(r'[\w.+-]+|[^\w\s]|\n|[ \t]+')
_ODD_WORDS = (
    *('0', '-1', '1.5', '3.0', 'nan', 'inf', '-inf', '1e400', '1e30', '0x10', '1_000', '٣', '²'),
    *(
        '9' * 20,
        '9' * 5000,
        '',
        '"',
        "'",
        ',',
        ';',
        '\n',
        '\r',
        '\0',
        '\t',
        ' ',
        '#',
        ':',
        '- ',
        '{',
    ),
    *('[', ']', '}', '&a', '*a', '!!python/object/apply:os.getcwd []', '\ufeff', 'é', '\x1b[2J'),
    *('null', 'true', '[' * 3000, 'a' * 5000, '../x', 'None', '%', '$', '{{fileDirname}}'),
)


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Damage text: replace, remove, repeat or swap words and lines; or its bytes."""
    if rng.random() < 0.25:
        return mutate_bytes(data, rng)
    text = data.decode('utf-8', 'surrogateescape')
    parts = text.splitlines(keepends=True) if rng.random() < 0.3 else _WORDS.findall(text)
    if not parts:
        return mutate_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(parts))
        kind = rng.randrange(6)
        if kind < 3:
            parts[place] = rng.choice(_ODD_WORDS)
        elif kind == 3:
            parts[place] *= rng.choice((0, 2, 50))
        elif kind == 4:
            other = rng.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        else:
            parts[place:place] = [rng.choice(parts)]
    return ''.join(parts).encode('utf-8', 'surrogateescape')


def mutate_json_file(data: bytes, rng: random.Random) -> bytes:
    """Damage a JSON file: its text, or what it holds."""
    content = load_json(data)
    if content is None or rng.random() < 0.3:
        return mutate_text(data, rng)
    return dump_json(mutate_json(content, rng), rng).encode('utf-8', 'surrogatepass')


def mutate_npy(data: bytes, rng: random.Random) -> bytes:
    """Damage a ``.npy`` file: its bytes, or its header."""
    if rng.random() < 0.4 or data[:6] != b'\x93NUMPY':
        return mutate_bytes(data, rng)
    size = int.from_bytes(data[8:10], 'little')
    header = data[10 : 10 + size]
    for old in (b"'<f4'", b'(', b', ', b'False', b"'shape'", b'2'):
        if rng.random() < 0.25:
            new = rng.choice(_ODD_HEADER)
            header = header.replace(old, new, 1)
    if rng.random() < 0.3:
        header = mutate_text(header, rng)
    size = len(header) if rng.random() < 0.9 else rng.randrange(2**16)
    version = data[6:8] if rng.random() < 0.9 else rng.randbytes(2)
    return data[:6] + version + (size % 2**16).to_bytes(2, 'little') + header + data[10 + size :]


_ODD_HEADER = (
    *(
        b"'|O'",
        b"'<f8'",
        b"'>f2'",
        b"'V4'",
        b"'<U9'",
        b"'<M8[ns]'",
        b"[('a', '<f4')]",
        b"'<f'",
        b'3',
    ),
    *(b'(9999999999, ', b'(-1, ', b'(1.0, ', b'((', b'(((((', b'True', b'None', b'', b'(2**60, '),
    *(b"'descr'", b'99999999999999999999', b'0', b'-', b'lambda: 0', b"'<c8'", b"('<f4', (2,))"),
)


def in_zip(inner: Mutate) -> Mutate:
    """Damage a ZIP archive: its bytes, its entries, or one of them by another way."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return mutate_bytes(data, rng)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                sizes = sum(entry.file_size for entry in archive.infolist())
                entries = [(n, archive.read(n)) for n in archive.namelist()] if sizes < 1e6 else []
        except Exception:  # damaged before
            return mutate_bytes(data, rng)
        if not entries:
            return mutate_bytes(data, rng)
        place = rng.randrange(len(entries))
        name, content = entries[place]
        kind = rng.random()
        if kind < 0.7:
            entries[place] = (name, inner(content, rng) if content else b'0')
        elif kind < 0.8:
            del entries[place]
        elif kind < 0.9:
            entries[place] = (name + rng.choice(('x', '/', '.npy', '\n', 'é')), content)
        else:
            entries.append((rng.choice(entries)[0], content))
        return pack(entries, rng)

    return mutate


def pack(entries: list[tuple[str, bytes]], rng: random.Random | None = None) -> bytes:
    """Make a ZIP archive, compressed in one of its ways."""
    way = zipfile.ZIP_STORED
    if rng is not None and rng.random() < 0.3:
        way = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    file = io.BytesIO()
    with warnings.catch_warnings(action='ignore'), zipfile.ZipFile(file, 'w', way) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()
