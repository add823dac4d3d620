import copy
import os

from mmengine.config import Config

from mmcl_ext.apis.train import build_runner, run_to_end
from mmcl_ext.config.build_model import use_deployed_model, use_text_refinement
from mmcl_ext.config.launch import prepare_launch
from mmcl_ext.config.options import add_dump, set_work_dir
from mmcl_ext.fileio.checkpoint import require_checkpoint


def test_model(
    cfg: Config,
    checkpoint: str | os.PathLike,
    *,
    dump: str | os.PathLike | None = None,  # noqa: PT028
    work_dir: str | os.PathLike | None = None,  # noqa: PT028
) -> dict[str, float]:
    """Test a checkpoint from the skeleton alone, or with texts if ``text_refinement`` is set.

    The result has the metrics of ``test_evaluator``, ``dump`` the predictions, see
    :func:`~mmcl_ext.config.options.add_dump`. The configuration stays as it is; ``work_dir`` is
    chosen as in :func:`train_model`. A checkpoint that cannot be read or is that of another model,
    or a wrong configuration, is a UserError.
    """
    checkpoint = os.fspath(checkpoint)
    cfg = copy.deepcopy(cfg)
    set_work_dir(cfg, work_dir, cfg.filename or 'model')
    if dump is not None:
        add_dump(cfg, os.fspath(dump))
    require_checkpoint(checkpoint)
    prepare_launch(cfg)
    if not use_text_refinement(cfg):
        use_deployed_model(cfg)
    cfg.load_from, cfg.resume = checkpoint, False
    runner = build_runner(cfg)
    return run_to_end(runner, runner.test)


test_model.__test__ = False  # type: ignore[attr-defined]  # not a test of pytest's
