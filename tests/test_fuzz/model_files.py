"""Readers of checkpoints, exported models and configurations, and small files for them."""

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from inference_models import UTD, write_checkpoint, write_config
from mmengine.fileio.io import backend_instances
from mutation import (
    dump_json,
    in_zip,
    load_json,
    mutate_bytes,
    mutate_container,
    mutate_json,
    mutate_json_file,
    mutate_text,
    pack,
)

from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.config.load_config import load_config
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.deployment import load_backend, read_model_info
from mmcl_ext.deployment.model_file import METADATA_KEY
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.inference.mmcl_inferencer import _load_module
from mmcl_ext.mmcl import LoadCompositeImage


def checkpoint_seeds(folder: Path) -> list[bytes]:
    state = dict(weight=torch.ones(2, 3), bias=torch.zeros(3, dtype=torch.float16))
    meta = dict(dataset_meta=dict(classes=['a', 'b'], layout='coco'), epoch=3)
    seeds = []
    for content in (dict(state_dict=state, meta=meta), state, dict(model=state)):
        file = io.BytesIO()
        torch.save(content, file)
        seeds.append(file.getvalue())
    return seeds


def old_checkpoint_seeds(folder: Path) -> list[bytes]:
    file = io.BytesIO()
    state = dict(weight=torch.ones(2, 3), bias=torch.zeros(3))
    torch.save(dict(state_dict=state), file, _use_new_zipfile_serialization=False)
    return [file.getvalue()]


def checkpoint(path: Path) -> None:
    content = read_checkpoint(path)
    assert all(isinstance(value, torch.Tensor) for value in content['state_dict'].values())


@cache
def published(folder: Path) -> Path:
    weights = write_checkpoint(folder / 'epoch_1.pth', UTD, UTDMHAD_CLASSES, 'kinect_v1')
    config = write_config(folder / 'utd.py', UTD)
    return publish(config, weights, folder / 'utd.safetensors').path


def published_seeds(folder: Path) -> list[bytes]:
    return [published(folder).read_bytes()]


def mutate_description(data, rng):
    """Damage the description in a safetensors file; seldom its weights."""
    if rng.random() < 0.1:
        return mutate_container(data, rng)
    start = 8 + int.from_bytes(data[:8], 'little')
    header = load_json(data[8:start])
    told = header.get('__metadata__') if isinstance(header, dict) else None
    meta = load_json(str(told.get('mmcl_ext.meta'))) if isinstance(told, dict) else None
    if meta is None:
        return mutate_bytes(data, rng)
    info = mutate_json(meta['model_info'], rng) if isinstance(meta, dict) else None
    header['__metadata__']['mmcl_ext.meta'] = dump_json(dict(model_info=info), rng)
    encoded = json.dumps(header).encode()
    encoded += b' ' * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, 'little') + encoded + data[start:]


def model(path: Path) -> None:
    _load_module(path, None, 'cpu', False)


def description(folder: Path) -> str:
    return read_model_info(published(folder)).to_json()


def varint(number: int) -> bytes:
    low = number & 127
    return bytes([low]) if number < 128 else bytes([low | 128]) + varint(number >> 7)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def as_onnx(text: bytes) -> bytes:
    pair = field(1, METADATA_KEY.encode()) + field(2, text)
    return bytes([8, 9]) + field(2, b'mmcl') + field(7, b'graph') + field(14, pair)


def onnx_seeds(folder: Path) -> list[bytes]:
    return [as_onnx(description(folder).encode())]


def mutate_onnx(data, rng):
    start = data.find(b'{')
    content = load_json(data[start:])
    if content is None or rng.random() < 0.3:
        head = mutate_bytes(data[:start], rng) if start > 0 else data[:9]
        return head + data[max(start, 0) :] if rng.random() < 0.5 else mutate_bytes(data, rng)
    return as_onnx(dump_json(mutate_json(content, rng), rng).encode(errors='surrogatepass'))


def as_network(text: bytes) -> bytes:
    """An ONNX network, the mean over persons, frames and joints as logits, with a description."""

    def tensor(name: bytes, *axes: bytes) -> bytes:
        shape = b''.join(field(1, field(2, axis)) for axis in axes)
        return field(1, name) + field(2, field(1, bytes([8, 1]) + field(2, shape)))

    numbers = bytes([64, 1, 64, 2, 64, 3, 160, 1, 7])  # ints = 1, 2, 3; type = ints
    keep = field(1, b'keepdims') + bytes([24, 0, 160, 1, 2])
    node = field(1, b'clips') + field(2, b'logits') + field(4, b'ReduceMean')
    node += field(5, field(1, b'axes') + numbers) + field(5, keep)
    graph = field(1, node) + field(2, b'mean')
    graph += field(11, tensor(b'clips', b'N', b'M', b'T', b'V', b'C'))
    graph += field(12, tensor(b'logits', b'N', b'C'))
    pair = field(1, METADATA_KEY.encode()) + field(2, text)
    return bytes([8, 8]) + field(7, graph) + field(8, bytes([16, 13])) + field(14, pair)


