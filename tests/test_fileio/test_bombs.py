"""Small files that would take much time or memory, or crash the reader.

Each is read in a child process with 2 GiB of memory and 60 seconds.
"""

import io
import pickle
import resource
import signal
import struct
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch

from mmcl_ext.fileio.pickle_scan import scan_pickle


def _shared_tuples(levels):
    """t = (t, t), again and again, through the memo."""
    steps = b''.join(b'h%ch%c\x86q%c' % (i, i, i + 1) for i in range(levels))
    return b')q\x00' + steps


def _shared_lists(levels):
    steps = b''.join(b']q%c(h%ch%ce' % (i + 1, i, i) for i in range(levels))
    return b']q\x00' + steps


BOMBS = {
    'nested tuple as key': b'}(K\x01' + b'\x85' * 300_000 + b'K\x01u.',
    'nested frozenset': b'(' * 200_000 + b'K\x01' + b'\x91' * 200_000 + b'.',
    'nested lists': b']' * 100_000 + b'a' * 99_999 + b'.',
    'memo index': b'Nr' + struct.pack('<I', 500_000_000) + b'.',
    'text memo index': b'Np500000000\n.',
    'shared tuples as key': _shared_tuples(60) + b'}h\x3cNs.',
    'shared tuples in a set': b'c__builtin__\nset\n(](' + _shared_tuples(60) + b'etR.',
    'shared tuples': _shared_tuples(60) + b'.',
    'shared lists': _shared_lists(60) + b'.',
    'a list of one long text': b'X' + struct.pack('<I', 200_000) + b'a' * 200_000 + b'q\x00'
    b'0]q\x01(' + b'h\x00' * 1_000_000 + b'e.',
    'length of a text': b'X\xff\xff\xff\x7f' + b'a.',
    'length of bytes': b'\x8e' + struct.pack('<Q', 1 << 40) + b'a.',
    'length of an integer': b'\x8b\xff\xff\xff\x7f.',
    'frame': b'\x95' + struct.pack('<Q', 1 << 40) + b'N.',
    'state of a class': b'cnumpy\ndtype\n}X\x05\x00\x00\x00valueK\x01sb.',
    'state of a function': b'c__builtin__\nbytes\n(c__builtin__\nlist\n)}NtbN0.',
    'extension': b'\x82\x01.',
    'persistent reference': b'K\x01Q.',
    'instance': b'(i__builtin__\nlist\n.',
    'object': b'(c__builtin__\nlist\no.',
    'array without its bytes': b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t'
    b'C\x01btR(K\x01(I100000000\ntcnumpy\ndtype\n(X\x02\x00\x00\x00f4K\x00K\x01tR\x89C\x00tb.',
    'call of a value': b'K\x01)R.',
}


def _limit():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    signal.alarm(60)


def _read(code, path, tmp_path):
    return subprocess.run(
        [sys.executable, '-c', code, str(path)],
        preexec_fn=_limit,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={'OMP_NUM_THREADS': '1', 'PATH': ''},
    )


PLAIN = """
import sys
from mmcl_ext.fileio.safe_pickle import load_pickle
try:
    load_pickle(sys.argv[1])
except ValueError as error:
    assert len(str(error)) < 500
    print('refused:', error)
"""


