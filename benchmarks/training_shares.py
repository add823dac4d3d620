"""What share of a training goes into data, evaluation, checkpoints and hooks.

Trains a few steps of a configuration with its own data and hooks, validates once and writes one
checkpoint. The shares are those of the whole schedule, by its numbers of steps, validations and
checkpoints. Counted is the processor time of the training process; samples are made by worker
processes, whose time is measured apart: they stall a step if they need longer than it.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmcl_ext import apis
from mmcl_ext.config.command_line import OptionsAction
from mmcl_ext.config.launch import prepare_launch
from mmcl_ext.config.number_format import number_format, set_number_format
from mmcl_ext.config.processor import cpu_instructions
from mmcl_ext.config.user_errors import one_line_errors

_EVERY_STEP_OR_EPOCH = [
    f'{when}_train_{what}' for when in ('before', 'after') for what in ('iter', 'epoch')
]
AIMS = {'data': 0.03, 'evaluation, checkpoints and hooks': 0.02}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='configuration file, or name of a shipped one')
    parser.add_argument('--steps', type=int, default=50, help='training steps to run')
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, help='settings')
    parser.add_argument('--json', help='write the numbers into this file, too')
    parser.add_argument('--list-hooks', action='store_true', help='print the time of each hook')
    return parser.parse_args()


class Clock:
    """Processor time of this process by what it is doing; what lies within counts to that alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._doing: list[str] = []
        self._since = 0.0

    def wrap(self, name: str, function: Callable[..., Any], owns: bool = False) -> Any:
        """Count a function under a name; if it ``owns``, all that it calls counts to it, too."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._doing and self._doing[-1].startswith('+'):
                return function(*args, **kwargs)
            self._switch(('+' if owns else '') + name)
            self.calls[name] += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._switch(None)

        return counted

    def _switch(self, name: str | None) -> None:
        now = time.process_time()
        if self._doing:
            self.seconds[self._doing[-1].lstrip('+')] += now - self._since
        self._since = now
        if name is None:
            self._doing.pop()
        else:
            self._doing.append(name)


class Batches:
    """The first batches of a data loader whose ``next`` is counted."""

    def __init__(self, loader: DataLoader, clock: Clock, steps: int) -> None:
        self._loader, self._clock, self._steps = loader, clock, steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        start = self._clock.wrap('data', lambda: iter(self._loader))
        iterator = start()
        fetch = self._clock.wrap('data', lambda: next(iterator))
        for _ in range(min(self._steps, len(self))):
            yield fetch()


def measure(cfg: Config, steps: int) -> tuple[Clock, int]:
    """Train for some steps, validate and save once, under a clock; return it, and an epoch's."""
    cfg.merge_from_dict({'train_cfg.max_epochs': 1, 'train_cfg.val_begin': 1})
    runner = apis.build_runner(cfg)
    clock, loop = Clock(), runner.train_loop
    for hook in runner.hooks:
        name = _name(hook)
        for point in _EVERY_STEP_OR_EPOCH:
            if point in hook.get_triggered_stages():
                owns = name.startswith('checkpoints')  # with what other hooks add to one
                setattr(hook, point, clock.wrap(name, getattr(hook, point), owns))
    loop.dataloader = Batches(loop.dataloader, clock, steps)
    runner.val_loop.run = clock.wrap('evaluation', runner.val_loop.run, owns=True)
    loop.run_iter = clock.wrap('step', loop.run_iter)
    loop.run = clock.wrap('loop', loop.run)
    runner.train()
    return clock, len(loop.dataloader)


def _name(hook: Hook) -> str:
    kind = type(hook).__name__
    saves = kind in ('CheckpointHook', 'StripCheckpointHook')
    return f'checkpoints: {kind}' if saves else f'hooks: {kind}'


def time_of_a_batch(cfg: Config, num: int = 10) -> float:
    """Seconds that one process takes to make a batch."""
    loader = cfg.train_dataloader.to_dict() | dict(num_workers=0, persistent_workers=False)
    loader.pop('prefetch_factor', None)
    batches = iter(Runner.build_dataloader(loader, seed=0))
    next(batches)  # opens the files
    start = time.process_time()
    made = sum(1 for _ in islice(batches, num))
    return (time.process_time() - start) / max(made, 1)


