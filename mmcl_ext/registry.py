"""Registries of mmcl_ext: children of MMAction2's, plus ``GRAPHS``.

``default_scope='mmcl_ext'`` looks a type up here first, then in MMAction2's
registries, then in MMEngine's. A child registry reads its parents' tables but
never triggers *their* ``locations``, hence MMAction2's packages stand in ours.
The co-learning branch is not among the locations: configurations bring it in
with ``custom_imports``.
"""

from mmaction import registry as mmaction_registry
from mmengine.registry import Registry

_SCOPE = 'mmcl_ext'


def _child(parent: Registry, *packages: str) -> Registry:
    """Create the child of one of MMAction2's registries.

    Args:
        parent: Registry of MMAction2 that serves what we do not define.
        packages: Sub-packages that exist both here and in MMAction2; they are
            imported on the first look-up, ours before MMAction2's.
    """
    ours = [f'{_SCOPE}.{package}' for package in packages]
    theirs = [f'mmaction.{package}' for package in packages]
    return Registry(parent.name, parent=parent, scope=_SCOPE, locations=ours + theirs)


RUNNERS = _child(mmaction_registry.RUNNERS, 'engine')
RUNNER_CONSTRUCTORS = _child(mmaction_registry.RUNNER_CONSTRUCTORS, 'engine')
LOOPS = _child(mmaction_registry.LOOPS, 'engine')
HOOKS = _child(mmaction_registry.HOOKS, 'engine')
LOG_PROCESSORS = _child(mmaction_registry.LOG_PROCESSORS, 'engine')
OPTIMIZERS = _child(mmaction_registry.OPTIMIZERS, 'engine')
OPTIM_WRAPPERS = _child(mmaction_registry.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmaction_registry.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
PARAM_SCHEDULERS = _child(mmaction_registry.PARAM_SCHEDULERS, 'engine')

DATASETS = _child(mmaction_registry.DATASETS, 'datasets')
DATA_SAMPLERS = _child(mmaction_registry.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _child(mmaction_registry.TRANSFORMS, 'datasets.transforms')

MODELS = _child(mmaction_registry.MODELS, 'models')
MODEL_WRAPPERS = _child(mmaction_registry.MODEL_WRAPPERS, 'models')
WEIGHT_INITIALIZERS = _child(mmaction_registry.WEIGHT_INITIALIZERS, 'models')
TASK_UTILS = _child(mmaction_registry.TASK_UTILS, 'models')

METRICS = _child(mmaction_registry.METRICS, 'evaluation')
EVALUATORS = _child(mmaction_registry.EVALUATOR, 'evaluation')

VISUALIZERS = _child(mmaction_registry.VISUALIZERS, 'visualization')
VISBACKENDS = _child(mmaction_registry.VISBACKENDS, 'visualization')

PERSON_BOXES = Registry(
    'person boxes', scope=_SCOPE, locations=[f'{_SCOPE}.preparation.person_boxes']
)
"""Sources of person boxes, :class:`~mmcl_ext.preparation.person_boxes.PersonBoxSource`, which
:func:`~mmcl_ext.preparation.person_boxes.detect_persons` runs. They are built with ``source``,
where their input lies, besides what the configuration says."""

TEXT_SOURCES = Registry('text source', scope=_SCOPE, locations=[f'{_SCOPE}.preparation.text'])
"""Sources of text features, which
:func:`~mmcl_ext.preparation.text.extract_text_features` runs. They are built with ``folder``,
where their input lies, besides what the configuration says, and implement
:class:`~mmcl_ext.preparation.extraction.sharding.FeatureExtractor`."""

GRAPHS = Registry('graph', scope=_SCOPE, locations=[f'{_SCOPE}.graphs'])
"""Skeleton graphs: layouts with an adjacency of shape (S, V, V)."""
