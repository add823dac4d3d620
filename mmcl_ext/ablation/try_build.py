"""Build what the runs of an ablation train, before hours are spent on them."""

from collections.abc import Iterable

from mmcl_ext.ablation.run import Run
from mmcl_ext.config.build_model import build_model
from mmcl_ext.config.config_errors import check_config
from mmcl_ext.config.load_config import require
from mmcl_ext.config.user_errors import UserError


def try_build(runs: Iterable[Run]) -> list[str]:
    """Check the configuration of each variant once, and build its model.

    Returns a remark for each variant whose model needs a file that is not there yet. A UserError
    has a line for each type, argument or value that is wrong.
    """
    remarks, faults = [], []
    for name, run in {run.variant.name: run for run in runs}.items():
        try:
            require(run.cfg, 'model')
            check_config(run.cfg)
            build_model(run.cfg.model, run.cfg.get('default_scope'))
        except FileNotFoundError as error:
            remarks.append(f'{name}: its model is built when this is there: {error}')
        except UserError as error:
            faults += [f'variant {name!r}: {line}' for line in str(error).splitlines()]
        except Exception as error:  # of any part that the configuration names
            faults.append(f'variant {name!r}: {type(error).__name__}: {error}')
    if faults:
        raise UserError('\n'.join(faults))
    return remarks
