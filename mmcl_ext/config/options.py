"""Load a configuration and apply the options of the command lines to it."""

import difflib
import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, find_latest_checkpoint

from mmcl_ext.config.walk import walk_types
from mmcl_ext.registry import MODELS

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(filename: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a configuration, merge options into it and make its ``stream`` hold.

    Args:
        filename: Configuration file.
        options: Dotted keys and values of ``--cfg-options``.

    Raises:
        ValueError: The file is no configuration, an option is misspelt, or
            ``stream`` is set but no transform computes streams.
        FileNotFoundError: The file or one of its bases is missing.
    """
    cfg = _read(Path(filename))
    if options:
        _check_names(cfg, options)
        cfg.merge_from_dict(dict(options))
    apply_stream(cfg)
    return cfg


def _read(path: Path) -> Config:
    problem: Exception | None = None
    try:
        cfg = Config.fromfile(path)
    except (OSError, SyntaxError, ImportError) as error:
        problem = _describe(path, error)
        if problem is None:
            raise
    if problem is not None:
        raise problem  # outside of the handler: it stands for the error, without its context
    return cfg


def _check_names(cfg: Config, options: Mapping[str, Any]) -> None:
    """Refuse an option that would change nothing because its first name is misspelt."""
    known = {*cfg, *inspect.signature(Runner.__init__).parameters}
    for option in options:
        name = option.partition('.')[0]
        near = [] if name in known else difflib.get_close_matches(name, known, 1, cutoff=0.75)
        if near:
            raise ValueError(
                f'option {option!r}: the configuration has no {name!r}, but {near[0]!r}'
            )


def _describe(path: Path, error: OSError | SyntaxError | ImportError) -> Exception | None:
    """Put what MMEngine raises into words; None where the error's own message is better."""
    if isinstance(error, ImportError):
        return _describe_import(path, error)
    if isinstance(error, SyntaxError):
        return ValueError(f'{path} or a base of it has a syntax error: {error}')
    if error.filename is None:
        return ValueError(f'{path} is no configuration: {error}')
    if '.mim' in Path(error.filename).parts:
        return FileNotFoundError(
            f"{path}: bases such as 'mmcl_ext::...' are looked up in the installed package, which "
            f'lacks {error.filename}: run pip install -e . in the repository of mmcl_ext'
        )
    return None


def _describe_import(path: Path, error: ImportError) -> Exception | None:
    """Name the module of ``custom_imports`` that is not there; None if one failed inside."""
    root: BaseException = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__  # type: ignore[assignment]
    missing = root.name if isinstance(root, ModuleNotFoundError) else None
    if missing is None or f"'{missing}" not in str(error):  # MMEngine lists what is imported
        return None
    return ValueError(
        f'{path}: custom_imports names {missing!r}, which Python does not find: put the folder '
        'that holds it on PYTHONPATH, or install it'
    )


def apply_stream(cfg: Config) -> None:
    """Hand the top-level variable ``stream`` to every ``SkeletonStream`` transform.

    A pipeline that was written with the variable keeps its old value when a
    child configuration or ``--cfg-options`` changes it.

    Args:
        cfg: Configuration, changed in place; left alone without ``stream``.

    Raises:
        ValueError: No loader has a ``SkeletonStream`` transform.
    """
    if cfg.get('stream') is None:
        return
    loaders = [cfg.get(name) or {} for name in _LOADERS]
    streams = list(walk_types(loaders, 'SkeletonStream'))
    if not streams:
        raise ValueError(f'stream is {cfg.stream!r} but no pipeline has a SkeletonStream transform')
    for transform in streams:
        transform['stream'] = cfg.stream


def set_work_dir(cfg: Config, work_dir: str | os.PathLike | None, filename: str | Path) -> None:
    """Choose the work folder: the argument, else the file's, else from the file's name.

    ``configs/mmcl/ctrgcn_demo.py`` gives ``work_dirs/mmcl/ctrgcn_demo``, apart from its
    skeleton-only twin of the same name. A file outside ``configs`` gives its stem alone.
    """
    if work_dir is not None:
        cfg.work_dir = os.fspath(work_dir)
    elif cfg.get('work_dir') is None:
        parts = Path(filename).resolve().with_suffix('').parts
        last = max((i for i, part in enumerate(parts) if part == 'configs'), default=-2)
        below = parts[last + 1 :]  # the stem alone without such a folder
        cfg.work_dir = os.path.join('work_dirs', *below)


def set_resume(cfg: Config, resume: str | None) -> None:
    """Prepare to go on from a checkpoint.

    Args:
        cfg: Configuration with ``work_dir`` set, changed in place.
        resume: Path of a checkpoint, 'auto' for the last one in the work
            folder (start as configured where there is none), or None for nothing.

    Raises:
        FileNotFoundError: The named checkpoint does not exist.
    """
    if resume is None:
        return
    path = last_checkpoint(cfg.work_dir) if resume == 'auto' else resume
    if path is None:
        if os.environ.get('RANK', '0') == '0':
            print(f'no checkpoint in {cfg.work_dir}: training starts from the beginning')
        return
    if '://' not in path and not Path(path).is_file():
        raise FileNotFoundError(f'--resume: there is no checkpoint {path!r}')
    cfg.resume, cfg.load_from = True, path


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Find the checkpoint to resume from.

    MMEngine's ``last_checkpoint`` file names it. A process killed at the wrong
    moment leaves that file empty or pointing at a checkpoint already removed;
    then the newest checkpoint of an epoch or iteration in the folder is taken.

    Args:
        work_dir: Work folder of the run.
    """
    named = find_latest_checkpoint(str(work_dir)) if Path(work_dir).is_dir() else None
    if named and ('://' in named or Path(named).is_file()):
        return named
    paths = [p for kind in ('epoch', 'iter') for p in Path(work_dir).glob(f'{kind}_*.pth')]
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


def set_amp(cfg: Config) -> None:
    """Train with mixed precision: on a CPU in bfloat16, where no loss has to be scaled.

    Raises:
        ValueError: The optimizer wrapper is neither the plain nor an AMP one.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'CPUAmpOptimWrapper'):
        raise ValueError(f'--amp does not go with optim_wrapper.type={kind!r}')
    if get_device() == 'cpu':
        for key in ('loss_scale', 'dtype', 'use_fsdp'):
            cfg.optim_wrapper.pop(key, None)
        cfg.optim_wrapper.type = 'CPUAmpOptimWrapper'
    else:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def drop_validation(cfg: Config) -> None:
    """Train without validation."""
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None


