"""A state dictionary against the model that it shall fill."""

from collections.abc import Mapping

from torch import Tensor


def check_fit(
    model: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    source: str = '',
    *,
    allow_more: bool = False,
) -> None:
    """Compare the names and shapes of two state dictionaries.

    Args:
        model: State of the model.
        given: State to load.
        source: Where the given state comes from, for messages.
        allow_more: Allow entries beyond the model, and old files without batch counters.

    Raises:
        ValueError: If they differ, naming the first entries that do.
    """
    problems = [
        f'{key!r} is missing'
        for key in model
        if key not in given and not (allow_more and key.endswith('num_batches_tracked'))
    ]
    if not allow_more:
        problems += [f'{key!r} has no place in the model' for key in given if key not in model]
    problems += [
        f'{key!r} has shape {tuple(given[key].shape)}, the model needs {tuple(value.shape)}'
        for key, value in model.items()
        if key in given and given[key].shape != value.shape
    ]
    if problems:
        count = '1 entry does' if len(problems) == 1 else f'{len(problems)} entries do'
        first = '; '.join(problems[:5])
        raise ValueError(f'{source and f"{source}: "}{count} not fit the model: {first}')
