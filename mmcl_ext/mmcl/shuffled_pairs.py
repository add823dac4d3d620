import numpy as np


def shuffled_pairs(
    number: int, random: np.random.Generator, classes: np.ndarray | None = None
) -> np.ndarray:
    """Draw whose signal each of ``number`` samples gets, (N,): a control that breaks the pairing.

    With the ``classes`` (N,) of the samples, it is another one's of the same class, so that the
    signal still tells the class.
    """
    if classes is None:
        return random.permutation(number)
    order = np.arange(number)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        order[members] = random.permutation(members)
    return order
