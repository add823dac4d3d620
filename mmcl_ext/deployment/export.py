import importlib.util
import io
import itertools
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
import torch
from mmaction.models.recognizers.base import BaseRecognizer
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcl_ext.checkpoints.load import build_pipeline, load_deployed
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.datasets.network_input import network_input
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.deployment.backends import Backend, load_backend
from mmcl_ext.deployment.model_file import METADATA_KEY
from mmcl_ext.deployment.portable import (
    OUTPUT,
    ClipModel,
    PortableModel,
    clip_logits,
    input_key,
    pack_inputs,
    takes_persons,
)
from mmcl_ext.fileio.atomic_file import atomic_path, write_bytes
from mmcl_ext.models.layers.plain_attention import plain_attention

SUFFIXES = {'onnx': '.onnx', 'torchscript': '.ts', 'torch_export': '.pt2'}
RUNTIMES = {
    'onnx': ('onnxruntime', 'openvino'),
    'torchscript': ('torch',),
    'torch_export': ('torch',),
}
_BATCH = 8
_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")


class Check(NamedTuple):
    """The largest difference of logits, relative to the largest one, and equal classes' share."""

    runtime: str
    clips: int
    difference: float
    agreement: float


class Exported(NamedTuple):
    """An exported file, what it says of its model, and how it was checked."""

    path: Path
    info: ModelInfo
    checks: tuple[Check, ...]


def export(
    config: str | os.PathLike,
    checkpoint: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    kind: str = 'onnx',
    clips: str | os.PathLike | None = None,
    num_clips: int = 32,
    tolerance: float = 1e-4,
    window: int | None = None,
) -> Exported:
    """Export a trained model and check the file on clips before it gets its name.

    A ModuleNotFoundError if what writes or runs the format is not installed; a ValueError if the
    model cannot be exported, or the file's logits or most likely classes differ from PyTorch's.

    Args:
        config: Configuration of the training of ``checkpoint``, or a published one alone.
        kind: ``'onnx'``, ``'torchscript'`` or ``'torch_export'``.
        clips: Annotation file with clips to check with, ``num_clips`` spread over it, run through
            the model's test pipeline; None for generated skeletons.
        tolerance: Largest difference of a logit, relative to the largest one.
        window: Frames of a clip, where the test pipeline does not fix them.
    """
    out = Path(out)
    _check_request(out, kind, num_clips, tolerance)
    model, info = load_deployed(config, checkpoint)
    frames = window or info.window
    if frames is None:
        raise ValueError("the test pipeline keeps every clip's length: give the number of frames")
    shape = (info.num_person, frames, len(info.joint_names), info.in_channels)
    if clips is not None:
        inputs = real_clips(info, clips, num_clips)
    elif input_key(model) == 'keypoint':
        inputs = generated_clips(shape, num_clips)
    else:
        raise ValueError(f'the network reads {input_key(model)}: give --clips to check with')
    _check_preprocessor(model, inputs)
    portable = portable_form(model, shape if input_key(model) == 'keypoint' else inputs.shape[1:])
    with atomic_path(out) as draft:
        write_model(portable, info, draft, kind)
        checks = tuple(check_file(draft, name, model, inputs) for name in _installed(kind))
        for check in checks:
            _refuse_difference(check, tolerance)
    return Exported(out, info, checks)


def _check_request(out: Path, kind: str, num_clips: int, tolerance: float) -> None:
    if kind not in SUFFIXES:
        raise ValueError(f'the format is one of {tuple(SUFFIXES)}, got {kind!r}')
    if out.suffix != SUFFIXES[kind]:
        raise ValueError(f'a file of format {kind} ends in {SUFFIXES[kind]}, got {str(out)!r}')
    if not out.parent.is_dir():
        raise FileNotFoundError(f'there is no folder {str(out.parent)!r}')
    if num_clips < 1 or not tolerance > 0:
        raise ValueError(f'need clips and a tolerance above 0, got {num_clips} and {tolerance}')
    _installed(kind)


