"""Tensors in pickles, read without running them."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcl_ext.fileio.safe_pickle import load_pickle


def _load(tmp_path, content, protocol=4):
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return load_pickle(path)


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize(
    'dtype', [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_of_every_kind(tmp_path, dtype, protocol):
    whole = (torch.arange(24).reshape(4, 6) * 3 % 7).to(dtype)
    tensors = dict(whole=whole, row=whole[2], column=whole[:, 1], turned=whole.T, step=whole[::2])
    tensors |= dict(scalar=whole[1, 1], empty=whole[:0], one=torch.tensor([3]))
    loaded = _load(tmp_path, tensors, protocol)
    for key, tensor in tensors.items():
        assert type(loaded[key]) is np.ndarray
        assert loaded[key].dtype == tensor.numpy().dtype
        np.testing.assert_array_equal(loaded[key], tensor.numpy())


def test_bfloat16_becomes_float32(tmp_path):
    tensor = torch.tensor([1.5, -0.0078125, 3e38, float('inf')], dtype=torch.bfloat16)
    loaded = _load(tmp_path, tensor)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, tensor.float().numpy())


class _Call:
    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def _storage_bytes(tensor):
    stream = io.BytesIO()
    torch.save(tensor.storage(), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def test_hostile_pickle_inside_a_storage_does_not_run(tmp_path):
    trace = tmp_path / 'ran'
    inner = pickle.dumps(_Call(os.mkdir, str(trace)), protocol=2)
    outer = _Call(torch.storage._load_from_bytes, inner)
    with pytest.raises(ValueError, match=r'refused posix\.mkdir inside a tensor'):
        _load(tmp_path, [outer])
    assert not trace.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011  (whatever torch says afterwards)
        torch.load(io.BytesIO(inner), weights_only=False)
    assert trace.exists(), 'the same bytes do run where nobody watches'


@pytest.mark.parametrize(
    ('offset', 'shape', 'strides'),
    [
        (0, (5,), (1,)),  # beyond the end
        (2, (3,), (1,)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (0, (100000, 100000), (0, 0)),  # an expanded element that fills the memory
        (0, (2, 2), (1,)),
        (0, (2.0,), (1,)),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path, offset, shape, strides):
    storage = _Call(torch.storage._load_from_bytes, _storage_bytes(torch.ones(4)))
    tensor = _Call(torch._utils._rebuild_tensor_v2, storage, offset, shape, strides, False, {})
    with pytest.raises(ValueError, match=r'a\.pkl: cannot be read as plain data: .*tensor'):
        _load(tmp_path, tensor)


@pytest.mark.parametrize('cut', [1, 16, 17, 200])
def test_cut_storages_are_refused(tmp_path, cut):
    data = _storage_bytes(torch.ones(4))[:-cut]
    with pytest.raises(ValueError, match='cannot be read as plain data'):
        _load(tmp_path, _Call(torch.storage._load_from_bytes, data))


def test_other_functions_of_torch_are_refused(tmp_path: Path):
    for function in (torch.load, torch.hub.load, torch._utils._rebuild_parameter):
        with pytest.raises(ValueError, match=r'refused torch'):
            _load(tmp_path, _Call(function, 'x'))
