"""Damaging files: bytes at random, JSON where it has structure, safetensors in both ways."""

import json
import random
from typing import Any

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