def _installed(kind: str) -> list[str]:
    """Return the runtimes to check a format with."""
    needed = ('onnx', 'onnxscript') if kind == 'onnx' else ()
    runtimes = [name for name in RUNTIMES[kind] if importlib.util.find_spec(name)]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing or not runtimes:
        missing += [] if runtimes else list(RUNTIMES[kind][:1])
        raise ModuleNotFoundError(
            f"export to {kind} needs {', '.join(missing)}: pip install 'mmcl_ext[deploy]'"
        )
    return runtimes


def _refuse_difference(check: Check, tolerance: float) -> None:
    if not check.difference <= tolerance or check.agreement < 1:
        raise ValueError(
            f'nothing was written: in {check.runtime}, logits differ from those of PyTorch by '
            f'{check.difference:.1e} (allowed {tolerance:.1e}), and {check.agreement:.1%} of '
            f'{check.clips} clips get the same class'
        )


def _check_preprocessor(model: Any, inputs: np.ndarray) -> None:
    """Refuse a preprocessor that changes numbers: an exported file holds the network alone."""
    clip = torch.from_numpy(inputs[:1])
    entry = clip if isinstance(model, BaseRecognizer) else {input_key(model): clip}
    item = dict(inputs=entry, data_samples=BaseDataElement())
    batch = model.data_preprocessor(pseudo_collate([item]), False)['inputs']
    given = batch[input_key(model)] if isinstance(batch, Mapping) else batch
    if not torch.equal(given.reshape(clip.shape).to(clip), clip):
        raise ValueError(
            f'{type(model.data_preprocessor).__name__} changes the input, which an exported file '
            'does not: do that in a transform of the test pipeline'
        )


def portable_form(model: nn.Module, shape: Sequence[int]) -> PortableModel | ClipModel:
    """Return the form in which a recognizer is exported, for clips of a shape (M, T, V, C).

    Networks of this package leave empty person slots out; any other takes whole clips.
    """
    if takes_persons(model):
        portable: Any = PortableModel(model, shape[1], shape[0])
    else:
        portable = ClipModel(model, shape)
    return portable.eval().requires_grad_(False)


def write_model(
    portable: PortableModel | ClipModel, info: ModelInfo, path: str | os.PathLike, kind: str
) -> None:
    """Write a model, in evaluation, with its description in a format, unchecked.

    A ValueError says which operator the exporter refuses, where it tells.
    """
    packed = pack_inputs(portable.inputs, generated_clips(portable.shape, 4))
    example = tuple(map(torch.from_numpy, packed))
    extra = {METADATA_KEY: info.to_json()}
    try:
        with torch.no_grad(), _quiet(), plain_attention():
            _write(portable, example, path, kind, extra)
    except OSError:
        raise
    except Exception as error:  # the exporters' own, of many kinds
        raise ValueError(f'PyTorch cannot write this network as {kind}: {_reason(error)}') from (
            error
        )


def _write(
    portable: PortableModel | ClipModel,
    example: tuple[Tensor, ...],
    path: str | os.PathLike,
    kind: str,
    extra: dict[str, str],
) -> None:
    if kind == 'torchscript':
        traced = torch.jit.trace(portable, example, check_trace=False)
        # by way of memory: PyTorch's own writers abort the process where the disk is full
        write_bytes(path, _saved(torch.jit.save, traced, _extra_files=extra))
        return
    any_number = torch.export.Dim.DYNAMIC
    shapes: Any = tuple({0: any_number} for _ in example)
    if len(example) > 1:  # of members, both axes
        shapes[-1][1] = any_number
    program = torch.export.export(portable, example, dynamic_shapes=shapes)
    if kind == 'torch_export':
        write_bytes(path, _saved(torch.export.save, program, extra_files=extra))
    else:
        _write_onnx(program, portable.inputs, path, extra)


