"""Check of a pickle's opcodes before anything is built.

The scan follows the stack as an unpickler does, with the size of each value in the place
of the value. What it refuses would take time or memory out of proportion to the file,
overflow the interpreter's stack, or change anything but what the pickle itself builds.
"""

import mmap
import pickle
import pickletools
from collections.abc import Callable, Sequence

_MOST_LEVELS = 100
_FREE_WEIGHT = 10_000_000
_WEIGHT_PER_BYTE = 64
_REFUSED = {
    *('DUP', 'INST', 'OBJ', 'PERSID', 'NEWOBJ_EX', 'NEXT_BUFFER', 'READONLY_BUFFER'),
    *('EXT1', 'EXT2', 'EXT4'),
}
_OPCODES = {ord(op.code): op for op in pickletools.opcodes if op.name not in _REFUSED}
_COUNT_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def scan_pickle(
    data: bytes | mmap.mmap, position: int = 0, storage_references: bool = False
) -> int:
    """Check the pickle at a position, which may refer to storages if so told; return its end."""
    scan = _Scan(data, position, storage_references)
    try:
        return scan.run()
    except (IndexError, KeyError, ValueError) as error:  # an empty stack, no such memo
        raise pickle.UnpicklingError(f'damaged at byte {scan.position}') from error


def scan_storage_file(data: bytes | mmap.mmap) -> None:
    """Check the five pickles in front of the numbers of PyTorch's former file format."""
    end = 0
    for _ in range(5):
        if end < len(data):
            end = scan_pickle(data, end, storage_references=True)


class _Value:
    """What is known of a value that an unpickler would build.

    Attributes:
        kind: ``leaf``, ``tuple``, ``global``, ``open`` (a list, dict or set) or ``object``.
        weight: Number of values in it, those that it shares counted at each place.
        levels: How deep its containers nest.
        closed: Whether it is part of another value.
    """

    __slots__ = ('closed', 'kind', 'levels', 'weight')

    def __init__(self, kind: str, weight: int = 1, levels: int = 0) -> None:
        self.kind = kind
        self.weight = weight
        self.levels = levels
        self.closed = False


_LEAF = _Value('leaf')


class _Scan:
    def __init__(self, data: bytes | mmap.mmap, position: int, storage_references: bool) -> None:
        self.data = data
        self.position = position
        self.storage_references = storage_references
        self.stack: list[_Value] = []
        self.outer: list[list[_Value]] = []  # stacks below the marks
        self.memo: dict[int, _Value] = {}
        self.limit = _FREE_WEIGHT + _WEIGHT_PER_BYTE * len(data)
        self.hashed = 0

    def run(self) -> int:
        data, end = self.data, len(self.data)
        while True:
            code = data[self.position]
            if code in _LEAF_BYTES:
                self.stack.append(_LEAF)
                self.position += _LEAF_BYTES[code]
                continue
            if code not in _STEPS:
                raise self.refusal(f'opcode {code}')
            name, size, effect = _STEPS[code]
            number = self.read_argument(name, size)
            if self.position > end:
                raise pickle.UnpicklingError(f'cut short in {name}')
            if name == 'STOP':
                self.stack.pop()
                return self.position
            effect(self, number)

    def read_argument(self, name: str, size: int) -> int:
        """Step over an opcode; return its number, or the length of its text."""
        start = self.position + 1
        if size >= 0:
            self.position = start + size
            if size < 2:
                return self.data[start] if size else 0
            return int.from_bytes(self.data[start : self.position], 'little')
        if size == pickletools.UP_TO_NEWLINE:
            return self.read_lines(name, start)
        first = start + _COUNT_BYTES[size]
        number = int.from_bytes(self.data[start:first], 'little')
        self.position = first + number
        return number

    def read_lines(self, name: str, start: int) -> int:
        end = start
        for _ in range(2 if name == 'GLOBAL' else 1):
            end = self.data.find(b'\n', end) + 1
            if end == 0:
                raise pickle.UnpicklingError(f'cut short in {name}')
        self.position = end
        return int(self.data[start:end]) if name in ('GET', 'PUT') else end - start

    def refusal(self, what: str) -> pickle.UnpicklingError:
        return pickle.UnpicklingError(f'refused {what} at byte {self.position}')

    def pop_to_mark(self) -> list[_Value]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def pop_hashed(self, step: int) -> list[_Value]:
        """Pop to the mark; one item in ``step`` is a key."""
        items = self.pop_to_mark()
        self.hash_all(items[::step])
        return items

    def push_all(self, kind: str, items: Sequence[_Value]) -> None:
        value = _Value(kind)
        self.put_into(value, items)
        self.stack.append(value)

    def put_into(self, target: _Value, items: Sequence[_Value]) -> None:
        levels = target.levels
        for item in items:
            item.closed = True
            target.weight += item.weight
            if item.levels >= levels:
                levels = item.levels + 1
        target.levels = levels
        if target.levels > _MOST_LEVELS:
            raise self.refusal(f'more than {_MOST_LEVELS} levels of containers')
        if target.weight > self.limit:
            raise self.refusal('values that repeat without end')

    def change(self, items: Sequence[_Value], kinds: tuple[str, ...] = ('open', 'object')) -> None:
        """Put items into the value on top of the stack, which nothing else may hold yet."""
        target = self.stack[-1]
        if target.kind not in kinds or target.closed:
            raise self.refusal('a change of what the file has not just built')
        self.put_into(target, items)

    def hash_all(self, items: Sequence[_Value]) -> None:
        self.hashed += sum(item.weight for item in items)
        if self.hashed > self.limit:
            raise self.refusal('keys that repeat without end')


