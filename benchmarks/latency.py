"""Latency on a CPU: our networks and exported files beside the official CTR-GCN, in one run.

All CTR-GCN variants hold the same random weights. They take turns, so that a busy machine
slows all alike, and the median of many rounds counts. Shapes are those of NTU RGB+D 120: 64
frames, 25 joints, two person slots, of which one or two hold somebody. With
``--networks`` the networks of the complexity table are measured beside CTR-GCN instead. With
``--agreement`` the variants of a trained model are compared on real clips instead; ``--int8``
adds the file with convolutions and matrix products in 8 bits, calibrated on a split.
"""

import argparse
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmcl_ext.analysis.complexity import MORE_BACKBONES, PAPER_BACKBONES, recognizer_cfg
from mmcl_ext.checkpoints.families import CTRGCNFamily
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.store.annotation_pickle import open_annotation
from mmcl_ext.deployment.backends import load_backend
from mmcl_ext.deployment.export import (
    compare_logits,
    logits_of,
    portable_form,
    real_clips,
    run_in_batches,
    write_model,
)
from mmcl_ext.deployment.optimize import optimize_for_inference
from mmcl_ext.deployment.portable import pack_inputs
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import MODELS

Run = Callable[[np.ndarray], np.ndarray]
CLASSES, FRAMES, JOINTS = 120, 64, 25
GRAPH = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
OURS = dict(
    type='SkeletonRecognizer',
    backbone=dict(type='CTRGCN', graph_cfg=GRAPH),
    cls_head=dict(type='GCNHead', num_classes=CLASSES),
)
STGCN = dict(
    type='SkeletonRecognizer',
    backbone=dict(type='mmaction.STGCN', graph_cfg=dict(layout='nturgb+d', mode='stgcn_spatial')),
    cls_head=dict(type='GCNHead', num_classes=CLASSES, in_channels=256),
)
NETWORKS = {row.name: row for row in (*PAPER_BACKBONES, *MORE_BACKBONES)}
BASE = 'CTR-GCN'
_PAUSE = 0.03  # seconds
OFFICIAL = 'official CTR-GCN, eager'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--reference', help='clone of the official CTR-GCN repository')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=30, help='the median of these counts')
    parser.add_argument('--persons', type=int, nargs='+', default=[1, 2], choices=(1, 2))
    parser.add_argument('--batches', type=int, nargs='+', default=[1, 8])
    parser.add_argument(
        '--networks',
        nargs='*',
        metavar='NAME',
        help='rows of docs/complexity.md, by default all of them, beside CTR-GCN',
    )
    parser.add_argument(
        '--pad-joints',
        type=int,
        metavar='V',
        help='exported files for V joints too, to which the 25 are padded',
    )
    parser.add_argument('--compile', action='store_true', help='torch.compile too (minutes)')
    parser.add_argument(
        '--clock',
        choices=('wall', 'cpu'),
        default='wall',
        help="cpu counts the process's own time, for one thread on a machine that runs other work",
    )
    parser.add_argument('--agreement', metavar='STORE', help='annotation file of real clips')
    parser.add_argument(
        '--int8',
        metavar='SPLIT',
        help='with --agreement: 8 bits too, calibrated on 128 clips of it',
    )
    parser.add_argument('--config', help='configuration, with --agreement')
    parser.add_argument('--checkpoint', help='checkpoint, with --agreement')
    args = parser.parse_args()
    if args.agreement and not args.checkpoint:
        parser.error('--agreement needs --checkpoint, and --config unless it is a published one')
    if args.int8 and not args.agreement:
        parser.error('--int8 needs --agreement')
    unknown = sorted(set(args.networks or ()) - set(NETWORKS))
    if unknown:
        parser.error(f'there is no network {unknown[0]!r}; known are {sorted(NETWORKS)}')
    if args.pad_joints is not None and args.pad_joints <= JOINTS:
        parser.error(f'--pad-joints is more than {JOINTS}')
    if args.rounds < 1 or args.threads < 1 or min(args.batches) < 1:
        parser.error('rounds, threads and batches are positive')
    return args


def official_model(
    folder: str, graph: str = 'ntu_rgb_d', num_class: int = CLASSES, num_person: int = 2
) -> nn.Module:
    """Import the authors' network from their repository, with a module of its ``graph`` folder."""
    if not Path(folder, 'model', 'ctrgcn.py').is_file():
        raise SystemExit(f'error: {folder!r} is no clone of the official CTR-GCN repository')
    sys.path.insert(0, folder)
    kind = importlib.import_module('model.ctrgcn').Model
    made = importlib.import_module(f'graph.{graph}').Graph(labeling_mode='spatial')
    return kind(
        num_class=num_class,
        num_point=made.A.shape[-1],
        num_person=num_person,
        graph=f'graph.{graph}.Graph',
        graph_args=dict(labeling_mode='spatial'),
    )