def _reason(error: BaseException) -> str:
    """Name the operator that an exporter refused, or else the first line of its reason."""
    chain = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    texts = [str(item) for item in chain]
    names = [name for text in texts for name in _OPERATOR.findall(text)]
    if names:
        return f'it has no form of the operator {names[0]}'
    lines = [line.strip() for text in reversed(texts) for line in text.splitlines() if line.strip()]
    return shorten(lines[0] if lines else type(error).__name__, 300, placeholder=' ...')


def _write_onnx(
    program: Any, inputs: Sequence[str], path: str | os.PathLike, extra: dict[str, str]
) -> None:
    names: Any = dict(input_names=list(inputs), output_names=[OUTPUT])
    written = torch.onnx.export(program, dynamo=True, verbose=False, **names)
    if written is None:
        raise ValueError("PyTorch's exporter gave no ONNX model")
    written.model.metadata_props.update(extra)
    write_bytes(path, written.model_proto.SerializeToString())


def _saved(save: Callable[..., None], model: Any, **options: Any) -> memoryview:
    buffer = io.BytesIO()
    save(model, buffer, **options)
    return buffer.getbuffer()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' advice on packages that are not needed here."""
    logger = logging.getLogger('torch.onnx._internal.exporter._registration')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def generated_clips(shape: Sequence[int], number: int) -> np.ndarray:
    """Make smooth random skeletons (N, M, T, V, C) with 1 to M persons in turn, float32."""
    rng = np.random.default_rng(0)
    size = (number, *shape)
    pose = rng.normal(size=(*size[:2], 1, *size[3:]), scale=0.4)
    motion = rng.normal(size=size, scale=0.05).cumsum(axis=2)
    clips = (pose + motion).astype(np.float32)
    for index, clip in enumerate(clips):
        clip[index % shape[0] + 1 :] = 0
    return clips


def real_clips(info: ModelInfo, ann_file: str | os.PathLike, number: int) -> np.ndarray:
    """Run clips spread over an annotation file through a model's test pipeline: (N, M, T, V, C)."""
    with DefaultScope.overwrite_default_scope(info.scope):
        dataset = SkeletonDataset(
            os.fspath(ann_file),
            None,
            build_pipeline(info),
            test_mode=True,
            layout=info.ensure_layout(),
        )
    items = np.unique(np.linspace(0, len(dataset) - 1, min(number, len(dataset))).astype(int))
    return np.concatenate([network_input(dataset[int(item)]) for item in items])


def logits_of(model: nn.Module, clips: np.ndarray) -> np.ndarray:
    """Return the logits (N, K) of clips (N, M, T, V, C) as a test of the model computes them."""
    return run_in_batches(lambda x: clip_logits(model, torch.from_numpy(x)).float().numpy(), clips)


@torch.inference_mode()
def run_in_batches(run: Backend | Callable, clips: np.ndarray, size: int = _BATCH) -> np.ndarray:
    """Run clips (N, M, T, V, C): the first one alone, then two and three, the others in batches."""
    bounds = [0, *(b for b in (1, 3, 6) if b < len(clips)), *range(6 + size, len(clips), size)]
    bounds.append(len(clips))
    parts = [clips[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return np.concatenate([run(part) for part in parts])


def check_file(
    path: str | os.PathLike,
    runtime: str,
    model: nn.Module,
    clips: np.ndarray,
) -> Check:
    """Compare an exported file, run as :func:`load_backend` says, with its model on clips."""
    return compare_logits(
        runtime,
        run_in_batches(load_backend(path, runtime, trust=True), clips),
        logits_of(model, clips),
    )


def compare_logits(name: str, logits: np.ndarray, reference: np.ndarray) -> Check:
    """Compare logits (N, K) with those of PyTorch."""
    difference = float(np.abs(logits - reference).max() / np.abs(reference).max())
    agreement = float((logits.argmax(1) == reference.argmax(1)).mean())
    return Check(name, len(logits), difference, agreement)
