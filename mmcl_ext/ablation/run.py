"""One training of an ablation, its test from the skeleton alone, and taking over others."""

import copy
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mmcl_ext.ablation.config_hash import (
    config_hash,
    differences,
    training_hash,
    training_settings,
)
from mmcl_ext.ablation.declaration import Variant
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.number_format import is_format_open, set_number_format
from mmcl_ext.config.options import last_checkpoint, set_randomness
from mmcl_ext.fileio.atomic_file import atomic_path, write_json
from mmcl_ext.fileio.printable import counted
from mmcl_ext.fileio.read_json import read_json

_EPOCH = re.compile(rb'(?:Epoch|Iter)\(train\)\s*\[\s*(\d+)[\]/]')

_ENDED = re.compile(
    r'Epoch\(train\)\s*\[\s*(\d+)\]\[\s*(\d+)/\2\].*?\sloss: (\S+)(?:.*?\stop1_acc: (\S+))?'
)


class Stage(NamedTuple):
    """A process to run, ``'train'`` or ``'test'``, and the file that takes its output."""

    name: str
    command: tuple[str, ...]
    log: Path


@dataclass(frozen=True)
class Launch:
    """How processes are started: several for a training as by ``tools/dist_train.sh``.

    With ``validate`` they keep the validations that the configuration has.
    """

    tools: Path
    processes: int = 1
    validate: bool = False

    def tool(self, *words: str) -> tuple[str, ...]:
        """Command of a tool in one process."""
        return (sys.executable, '-u', str(self.tools / words[0]), *words[1:])

    def training(self, *words: str) -> tuple[str, ...]:
        """Command of ``train.py`` with these arguments."""
        script = str(self.tools / 'train.py')
        if self.processes == 1:
            return (sys.executable, '-u', script, *words)
        elastic = ('-m', 'mmcl_ext.config.torchrun', '--nnodes=1', '--rdzv-backend=c10d')
        rendezvous = ('--rdzv-endpoint=localhost:0', f'--nproc-per-node={self.processes}')
        launcher = ('--launcher', 'pytorch')
        return (sys.executable, '-u', *elastic, *rendezvous, script, *words, *launcher)