def _push_text(scan: _Scan, length: int) -> None:
    scan.stack.append(_Value('leaf', 1 + length // 64) if length > 64 else _LEAF)


def _push(kind: str) -> Callable[[_Scan, int], None]:
    return lambda scan, _: scan.stack.append(_Value(kind))


def _push_stack_global(scan: _Scan, _: int) -> None:
    del scan.stack[-2], scan.stack[-1]
    scan.stack.append(_Value('global'))


def _mark(scan: _Scan, _: int) -> None:
    scan.outer.append(scan.stack)
    scan.stack = []


def _put(scan: _Scan, index: int) -> None:
    if not 0 <= index <= scan.position:  # each index before it took a byte at least
        raise scan.refusal(f'memo {index}')
    scan.memo[index] = scan.stack[-1]


def _tuple_of(count: int) -> Callable[[_Scan, int], None]:
    def push(scan: _Scan, _: int) -> None:
        scan.push_all('tuple', [scan.stack.pop() for _ in range(count)])

    return push


def _set_item(scan: _Scan, _: int) -> None:
    value, key = scan.stack.pop(), scan.stack.pop()
    scan.hash_all([key])
    scan.change([key, value])


def _call(scan: _Scan, _: int) -> None:
    arguments, function = scan.stack.pop(), scan.stack.pop()
    if function.kind != 'global':
        raise scan.refusal('a call of what is no name')
    scan.hash_all([arguments])  # a set, say, of the items of a list
    scan.push_all('object', [arguments])


def _build(scan: _Scan, _: int) -> None:
    state = scan.stack.pop()
    scan.hash_all([state])
    scan.change([state], ('object',))


def _push_storage(scan: _Scan, _: int) -> None:
    if not scan.storage_references:
        raise scan.refusal('a persistent reference')
    scan.stack.pop()
    scan.stack.append(_LEAF)


def _check_frame(scan: _Scan, length: int) -> None:
    if length > len(scan.data) - scan.position:
        raise pickle.UnpicklingError('cut short in FRAME')


_EFFECTS: dict[str, Callable[[_Scan, int], object]] = {
    'PROTO': lambda scan, _: None,
    'FRAME': _check_frame,
    'MARK': _mark,
    'POP': lambda scan, _: scan.stack.pop(),
    'POP_MARK': lambda scan, _: scan.pop_to_mark(),
    **dict.fromkeys(('EMPTY_LIST', 'EMPTY_DICT', 'EMPTY_SET'), _push('open')),
    **dict.fromkeys(
        ('GET', 'BINGET', 'LONG_BINGET'), lambda scan, i: scan.stack.append(scan.memo[i])
    ),
    **dict.fromkeys(('PUT', 'BINPUT', 'LONG_BINPUT'), _put),
    'MEMOIZE': lambda scan, _: _put(scan, len(scan.memo)),
    'GLOBAL': _push('global'),
    'STACK_GLOBAL': _push_stack_global,
    'TUPLE': lambda scan, _: scan.push_all('tuple', scan.pop_to_mark()),
    'TUPLE1': _tuple_of(1),
    'TUPLE2': _tuple_of(2),
    'TUPLE3': _tuple_of(3),
    'LIST': lambda scan, _: scan.push_all('open', scan.pop_to_mark()),
    'DICT': lambda scan, _: scan.push_all('open', scan.pop_hashed(2)),
    'FROZENSET': lambda scan, _: scan.push_all('tuple', scan.pop_hashed(1)),
    'APPEND': lambda scan, _: scan.change([scan.stack.pop()]),
    'APPENDS': lambda scan, _: scan.change(scan.pop_to_mark()),
    'SETITEM': _set_item,
    'SETITEMS': lambda scan, _: scan.change(scan.pop_hashed(2)),
    'ADDITEMS': lambda scan, _: scan.change(scan.pop_hashed(1)),
    'REDUCE': _call,
    'NEWOBJ': _call,
    'BUILD': _build,
    'BINPERSID': _push_storage,
}
_LEAF_BYTES = {
    code: 1 + (op.arg.n if op.arg else 0)
    for code, op in _OPCODES.items()
    if op.name not in _EFFECTS and op.name != 'STOP' and (op.arg is None or op.arg.n >= 0)
}
"""Length of each opcode that pushes a single number, by its code."""
_STEPS = {
    code: (op.name, op.arg.n if op.arg else 0, _EFFECTS.get(op.name, _push_text))
    for code, op in _OPCODES.items()
}
"""Name, length of the argument, and effect of each opcode, by its code."""