@torch.no_grad()
def randomize(model: nn.Module) -> None:
    """Give normalisations, and weights that start at 0, a trained network's magnitude."""
    every: Any = model.modules()
    for module in every:
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.weight.uniform_(0.5, 1.0)
            cast(Tensor, module.running_var).uniform_(0.5, 1.5)
            cast(Tensor, module.running_mean).normal_(std=0.1)
    for name, parameter in model.named_parameters():
        if name.endswith('alpha'):
            parameter.fill_(0.5)
        if name.endswith('virtual_joints'):  # Hyper-GCN's are alike at first
            parameter.normal_()


def in_torch(model: nn.Module) -> Run:
    return lambda x: logits_of_batch(model, x)


@torch.inference_mode()
def logits_of_batch(model: nn.Module, x: np.ndarray) -> np.ndarray:
    return model({'keypoint': torch.from_numpy(x).unsqueeze(1)}).float().numpy()


def in_official(model: nn.Module) -> Run:
    """Run the authors' network, which takes (N, C, T, V, M)."""

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(x).permute(0, 4, 2, 3, 1).contiguous()).numpy()

    return run


def quantize(path: Path, clips: np.ndarray) -> Path:
    """Write a file beside ``path`` whose convolutions and products are in 8 bits."""
    quantization = importlib.import_module('onnxruntime.quantization')
    onnx = importlib.import_module('onnx')
    described = onnx.load(path)
    names = tuple(entry.name for entry in described.graph.input)
    batches = (
        dict(zip(names, pack_inputs(names, clips[i : i + 1]), strict=True))
        for i in range(len(clips))
    )

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    prepared, out = path.with_name('prepared.onnx'), path.with_name('int8.onnx')
    quantization.quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantization.quantize_static(
        prepared,
        out,
        Reader(),
        op_types_to_quantize=['Conv', 'MatMul'],
        per_channel=True,
    )
    small = onnx.load(out)
    small.metadata_props.extend(described.metadata_props)
    onnx.save(small, out)
    return out


def exported(
    model: Any, info: ModelInfo, threads: int | None, calibration: np.ndarray | None = None
) -> Iterator[tuple[str, Run]]:
    """Export a model and yield what runs it, in 8 bits too where there are clips to calibrate."""
    joints = model.backbone.graph.num_joints
    shape = (info.num_person, info.window or FRAMES, joints, info.in_channels)
    portable = portable_form(model, shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'model.onnx')
        write_model(portable, info, path, 'onnx')
        forms = [
            (path, 'onnxruntime', 'fp32'),
            (path, 'openvino', 'fp32'),
            (path, 'openvino', 'bf16'),
        ]
        if calibration is not None:
            small = quantize(path, calibration)
            forms += [(small, 'onnxruntime', 'int8'), (small, 'openvino', 'int8')]
        for file, name, precision in forms:
            try:
                rest = 'fp32' if precision == 'int8' else precision
                yield f'{name}, {precision}', load_backend(file, name, threads, rest)
            except (ValueError, ModuleNotFoundError) as error:
                print(f'left out: {name}, {precision}: {error}')


def describe(model_cfg: dict[str, Any]) -> ModelInfo:
    """Describe a network without a data set."""
    return ModelInfo(
        classes=tuple(f'A{i + 1}' for i in range(CLASSES)),
        layout='nturgb+d-ctrgcn',
        skeleton={},
        stream='joint',
        num_person=2,
        window=FRAMES,
        in_channels=3,
        pipeline=(),
        average_clips='score',
        backbone=str(model_cfg['backbone']['type']),
        model=model_cfg,
    )