class Run:
    """A variant with a seed, in a folder named after what decides its result.

    All state is on disk, so that a killed run goes on where it was: ``state.json`` says whether
    the training has ended, ``result.json`` holds the outcome of the test. In ``root``, the folder
    of all runs, a run with the same settings is found under whatever name it has, so ablations
    share what they have in common.
    """

    def __init__(
        self,
        variant: Variant,
        seed: int,
        root: Path,
        launch: Launch,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.variant, self.seed, self.launch = variant, seed, launch
        self._root = root
        choices = in_number_formats(training_config(variant, seed, options))
        keys = [config_hash(cfg, launch.processes) for cfg in choices]
        begun = (i for i, key in enumerate(keys) if self._find_folder(key).is_dir())
        chosen = next(begun, 0)
        self.cfg, self.key = choices[chosen], keys[chosen]
        self.training_key = training_hash(self.cfg, launch.processes)

    def __str__(self) -> str:
        return f'{self.variant.name}, seed {self.seed}'

    @property
    def folder(self) -> Path:
        """The folder of this run, under the name that whoever began it has given it."""
        return self._find_folder(self.key)

    def _find_folder(self, key: str) -> Path:
        ending = f'{key}-seed{self.seed}'
        own = self._root / f'{self.variant.name}-{ending}'
        return own if own.is_dir() else next(iter(sorted(self._root.glob(f'*-{ending}'))), own)

    @property
    def result(self) -> dict[str, Any]:
        """Outcome of the test, empty before there is one."""
        found = read_state(self.folder / 'result.json')
        return found if found.get('key') == self.key else {}

    @property
    def failure(self) -> str:
        """Why the last attempt failed, empty if it did not."""
        return '' if self.result else str(self._state.get('failure', ''))

    @property
    def epochs(self) -> int:
        """Length of the training, in the units of its loop."""
        settings = self.cfg.train_cfg
        return int(settings.get('max_epochs') or settings.get('max_iters') or 1)

    @property
    def epoch(self) -> int:
        """Epoch, or iteration, that the training is in; 0 before its first line in the log."""
        if self._state.get('trained'):
            return self.epochs
        try:
            with (self.folder / 'train.log').open('rb') as file:
                file.seek(max(file.seek(0, 2) - 4096, 0))
                found = _EPOCH.findall(file.read())
        except OSError:
            found = []
        return int(found[-1]) if found else 0

    @property
    def checkpoint(self) -> Path:
        """The checkpoint to test: the stripped one of the last epoch where there is one."""
        last = last_checkpoint(self._work_dir)
        if last is None:
            raise FileNotFoundError(f'{self}: the training left no checkpoint in {self._work_dir}')
        stripped = Path(last.removesuffix('.pth') + '_skeleton.pth')
        whole = self.cfg.get('text_refinement') or not stripped.is_file()
        return Path(last) if whole else stripped

    def ended_epochs(self) -> list[str]:
        """Read the epochs that have ended from the log: number, loss, accuracy in training."""
        log = self.folder / 'train.log'
        text = log.read_text(errors='replace') if log.is_file() else ''
        return [
            f'epoch {int(epoch):2}/{self.epochs}  loss {float(loss):.2f}'
            + (f'  accuracy {float(accuracy):.2f}' if accuracy else '')
            for epoch, _, loss, accuracy in _ENDED.findall(text)
        ]

    def describe(self) -> str:
        """One line: what it is, how far it is and where it lies."""
        state = f'epoch {self.epoch}/{self.epochs}' if self.epoch else counted(self.epochs, 'epoch')
        state = 'done' if self.result else state
        makes = [step.makes for step in self.variant.prepare if not Path(step.makes).exists()]
        needs = f', first makes {", ".join(makes)}' * bool(makes)
        return f'{self}: {state}{needs} ({self.variant.config}, {self.folder})'

    def next_stage(self) -> Stage | None:
        """Tell what is to be done, and prepare its files; None if all is done."""
        if self.result:
            return None
        config = self.folder / 'config.py'
        if not config.is_file():
            with atomic_path(config) as draft:
                self.cfg.dump(draft)
        self._share_training()
        return self._test(config) if self._state.get('trained') else self._train(config)

    def _share_training(self) -> None:
        """Take the training of a run here that differs in its test alone, if it has ended."""
        for path in sorted(self._root.glob(f'*-seed{self.seed}/state.json')):
            theirs = read_state(path)
            same = theirs.get('training_key') == self.training_key
            if same and theirs.get('trained') and not self._state.get('trained'):
                work_dir = theirs.get('work_dir') or str(path.parent / 'train')
                write_json(self.folder / 'state.json', {**theirs, 'work_dir': work_dir})

    def finish(self, stage: Stage, status: int, seconds: float, where: Mapping[str, str]) -> None:
        """Record how a stage has ended: its exit status, its time, and ``where`` it ran."""
        state = self.spend(stage, seconds)
        state.pop('failure', None)
        if status:
            reason = last_line(stage.log)
            state['failure'] = f'{stage.name} ended with status {status}: {reason}'
        elif stage.name == 'train':
            state.update(trained=True, where=dict(where), training_key=self.training_key)
        else:
            try:
                self._record(state, where)
            except (OSError, ValueError) as error:  # one run without numbers stops no others
                state['failure'] = f'{stage.name} ended without metrics: {error}'
        write_json(self.folder / 'state.json', state)

    def spend(self, stage: Stage, seconds: float) -> dict[str, Any]:
        """Add to the time that a stage has taken, and return the state on disk."""
        state = self._state
        name = f'{stage.name}_seconds'
        state[name] = seconds + (state.get(name) or 0.0)
        write_json(self.folder / 'state.json', state)
        return state

    def reuse(self, work_dir: Path, whatever_config: bool = False) -> None:
        """Take over a training that has ended in ``work_dir``; it is tested anew.

        A FileNotFoundError if the folder has no configuration or no checkpoint, a ValueError if the
        training has not ended, or the configuration differs and may not.
        """
        checkpoint = last_checkpoint(work_dir)
        if checkpoint is None:
            raise FileNotFoundError(f'{work_dir} has no checkpoint')
        found = differences(training_settings(self.cfg), training_settings(dumped_config(work_dir)))
        if found and not whatever_config:
            raise ValueError(f'{work_dir} is no run of {self}: it differs in {found[:8]}')
        reached = re.search(r'(\d+)\.pth$', checkpoint)
        if reached is None or int(reached[1]) < self.epochs:
            raise ValueError(f'{work_dir} has not ended: {Path(checkpoint).name} of {self.epochs}')
        self.folder.mkdir(parents=True, exist_ok=True)
        state = dict(trained=True, work_dir=str(work_dir), differs_in=found)
        write_json(self.folder / 'state.json', state)

    @property
    def _state(self) -> dict[str, Any]:
        return read_state(self.folder / 'state.json')

    @property
    def _work_dir(self) -> Path:
        return Path(self._state.get('work_dir') or self.folder / 'train')

    def _train(self, config: Path) -> Stage:
        words = [str(config), '--work-dir', str(self._work_dir), '--resume']
        picks_best = self.cfg.get('default_hooks', {}).get('checkpoint', {}).get('save_best')
        if not self.launch.validate and not picks_best:
            words.append('--no-validate')
        return Stage('train', self.launch.training(*words), self.folder / 'train.log')

    def _test(self, config: Path) -> Stage:
        checkpoint = str(self.checkpoint)
        shutil.rmtree(self.folder / 'test', ignore_errors=True)
        words = ['--work-dir', str(self.folder / 'test')]
        words += ['--dump', str(self.folder / 'predictions.pkl')]
        command = self.launch.tool('test.py', str(config), checkpoint, *words)
        return Stage('test', command, self.folder / 'test.log')

    def _record(self, state: Mapping[str, Any], where: Mapping[str, str]) -> None:
        """Write the outcome."""
        outcome = dict(
            key=self.key,
            variant=self.variant.name,
            config=str(self.variant.config),
            seed=self.seed,
            metrics=read_metrics(self.folder / 'test'),
            epochs=self.epochs,
            train_seconds=state.get('train_seconds'),
            test_seconds=state.get('test_seconds'),
            processes=self.launch.processes,
            trained=state.get('where'),
            tested=dict(where),
            work_dir=str(self._work_dir),
            differs_in=state.get('differs_in', []),
        )
        write_json(self.folder / 'result.json', outcome)


def training_config(
    variant: Variant, seed: int, options: Mapping[str, Any] | None = None
) -> Config:
    """Resolve the configuration of a run; ``options`` come after those of the variant."""
    cfg = load_config(variant.config, {**variant.options, **(options or {})})
    set_randomness(cfg, seed)
    return cfg


def in_number_formats(cfg: Config) -> list[Config]:
    """Fix the number format of a training; what this machine would choose goes before the other."""
    is_open, other = is_format_open(cfg), copy.deepcopy(cfg)
    set_number_format(cfg)
    if not is_open:
        return [cfg]
    set_number_format(other, not cfg.amp)
    return [cfg, other]


def dumped_config(work_dir: Path) -> Config:
    """Read the configuration that MMEngine has left in a work folder."""
    found = sorted(work_dir.glob('*.py'), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f'{work_dir} has no configuration')
    return Config.fromfile(found[-1])


def read_metrics(folder: Path) -> dict[str, float]:
    """Read the numbers that ``tools/test.py`` has left in its work folder."""
    files = sorted(path for path in folder.glob('*/*.json') if path.stem == path.parent.name)
    if not files:
        raise FileNotFoundError(f'the test left no metrics in {folder}')
    found = read_state(files[-1])
    times = ('time', 'data_time')
    return {k: float(v) for k, v in found.items() if k not in times and isinstance(v, (int, float))}


def last_line(log: Path) -> str:
    """Last line of a log that says something."""
    lines = log.read_text(errors='replace').split('\n') if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), 'no output')[:300]