def num_validations(settings: Any) -> int:
    """Count the validations of a schedule, as MMEngine's loop decides on them."""
    total, interval = 0, settings.get('val_interval', 1)
    changes = dict(settings.get('dynamic_intervals') or ())
    for epoch in range(1, settings.max_epochs + 1):
        interval = changes.get(epoch + 1, interval)  # the loop looks one epoch ahead
        due = epoch % interval == 0 or epoch == settings.max_epochs
        total += due and epoch >= settings.get('val_begin', 1)
    return total


def summarize(cfg: Config, full: Any, clock: Clock, epoch: int, worker: float) -> dict[str, Any]:
    """Turn the seconds of the short run into shares of the schedule ``full``."""
    spent, steps = clock.seconds, clock.calls['step']
    groups = {
        kind: sum(s for name, s in spent.items() if name.startswith(kind))
        for kind in ('hooks', 'checkpoints')
    }
    epochs, validations = full.max_epochs, num_validations(full)
    num_steps = epochs * epoch
    seconds = {
        'step': spent['step'] / steps * num_steps,
        'data': spent['data'] / steps * num_steps,
        'evaluation': spent['evaluation'] / clock.calls['evaluation'] * validations,
        'checkpoints': groups['checkpoints'] * epochs,
        'hooks': groups['hooks'] / steps * num_steps,
    }
    whole = sum(seconds.values())
    workers = max(cfg.train_dataloader.get('num_workers', 0), 1)
    return dict(
        instructions=cpu_instructions(),
        number_format=number_format(cfg),
        steps=num_steps,
        validations=validations,
        checkpoints=epochs,
        milliseconds_a_step={name: 1000 * spent[name] / steps for name in ('step', 'data')},
        seconds_a_validation=spent['evaluation'] / clock.calls['evaluation'],
        seconds_a_checkpoint=groups['checkpoints'],
        milliseconds_of_hooks_a_step=1000 * groups['hooks'] / steps,
        milliseconds_of_a_worker_a_step=1000 * worker / workers,
        shares={name: value / whole for name, value in seconds.items()},
        hours=whole / 3600,
    )


def describe(found: dict[str, Any]) -> str:
    """Write the numbers for the terminal."""
    shares = found['shares']
    step = sum(found['milliseconds_a_step'].values()) + found['milliseconds_of_hooks_a_step']
    made = found['milliseconds_of_a_worker_a_step']
    stalls = max(made - step, 0) / max(made, step)
    rest = sum(shares[name] for name in ('evaluation', 'checkpoints', 'hooks'))
    return '\n'.join(
        [
            f'{found["number_format"]}, {", ".join(found["instructions"])}',
            f'{found["steps"]} steps, {found["validations"]} validations, '
            f'{found["checkpoints"]} checkpoints: {found["hours"]:.2f} h of processor time',
            *(f'{name:12} {100 * share:6.2f} %' for name, share in shares.items()),
            f'a step takes {step:.1f} ms, its samples {made:.1f} ms of each worker: '
            f'{100 * stalls:.1f} % of the time it would wait for them',
            f'a validation takes {found["seconds_a_validation"]:.2f} s, '
            f'a checkpoint {1000 * found["seconds_a_checkpoint"]:.0f} ms, '
            f'all hooks {found["milliseconds_of_hooks_a_step"]:.2f} ms a step',
            *(
                f'aim for {name}: below {100 * AIMS[name]:.0f} %, here {100 * share:.2f} %'
                for name, share in zip(AIMS, (shares['data'] + stalls, rest), strict=True)
            ),
        ]
    )


@one_line_errors()
def main() -> None:
    args = parse_args()
    cfg = apis.get_config(args.config, args.cfg_options)
    set_number_format(cfg)
    prepare_launch(cfg)
    init_default_scope(cfg.get('default_scope') or 'mmcl_ext')
    full, worker = cfg.train_cfg.copy(), time_of_a_batch(cfg)
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        clock, epoch = measure(cfg, args.steps)
    found = summarize(cfg, full, clock, epoch, worker)
    print(describe(found))
    if args.list_hooks:
        for name, seconds in sorted(clock.seconds.items(), key=lambda item: -item[1]):
            print(f'{name:40} {seconds:8.3f} s, {clock.calls[name]} calls')
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == '__main__':
    main()
