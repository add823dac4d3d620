"""Apply the options of the command lines to a configuration."""

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmcl_ext.config.user_errors import UserError, launched_rank


def set_work_dir(cfg: Config, work_dir: str | os.PathLike | None, filename: str | Path) -> None:
    """Choose the work folder: the argument, else the file's, else from the file's name.

    ``configs/mmcl/ctrgcn_demo.py`` gives ``work_dirs/mmcl/ctrgcn_demo``, apart from its
    skeleton-only twin of the same name. A file outside ``configs`` gives its stem alone.
    """
    if work_dir is not None:
        cfg.work_dir = os.fspath(work_dir)
    elif cfg.get('work_dir') is None:
        below = below_configs(Path(filename).resolve().with_suffix(''))
        cfg.work_dir = os.path.join('work_dirs', *below)


def below_configs(path: Path) -> tuple[str, ...]:
    """Return the parts of a path below the last folder ``configs``, else the name alone."""
    last = max((i for i, part in enumerate(path.parts) if part == 'configs'), default=-2)
    return path.parts[last + 1 :]


def set_launcher(cfg: Config, launcher: str, timeout: float | None = None) -> None:
    """Choose how processes are started, and after how many seconds one that hangs ends the run."""
    cfg.launcher = launcher
    if timeout is not None:
        cfg.merge_from_dict({'env_cfg.dist_cfg.timeout': timeout})


def set_resume(cfg: Config, resume: str | None) -> None:
    """Prepare to go on from a checkpoint's path, or 'auto' for the last one in ``work_dir``."""
    if resume is None:
        return
    path = last_checkpoint(cfg.work_dir) if resume == 'auto' else resume
    if path is None:
        if not launched_rank():
            print(f'no checkpoint in {cfg.work_dir}: training starts from the beginning')
        return
    if '://' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'--resume: there is no checkpoint {path!r}')
    cfg.resume, cfg.load_from = True, path


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Find the checkpoint of a work folder to resume from.

    MMEngine's ``last_checkpoint`` file names it. A process killed at the wrong
    moment leaves that file empty or pointing at a checkpoint already removed;
    then the newest checkpoint of an epoch or iteration in the folder is taken. In a copy of a
    folder it names that of the original: the copy's own of the same name goes before.
    """
    named = find_latest_checkpoint(str(work_dir)) if Path(work_dir).is_dir() else None
    if named and (own := Path(work_dir, Path(named).name)).is_file():
        return str(own)
    if named and ('://' in named or Path(named).is_file()):
        return named
    paths = [p for kind in ('epoch', 'iter') for p in Path(work_dir).glob(f'{kind}_*.pth')]
    paths = [p for p in paths if p.stem.rpartition('_')[2].isdecimal()]  # none that are stripped
    return str(max(paths, key=lambda p: p.stat().st_mtime)) if paths else None


def set_randomness(
    cfg: Config, seed: int | None, diff_rank_seed: bool = False, deterministic: bool = False
) -> None:
    """Overwrite those settings of ``randomness`` that the command line names."""
    randomness = dict(cfg.get('randomness') or {})
    randomness.setdefault('seed', None)
    if seed is not None:
        randomness['seed'] = seed
    if diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if deterministic:
        randomness['deterministic'] = True
    cfg.randomness = randomness


def drop_validation(cfg: Config) -> None:
    """Train without validation."""
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None


def add_dump(cfg: Config, path: str) -> None:
    """Write the predictions of a test to a pickle, as MMAction2's ``--dump`` does.

    It is a list of dicts, one per sample, each with ``pred_score`` (K,), ``pred_label``,
    ``gt_label`` and ``sample_name``.
    """
    if not path.endswith(('.pkl', '.pickle')):
        raise UserError(f'--dump needs a path that ends in .pkl or .pickle, got {path!r}')
    evaluators = cfg.test_evaluator
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=path)]


def show_predictions(
    cfg: Config, *, show: bool, out_dir: str | None, interval: int, wait_time: float
) -> None:
    """Draw the predictions of a test, one sample in ``interval``, shown for some seconds."""
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise UserError(
            '--show and --show-dir need default_hooks.visualization, such as '
            "dict(type='PredictionImageHook')"
        )
    hook.update(enable=True, show=show, out_dir=out_dir, interval=interval, wait_time=wait_time)