def read_state(path: Path) -> dict[str, Any]:
    """Read a JSON object; an absent or unreadable file gives an empty one."""
    try:
        return read_json(path, dict)
    except (OSError, ValueError):
        return {}


def reuse(runs: Sequence[Run], folders: Sequence[str | Path]) -> Iterator[str]:
    """Give every run without a result the work folder with its configuration and seed.

    Yields one line for each work folder; the folders are such, or hold such.
    """
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise FileNotFoundError(f'no folder at {folder}')
        is_one = (folder / 'last_checkpoint').is_file()
        found = sorted(path.parent for path in folder.glob('*/last_checkpoint'))
        for work_dir in [folder] if is_one else found:
            yield _offer([run for run in runs if not run.result], work_dir)


def take(runs: Sequence[Run], assignment: str) -> str:
    """Give a run the work folder of ``VARIANT:SEED=FOLDER`` and return a line about it.

    The configuration in the folder may differ; the table then says so. Errors are those of
    :meth:`Run.reuse`.
    """
    name, _, folder = assignment.partition('=')
    found = [run for run in runs if f'{run.variant.name}:{run.seed}' == name]
    if not found or not folder:
        raise ValueError(f'--take needs VARIANT:SEED=FOLDER with a planned run, got {assignment!r}')
    if found[0].result:
        return f'{found[0]}: has a result already'
    found[0].reuse(Path(folder), whatever_config=True)
    return f'{found[0]}: trained in {folder}'


def _offer(runs: Sequence[Run], work_dir: Path) -> str:
    reasons = []
    for run in runs:
        try:
            run.reuse(work_dir)
            return f'{run}: trained in {work_dir}'
        except (ValueError, OSError) as error:
            reasons.append(str(error))
    return f'{work_dir} is not used: {min(reasons, key=len, default="no run is left")}'
