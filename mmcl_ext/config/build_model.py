"""Models from their configurations, as they are trained, tested and deployed."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from mmcl_ext.config.config_errors import check_part, setup_errors
from mmcl_ext.config.load_config import require
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.registry import MODELS

SCOPE = 'mmcl_ext'


def build_model(settings: Mapping[str, Any], scope: str | None = None) -> nn.Module:
    """Build a model from its configuration, or say in a UserError what is wrong with it."""
    check_part(settings, MODELS, scope or SCOPE)
    with DefaultScope.overwrite_default_scope(scope or SCOPE), setup_errors():
        return MODELS.build(dict(settings))


def model_class(cfg: Config) -> Any:
    """Return the class of a configuration's model, or raise a UserError if there is none."""
    require(cfg, 'model')
    check_part(cfg.model, MODELS, scope_of(cfg))
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        return MODELS.get(cfg.model.type)


def scope_of(cfg: Config) -> str:
    """Return the scope in which the types of a configuration are looked up first."""
    return cfg.get('default_scope') or SCOPE


def use_deployed_model(cfg: Config) -> None:
    """Replace the model of a configuration by what is left of it after training.

    The model class says what that is through ``deploy_cfg``; a class without it,
    such as MMAction2's, is tested as it is. Image encoders are neither built
    nor are their files opened.
    """
    deploy = getattr(model_class(cfg), 'deploy_cfg', None)
    if deploy is not None:
        cfg.model = deploy(cfg.model.to_dict())


def use_text_refinement(cfg: Config) -> bool:
    """Let the model's test use texts if ``text_refinement`` asks for it; return whether it does."""
    mode = cfg.get('text_refinement')
    if mode is None or mode is False:
        return False
    refine = getattr(model_class(cfg), 'refine_at_test', None)
    if refine is None:
        raise UserError(
            f'text_refinement={mode!r} needs a model with a refinement module, such as '
            f'MMCLRecognizer; this one is {cfg.model.type}'
        )
    refine(cfg)
    return True