def variants(args: argparse.Namespace) -> dict[str, Run]:
    """Build everything that is measured."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        ours, stgcn = MODELS.build(OURS).eval(), MODELS.build(STGCN).eval()
    randomize(ours)
    randomize(stgcn)
    runs: dict[str, Run] = {}
    if args.reference:
        official = official_model(args.reference).eval()
        official.load_state_dict(CTRGCNFamily().to_theirs(ours.state_dict()))
        runs[OFFICIAL] = in_official(official)
    runs["MMAction2's ST-GCN, eager"] = in_torch(stgcn)
    runs['ours, eager'] = in_torch(ours)
    fast = optimize_for_inference(ours)
    runs['ours, optimized'] = in_torch(fast)
    if args.compile:
        compiled: Any = optimize_for_inference(ours)
        compiled.backbone.encode = torch.compile(compiled.backbone.encode)
        runs['ours, optimized, torch.compile'] = in_torch(compiled)
    runs.update(
        (f'ours, {name}', run) for name, run in exported(ours, describe(OURS), args.threads)
    )
    if args.pad_joints:
        cfg = padded(args.pad_joints)
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            wide = MODELS.build(cfg).eval()
        randomize(wide)
        for name, run in exported(wide, describe(cfg), args.threads):
            form = f'ours, {args.pad_joints} joints, {name}'
            runs[form] = with_more_joints(run, args.pad_joints)
    return runs


def padded(joints: int) -> dict[str, Any]:
    """Describe the network with further joints, bones from the centre that carry nothing."""
    layout = get_layout(GRAPH['layout'])
    more = range(JOINTS, joints)
    graph = dict(
        GRAPH,
        layout=dict(
            name=f'padded to {joints}',
            joint_names=[*layout.joint_names, *(f'empty {i}' for i in more)],
            edges=[*layout.edges, *((i, layout.center) for i in more)],
            center=layout.center,
        ),
    )
    return dict(OURS, backbone=dict(OURS['backbone'], graph_cfg=graph))


def with_more_joints(run: Run, joints: int) -> Run:
    """Pad skeletons (N, M, T, V, C) with zeros, inside what is measured."""
    width = ((0, 0), (0, 0), (0, 0), (0, joints - JOINTS), (0, 0))
    return lambda x: run(np.pad(x, width))


def networks(args: argparse.Namespace) -> dict[str, Run]:
    """Build the networks of the complexity table, eager and exported, CTR-GCN first."""
    runs: dict[str, Run] = {}
    for name in dict.fromkeys((BASE, *(args.networks or NETWORKS))):
        torch.manual_seed(0)
        cfg = recognizer_cfg(NETWORKS[name], CLASSES)
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            model = MODELS.build(cfg).eval()
        randomize(model)
        runs[f'{name}: eager'] = in_torch(model)
        for form, run in exported(model, describe(cfg), args.threads):
            runs[f'{name}: {form}'] = run
    return runs


def make_clips(batch: int, persons: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(batch, 2, FRAMES, JOINTS, 3)).astype(np.float32)
    clips[:, persons:] = 0
    return clips


def measure(runs: dict[str, Run], x: np.ndarray, rounds: int, clock: Callable) -> dict:
    """Return the milliseconds of each round by name; warmed up before.

    The threads of one runtime go on waiting actively for a while, which would slow the next
    one down: hence a pause and a run that does not count before each one that does.
    """
    for run in runs.values():
        run(x)
        run(x)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            time.sleep(_PAUSE)
            run(x)
            start = clock()
            run(x)
            times[name].append(1e3 * (clock() - start))
    return times


def compared_with(name: str, names: Collection[str]) -> tuple[str, str]:
    """Name the variant that a speed is relative to, and the one of the same weights."""
    network, _, form = name.partition(': ')
    if form:
        return f'{BASE}: {form}', f'{network}: eager'
    base = OFFICIAL if OFFICIAL in names else 'ours, eager'
    return base, '' if 'ST-GCN' in name or 'joints' in name else base


def print_scenario(title: str, times: dict[str, list[float]], outputs: dict[str, Any]) -> None:
    print(f'\n{title}\n{"":40}{"median ms":>10}{"best ms":>9}{"ratio":>8}{"difference":>12}')
    for name, values in times.items():
        base, same = compared_with(name, times)
        ratio = statistics.median(times[base]) / statistics.median(values)
        shown = '-'
        if same:
            shown = (
                f'{np.abs(outputs[name] - outputs[same]).max() / np.abs(outputs[same]).max():.1e}'
            )
        print(
            f'{name:40}{statistics.median(values):>10.2f}{min(values):>9.2f}{ratio:>7.2f}x'
            f'{shown:>12}'
        )


def compare_latency(args: argparse.Namespace) -> None:
    clock = time.process_time if args.clock == 'cpu' else time.perf_counter
    runs = variants(args) if args.networks is None else networks(args)
    print(
        f'torch {torch.__version__}, {args.threads} threads, {args.clock} clock, '
        f'{args.rounds} rounds, interleaved; ratios are of medians'
    )
    for persons in args.persons:
        for batch in args.batches:
            x = make_clips(batch, persons)
            times = measure(runs, x, args.rounds, clock)
            title = f'{persons} of 2 persons, batch {batch}, milliseconds a batch'
            print_scenario(title, times, {name: run(x) for name, run in runs.items()})


def compare_answers(args: argparse.Namespace) -> None:
    """Compare the variants of a trained model on all clips of a file."""
    if args.config:
        model, info = load_deployed(args.config, args.checkpoint)
    else:
        model, info = load_deployed(args.checkpoint)
    clips = real_clips(info, args.agreement, sys.maxsize)
    print(f'{len(clips)} clips of {args.agreement}', flush=True)
    reference = logits_of(model, clips)
    calibration = None
    if args.int8:
        own = open_annotation(args.agreement).split(args.int8)
        calibration = clips[own[np.linspace(0, len(own) - 1, 128).astype(int)]]
    runs = {'optimized': in_torch(optimize_for_inference(model))}
    runs.update(exported(model, info, args.threads, calibration))
    clock = time.process_time if args.clock == 'cpu' else time.perf_counter
    times = measure(runs, clips[:1], args.rounds, clock)
    print('compared with eager PyTorch; milliseconds for one clip:', flush=True)
    for name, run in runs.items():
        check = compare_logits(name, run_in_batches(run, clips), reference)
        same, difference = f'{check.agreement:.2%}', f'{check.difference:.1e}'
        taken = f'{statistics.median(times[name]):.2f} ms'
        print(f'{name:20} same class {same}, difference {difference}, {taken}', flush=True)


@one_line_errors()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    compare_answers(args) if args.agreement else compare_latency(args)


if __name__ == '__main__':
    main()
