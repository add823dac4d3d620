"""Milliseconds a sample of a training step: our networks beside the official CTR-GCN, in one run.

Variants take turns, and the ratio to the first one is the median over the rounds: a machine that
runs other work slows all alike. Data are random, in the shape of a data set; loading is not
measured here but in ``data_loading.py``. A breakdown says where the time of a step goes; the
floor is what its operations and bytes take at the speeds that matrix products and memory reach
in the same run.
"""

import argparse
import json
import pickle
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import mmcl_ext.mmcl  # noqa: F401  registers the co-learning parts
from mmcl_ext.config.processor import cpu_instructions
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.store.feature_file import write_feature_file
from mmcl_ext.mmcl.helper import TrainingSet
from mmcl_ext.models.layers.matrix_products import multiply
from mmcl_ext.parallel.kept_memory import keep_freed_memory
from mmcl_ext.registry import MODELS

SHAPES = {  # layout, the official graph, frames, person slots, classes
    'nwucla': ('kinect_v1', 'ucla', 52, 1, 10),
    'ntu': ('nturgb+d-ctrgcn', 'ntu_rgb_d', 64, 2, 120),
}
BACKBONES = {
    'CTRGCN': dict(type='CTRGCN'),
    'CTRSGCN': dict(type='CTRSGCN'),
    'HDGCN': dict(type='HDGCN'),
    'InfoGCN': dict(type='InfoGCN'),
    'STGCN': dict(type='STGCN'),
    'STGCN++': dict(type='STGCN', gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn'),
    'AAGCN': dict(type='AAGCN'),
}
ENCODER = dict(type='ImageEncoder', backbone=dict(type='mmaction.ResNet', depth=34))
IMAGE_SIZE = (96, 160)
PERSONS = {'one': 0.0, 'mixed': 0.2, 'full': 1.0}
Clock = Callable[[], float]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--reference', help='clone of the official CTR-GCN repository')
    parser.add_argument('--shape', choices=SHAPES, default='nwucla')
    parser.add_argument(
        '--persons', choices=PERSONS, default='full', help='mixed: 4 of 5 clips one'
    )
    parser.add_argument('--backbones', nargs='+', choices=BACKBONES, default=['CTRGCN'])
    parser.add_argument('--plain', action='store_true', help='fast_training=False, too')
    parser.add_argument('--helpers', action='store_true', help='with each train-only helper, too')
    parser.add_argument('--co-learning', action='store_true', help='with an image encoder, too')
    parser.add_argument(
        '--precisions', nargs='+', choices=('fp32', 'bf16'), default=['fp32', 'bf16']
    )
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--clock', choices=('wall', 'cpu'), default='wall', help='cpu: one thread')
    args = parser.parse_args()
    if min(args.batch, args.threads, args.rounds) < 1:
        parser.error('batch, threads and rounds are positive')
    return args


class Step:
    """A training step of one network that notes when its parts end."""

    def __init__(self, network: nn.Module, precision: str, loss: Callable, clock: Clock) -> None:
        self.network, self.loss, self.clock = network.train(), loss, clock
        self.bf16 = precision == 'bf16'
        trained = [p for p in network.parameters() if p.requires_grad]
        settings: dict[str, Any] = dict(momentum=0.9, nesterov=True, weight_decay=4e-4)
        self.optimizer = torch.optim.SGD(trained, lr=0.01, **settings)

    def __call__(self) -> dict[str, float]:
        """Run it and return the seconds of its parts."""
        start = self.clock()
        with torch.autocast('cpu', dtype=torch.bfloat16) if self.bf16 else nullcontext():
            loss = self.loss(self.network)
        forward = self.clock()
        loss.backward()
        backward = self.clock()
        self.optimizer.step()
        self.optimizer.zero_grad()
        end = self.clock()
        parts = dict(forward=forward - start, backward=backward - forward)
        return parts | dict(optimizer=end - backward, total=end - start)


def clips(args: argparse.Namespace) -> Tensor:
    """Random skeletons (N, M, T, V, C), the second person absent as often as asked for."""
    layout, _, frames, slots, _ = SHAPES[args.shape]
    generator = torch.Generator().manual_seed(0)
    joints = 20 if layout == 'kinect_v1' else 25
    x = torch.randn(args.batch, slots, frames, joints, 3, generator=generator)
    x[round(PERSONS[args.persons] * args.batch) :, 1:] = 0
    return x


def our_model(
    args: argparse.Namespace, backbone: str, branch: dict | None, fast: bool
) -> nn.Module:
    layout, _, _, slots, classes = SHAPES[args.shape]
    kind = dict(type='HDGraph', flatten=None) if backbone == 'HDGCN' else None
    graph = dict(kind or dict(type='SkeletonGraph', mode='spatial'), layout=layout)
    if kind:
        graph['layout'] = layout.removesuffix('-ctrgcn')
    cfg = dict(BACKBONES[backbone], graph_cfg=graph, num_person=slots, fast_training=fast)
    head = dict(type='InfoGCNHead' if backbone == 'InfoGCN' else 'GCNHead', num_classes=classes)
    kind_of_model = 'SkeletonRecognizer' if branch is None else 'MMCLRecognizer'
    extra = {} if branch is None else dict(co_learning=branch)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        return MODELS.build(dict(type=kind_of_model, backbone=cfg, cls_head=head, **extra))


def branches(args: argparse.Namespace) -> dict[str, dict | None]:
    """The skeleton-only step, those of helpers, and encoders trained, frozen, cached."""
    found: dict[str, dict | None] = {'': None}
    if args.helpers:
        listed = helpers(args)
        found |= {f' + {part["type"]}': dict(type='CoLearning', helpers=[part]) for part in listed}
    if args.co_learning:
        fam, loss = dict(type='FAM'), dict(type='MMCLLoss')
        shared: dict[str, Any] = dict(type='CoLearning', loss=loss)
        found[' + trained encoder'] = dict(shared, image_encoder=ENCODER, fam=fam)
        found[' + frozen encoder'] = dict(shared, image_encoder=dict(ENCODER, frozen=True), fam=fam)
        found[' + cached features'] = dict(shared, fam=dict(fam, in_channels=512))
    return found


def helpers(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Helpers without images; texts and scores are random."""
    layout, _, frames, _, classes = SHAPES[args.shape]
    joints = 20 if layout == 'kinect_v1' else 25
    folder = Path(tempfile.mkdtemp())
    kinds, names = ('sentence', 'head', 'hand', 'hip', 'foot'), [f'c{i}' for i in range(classes)]
    texts = np.random.default_rng(0).normal(size=(classes, len(kinds), 384)).astype(np.float32)
    file, scores = folder / 'texts.safetensors', folder / 'scores.pkl'
    write_feature_file(file, texts, names, dict(kinds=json.dumps(kinds)))
    dump = [
        dict(sample_name=f's{i}', pred_score=torch.randn(classes), gt_label=torch.tensor([0]))
        for i in range(args.batch)
    ]
    scores.write_bytes(pickle.dumps(dump))
    return [
        dict(type='FRHead', num_frames=frames),
        dict(type='ClassTextAlignment', file=str(file)),
        dict(type='JointConstraint', table=np.ones((classes, joints)).tolist()),
        dict(type='ScoreDistillation', file=str(scores)),
        dict(type='TopologyPrototypes'),
        dict(type='GraphContrast'),
        dict(type='FeatureContrast', num_frames=frames),
    ]


def kept_bytes(step: 'Step') -> int:
    """Bytes that a forward pass keeps for its backward pass, each storage once."""
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = step.loss(step.network)
    del loss
    return sum(kept.values())


def variants(args: argparse.Namespace, clock: Clock) -> dict[str, Step]:
    """Build all steps; the official network in float32, where there is one, comes first."""
    x = clips(args)
    _, graph, _, slots, classes = SHAPES[args.shape]
    labels = torch.arange(args.batch) % classes
    samples = [
        BaseDataElement(metainfo=dict(sample_name=f's{i}'), gt_label=label.view(1))
        for i, label in enumerate(labels)
    ]
    training_set = TrainingSet([f's{i}' for i in range(args.batch)], labels.tolist())
    steps: dict[str, Step] = {}

    def official_loss(network: nn.Module) -> Tensor:
        logits = network(x.permute(0, 4, 2, 3, 1).contiguous())  # (N, C, T, V, M)
        return nn.functional.cross_entropy(logits.float(), labels)

    def add(name: str, build: Callable[[], nn.Module], loss: Callable) -> None:
        for precision in args.precisions:
            torch.manual_seed(0)
            network: Any = build()
            if getattr(network, 'co_learning', None) is not None:
                network.co_learning.prepare(training_set)
            steps[f'{name}, {precision}'] = Step(network, precision, loss, clock)

    if args.reference:
        from latency import official_model  # beside this script

        add(
            'official CTR-GCN',
            lambda: official_model(args.reference, graph, classes, slots),
            official_loss,
        )
    for backbone in args.backbones:
        for suffix, branch in branches(args).items():
            inputs = dict(keypoint=x.unsqueeze(1))
            if branch is not None and 'helpers' not in branch:
                size = (512,) if 'image_encoder' not in branch else (3, *IMAGE_SIZE)
                inputs['image'] = torch.randn(args.batch, *size)
            for fast in (True, False) if args.plain and branch is None else (True,):
                add(
                    f'{backbone}{suffix}{"" if fast else ", plain"}',
                    lambda b=backbone, c=branch, f=fast: our_model(args, b, c, f),  # type: ignore[misc]
                    lambda network, i=inputs: sum_of_losses(network(i, samples, mode='loss')),  # type: ignore[misc]
                )
    return steps


def sum_of_losses(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack([value.mean() for key, value in losses.items() if 'loss' in key]).sum()


def measure(steps: dict[str, Step], rounds: int) -> dict[str, list[dict[str, float]]]:
    for step in steps.values():
        step()
    times: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(step())
    return times


def print_table(times: dict[str, list[dict[str, float]]], batch: int) -> None:
    print(
        f'\n{"ms a sample (median)":36}{"total":>8}{"forward":>9}{"backward":>9}{"optim":>7}',
        end='',
    )
    print(f'{"best":>8}{"speed":>8}')
    base = [parts['total'] for parts in next(iter(times.values()))]
    for name, rounds in times.items():
        totals = [parts['total'] for parts in rounds]
        cells = [
            1e3 * statistics.median(parts[key] for parts in rounds) / batch
            for key in ('total', 'forward', 'backward', 'optimizer')
        ]
        ratio = statistics.median(a / b for a, b in zip(base, totals, strict=True))
        print(f'{name:36}{cells[0]:>8.1f}{cells[1]:>9.1f}{cells[2]:>9.1f}{cells[3]:>7.2f}', end='')
        print(f'{1e3 * min(totals) / batch:>8.1f}{ratio:>7.2f}x')


@contextmanager
def timed_children(step: Step, seconds: dict[str, float]) -> Iterator[None]:
    """Note the time of the forward pass of each block and of what surrounds them."""
    parts = dict(step.network.named_children())
    backbone: Any = parts.pop('backbone')
    blocks = getattr(backbone, 'blocks', None) or backbone.gcn
    parts |= {f'block {i + 1}': block for i, block in enumerate(blocks)}
    parts['normalisation of the input'] = backbone.data_bn
    starts: dict[str, float] = {}
    handles = []
    for name, module in parts.items():

        def before(*_: Any, n: str = name) -> None:
            starts[n] = step.clock()

        def after(*_: Any, n: str = name) -> None:
            seconds[n] += step.clock() - starts[n]

        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_PRODUCTS = {
    'aten.bmm',
    'aten.mm',
    'aten.addmm',
    'aten.baddbmm',
    'aten.convolution',
    'aten.convolution_backward',
    'mkldnn._linear_pointwise',
}


class _Work(TorchDispatchMode):
    """Counts the bytes that operations read and write, views apart, and lists the products."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.bytes_of_products = 0
        self.products: dict[str, Callable] = {}
        """One call of each kind."""
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.is_view:
            return result
        given = [t for t in args if isinstance(t, Tensor)]
        moved = sum(
            t.numel() * t.element_size()
            for t in (*given, *_listed(result))
            if isinstance(t, Tensor)
        )
        self.bytes += moved
        if str(func.overloadpacket) in _PRODUCTS:
            kind = f'{func} {[(t.shape, t.stride(), t.dtype) for t in given]} {args[len(given) :]}'
            self.products.setdefault(kind, partial(func, *args, **kwargs))
            self.calls[kind] += 1
            self.bytes_of_products += moved
        return result

    @torch.no_grad()
    def seconds_of_products(self, clock: Clock) -> float:
        """Add up what the products take, each kind repeated by itself, at best."""
        return sum(self.calls[kind] * _best(call, clock) for kind, call in self.products.items())


def _listed(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, list | tuple) else (result,)


def speeds(clock: Clock) -> dict[str, float]:
    """Operations a second of matrix products of 1024, and bytes a second of a copy."""
    found = {}
    for name, dtype in (('fp32', torch.float32), ('bf16', torch.bfloat16)):
        x = torch.ones(1024, 1024, dtype=dtype)
        product = partial(multiply, x, x.unsqueeze(0))
        found[name] = 2 * 1024**3 / _best(product, clock)
    x = torch.ones(2**24)
    y = torch.empty_like(x)
    found['bytes'] = 2 * 4 * len(x) / _best(lambda: y.copy_(x), clock)
    return found


def _best(work: Callable, clock: Clock, rounds: int = 5) -> float:
    times = []
    for _ in range(rounds + 1):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times[1:])


def print_floor(name: str, step: Step, reached: dict[str, float], batch: int) -> None:
    linear = getattr(torch.ops.mkldnn, '_linear_pointwise', None)
    with FlopCounterMode(display=False, custom_mapping={linear: _linear_flops}) as operations:
        step()
    with _Work() as work:
        step()
    flops = operations.get_total_flops()
    precision = 'bf16' if step.bf16 else 'fp32'
    products, memory = flops / reached[precision], work.bytes / reached['bytes']
    print(f'{name}: {flops / batch / 1e9:.2f} G operations a sample = ', end='')
    print(f'{1e3 * products / batch:.2f} ms; {work.bytes / batch / 1e6:.0f} MB = ', end='')
    print(f'{1e3 * memory / batch:.2f} ms')
    products = work.seconds_of_products(step.clock)
    others = work.bytes - work.bytes_of_products
    print(f'{name}: products at their own shapes {1e3 * products / batch:.2f} ms; ', end='')
    print(f'{others / batch / 1e6:.0f} MB of the rest = ', end='')
    print(f'{1e3 * others / reached["bytes"] / batch:.2f} ms')


def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Operations of a product in oneDNN, which PyTorch does not count."""
    return 2 * x[0] * x[1] * weight[0]


def print_breakdown(name: str, step: Step, rounds: int, batch: int) -> None:
    seconds: dict[str, float] = defaultdict(float)
    with timed_children(step, seconds):
        for _ in range(rounds):
            step()
    shown = (f'{part} {1e3 * spent / rounds / batch:.2f}' for part, spent in seconds.items())
    print(f'{name}, forward, ms a sample: {", ".join(shown)}')


def print_memory(steps: dict[str, Step]) -> None:
    """What a step keeps for its backward pass, and the weights that are trained."""
    print(f'\n{"":36}{"kept, MiB":>12}{"parameters":>14}')
    for name, step in steps.items():
        parameters = sum(p.numel() for p in step.network.parameters() if p.requires_grad)
        print(f'{name:36}{kept_bytes(step) / 2**20:>12.1f}{parameters:>14,}')


@one_line_errors()
def main() -> None:
    args = parse_args()
    clock = time.process_time if args.clock == 'cpu' else time.perf_counter
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    keep_freed_memory()  # as a training does
    print(f'torch {torch.__version__}, {args.threads} threads, {args.clock} clock, ', end='')
    print(f'{" ".join(cpu_instructions()) or "unknown instructions"}; {args.shape}, ', end='')
    print(f'batch {args.batch}, persons: {args.persons}')
    steps = variants(args, clock)
    print_table(measure(steps, args.rounds), args.batch)
    if args.helpers:
        print_memory(steps)
        return
    reached = speeds(clock)
    print(f'\nreached: fp32 {reached["fp32"] / 1e9:.0f}, bf16 {reached["bf16"] / 1e9:.0f} ', end='')
    print(f'G operations a second; {reached["bytes"] / 1e9:.1f} GB a second')
    for name, step in steps.items():
        if 'official' not in name:
            print_floor(name, step, reached, args.batch)
            print_breakdown(name, step, min(args.rounds, 3), args.batch)


if __name__ == '__main__':
    main()