def network_seeds(folder: Path) -> list[bytes]:
    return [as_network(b'{}')]


def run_network(backend: str) -> Callable[[Path], None]:
    """Load a network and run it once."""

    def read(path: Path) -> None:
        clips = np.ones((2, 1, 4, 3, 3), np.float32)
        assert load_backend(path, backend, threads=1)(clips).shape[0] == 2

    return read


def archive_seeds(folder: Path) -> list[bytes]:
    return [
        pack([(f'model/extra/{METADATA_KEY}', description(folder).encode()), ('model/x', b'1')])
    ]


def info(path: Path) -> None:
    assert read_model_info(path).joint_names


def config_json_seeds(folder: Path) -> list[bytes]:
    content = load_config(UTD)._cfg_dict.to_dict()
    small = dict(default_scope='mmcl_ext', model=content['model'], train_cfg=content['train_cfg'])
    dataset = dict(type='SkeletonDataset', ann_file='x', split='y', pipeline=[dict(type='A', n=3)])
    return [json.dumps(dict(small, test_dataloader=dict(batch_size=2, dataset=dataset))).encode()]


def config_yaml_seeds(folder: Path) -> list[bytes]:
    text = (
        'model:\n  type: GCN\n  num_classes: 3\ntrain_cfg: {max_epochs: 5}\npipeline:\n- type: A\n'
    )
    return [text.encode()]


def config(path: Path) -> None:
    load_config(path)


TARGETS = {
    'checkpoint': ('epoch_1.pth', checkpoint, checkpoint_seeds, in_zip(mutate_bytes)),
    'old checkpoint': ('old.pth', checkpoint, old_checkpoint_seeds, mutate_bytes),
    'published model': ('utd.safetensors', model, published_seeds, mutate_description),
    'ONNX description': ('model.onnx', info, onnx_seeds, mutate_onnx),
    'export description': ('model.pt2', info, archive_seeds, in_zip(mutate_json_file)),
    'TorchScript description': ('model.ts', info, archive_seeds, in_zip(mutate_json_file)),
    'JSON config': ('own.json', config, config_json_seeds, mutate_json_file),
    'YAML config': ('own.yaml', config, config_yaml_seeds, mutate_text),
}


def lmdb_seeds(folder: Path) -> list[bytes]:
    """With values in the leaves, on pages of their own, and with branches."""
    import lmdb

    seeds = []
    for i, sizes in enumerate(([9, 9, 9], [9, 5000, 9], [20] * len(LMDB_KEYS))):
        path = str(folder / f'seed{i}.lmdb')
        with lmdb.open(path, subdir=False) as file, file.begin(write=True) as transaction:
            for key, size in zip(LMDB_KEYS, sizes, strict=False):
                transaction.put(f'{key}.jpg'.encode(), bytes(size))
        seeds.append(Path(path).read_bytes())
    return seeds


def mutate_lmdb(data, rng):
    """Mostly the headers of pages, and the entries at their ends."""
    if rng.random() < 0.1:
        return mutate_bytes(data, rng)
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        within = rng.randrange(0, 160, 2) if rng.random() < 0.7 else 4096 - rng.randrange(2, 200, 2)
        place = rng.randrange(max(len(data) // 4096, 1)) * 4096 + within
        value = rng.choice((0, 1, 2, 3, 4, 16, 18, 255, 4095, 65535, rng.randrange(65536)))
        damaged[place : place + 2] = value.to_bytes(2, 'little')
    return bytes(damaged)


def read_lmdb(path: Path) -> None:
    backend_instances.clear()  # keeps databases open by their names
    images = LoadCompositeImage(
        '', backend_args=dict(backend='lmdb', db_path=str(path), subdir=False)
    )
    for name in LMDB_KEYS:
        images._read(f'{name}.jpg')


LMDB_KEYS = [f'S001C001P001R001A{i:03}' for i in range(120)]
RUNTIMES = {
    name: ('model.onnx', run_network(name), network_seeds, mutate_bytes)
    for name in ('onnxruntime', 'openvino')
} | {'lmdb': ('images.lmdb', read_lmdb, lmdb_seeds, mutate_lmdb)}
"""Files that libraries of others read; a fault of theirs can end the process."""