@pytest.mark.parametrize('name', BOMBS)
def test_annotation_bombs_are_refused(tmp_path, name):
    path = tmp_path / 'bomb.pkl'
    path.write_bytes(b'\x80\x04' + BOMBS[name])
    done = _read(PLAIN, path, tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.startswith(f'refused: {path}: cannot be read as plain data:')
    assert done.stdout.count('\n') == 1


def _archive(tmp_path, data, entries=(), **options):
    path = tmp_path / 'bomb.pth'
    with zipfile.ZipFile(path, 'w', **options) as archive:
        archive.writestr('archive/data.pkl', b'\x80\x02' + data)
        archive.writestr('archive/version', '3\n')
        archive.writestr('archive/byteorder', 'little')
        for name, content in entries:
            archive.writestr(name, content)


class _Call:
    def __init__(self, *call):
        self._call = call

    def __reduce__(self):
        return self._call


def _saved(tmp_path, *call, **options):
    torch.save({'state_dict': {'weight': _Call(*call)}}, tmp_path / 'bomb.pth', **options)


def _view(tmp_path, shape, strides, **options):
    storage = torch.ones(4).storage()
    _saved(
        tmp_path,
        torch._utils._rebuild_tensor_v2,
        (storage, 0, shape, strides, False, {}),
        **options,
    )


def _legacy(tmp_path, data):
    (tmp_path / 'bomb.pth').write_bytes(b'\x80\x02' + data)


CHECKPOINTS = {
    **{name: partial(_archive, data=BOMBS[name]) for name in list(BOMBS)[:8]},
    'old format': partial(_legacy, data=BOMBS['nested tuple as key']),
    'compressed': partial(
        _archive,
        data=b'}.',
        entries=[('archive/data/0', bytes(1 << 27))],
        compression=zipfile.ZIP_DEFLATED,
    ),
    'zero strides': partial(_view, shape=(10**6, 10**6), strides=(0, 0)),
    'zero strides, old format': partial(
        _view, shape=(10**6, 10**6), strides=(0, 0), _use_new_zipfile_serialization=False
    ),
    'tensor of a number': lambda folder: _saved(folder, torch.Tensor, (100_000_000,)),
}

CHECKPOINT = """
import signal, sys
REASONS = ('refused', 'an archive of', 'a tensor of', 'tensors of')
from pathlib import Path
from mmcl_ext.fileio.checkpoint import read_checkpoint
for path in sorted(Path(sys.argv[1]).glob('*/bomb.pth')):
    signal.alarm(60)
    print(path.parent.name, flush=True)
    try:
        read_checkpoint(path)
    except ValueError as error:
        assert str(path) in str(error) and len(str(error)) < 1000, error
        reason = str(error).partition('The unpickler says: ')[2]
        print('refused' if reason.startswith(REASONS) else error, flush=True)
"""


def test_checkpoint_bombs_are_refused(tmp_path):
    for name, make in CHECKPOINTS.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    code = f'import resource, mmengine.runner, torch\n{CHECKPOINT}'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
        capture_output=True,
        text=True,
    )
    wanted = ''.join(f'{name}\nrefused\n' for name in sorted(CHECKPOINTS))
    assert (done.stdout, done.returncode) == (wanted, 0), done.stderr


def test_expanded_buffer_of_a_checkpoint_is_read(tmp_path):
    from mmcl_ext.fileio.checkpoint import read_checkpoint

    state = dict(mask=torch.ones(4, 1).expand(4, 1000), weight=torch.ones(3))
    torch.save(state, tmp_path / 'a.pth')
    loaded = read_checkpoint(tmp_path / 'a.pth')['state_dict']
    assert torch.equal(loaded['mask'], state['mask'])


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_scan_ends_where_the_pickle_ends(protocol):
    names = tuple(f'class {i}' for i in range(200))
    content = [dict(names=names, size=(320, 570), x=0.5, b=b'\x00' * 300, n=-(2**70)), [{2}]]
    data = pickle.dumps(content * 3, protocol)
    assert scan_pickle(data + b'rest') == len(data)


def test_scan_of_a_checkpoint_of_the_former_format():
    stream = io.BytesIO()
    torch.save({'weight': torch.ones(3)}, stream, _use_new_zipfile_serialization=False)
    data, end = stream.getvalue(), 0
    for _ in range(5):
        end = scan_pickle(data, end, storage_references=True)
    assert len(data) - end == 8 + 12


def test_module_is_named_in_the_message(tmp_path: Path):
    path = tmp_path / 'a.pkl'
    path.write_bytes(b'c\x1b[31mx\nname\n.')
    done = _read(PLAIN, path, tmp_path)
    assert '\x1b' not in done.stdout


def test_downloaded_bomb_is_refused(tmp_path):
    from mmengine.runner.checkpoint import load_from_http

    _view(tmp_path, (10**6, 10**6), (0, 0))
    address = (tmp_path / 'bomb.pth').as_uri()
    with pytest.raises(pickle.UnpicklingError, match=r'a tensor of shape .* over 16 bytes'):
        load_from_http(address, model_dir=str(tmp_path / 'cache'))


def test_keys_of_a_state_are_printed_in_bounded_length(tmp_path):
    from mmcl_ext.fileio.checkpoint import read_checkpoint

    key = ()
    for _ in range(20):
        key = (key, key)
    torch.save({'state_dict': {key: torch.ones(1), 'a': torch.ones(1)}}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='holds no state dictionary') as caught:
        read_checkpoint(tmp_path / 'a.pth')
    assert len(str(caught.value)) < 500