def use_deployed_model(cfg: Config) -> None:
    """Replace the model by what is left of it after training.

    The model class says what that is through ``deploy_cfg``; a class without it,
    such as MMAction2's, is tested as it is. Image encoders are neither built
    nor are their files opened.

    Args:
        cfg: Configuration, changed in place.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmcl_ext')):
        model_class = MODELS.get(cfg.model.type)
    if model_class is None:
        raise ValueError(f'model.type {cfg.model.type!r} is not registered')
    if hasattr(model_class, 'deploy_cfg'):
        cfg.model = model_class.deploy_cfg(cfg.model.to_dict())


def add_dump(cfg: Config, path: str) -> None:
    """Write the predictions of a test to a pickle, as MMAction2's ``--dump`` does.

    Args:
        cfg: Configuration, changed in place.
        path: Pickle to write: a list of dicts, one per sample, each with
            ``pred_score`` (K,), ``pred_label``, ``gt_label`` and ``sample_name``.

    Raises:
        ValueError: The path does not end in .pkl or .pickle.
    """
    if not path.endswith(('.pkl', '.pickle')):
        raise ValueError(f'--dump needs a path that ends in .pkl or .pickle, got {path!r}')
    evaluators = cfg.test_evaluator
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=path)]


def show_predictions(
    cfg: Config, *, show: bool, out_dir: str | None, interval: int, wait_time: float
) -> None:
    """Draw the predictions of a test.

    Args:
        cfg: Configuration, changed in place.
        show: Show the pictures in a window.
        out_dir: Folder to write them to, or None.
        interval: Draw one sample in this many.
        wait_time: Seconds to show a window for.

    Raises:
        ValueError: The configuration has no hook for it.
    """
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ValueError(
            '--show and --show-dir need default_hooks.visualization, such as '
            "dict(type='PredictionImageHook')"
        )
    hook.update(enable=True, show=show, out_dir=out_dir, interval=interval, wait_time=wait_time)
