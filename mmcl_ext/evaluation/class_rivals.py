"""Classes that a network takes for one another, as a prompt for a language model."""

from collections.abc import Sequence

import numpy as np

_TASK = """\
Each line below is a class of human actions, a sentence that describes it, and the classes that a
skeleton-based network confuses it with most. Write a new sentence for each class that tells it
from these rivals by how the body moves: which joints, which direction, which order, which tempo.
Objects cannot be seen. Answer with one line for each class and nothing else, in this form:
class; sentence
"""


def class_rivals(confusion: np.ndarray, number: int) -> list[list[int]]:
    """List the classes confused with each one, either way round, most often first.

    ``confusion`` (K, K) counts true classes in rows and predictions in columns; a class has at most
    ``number`` rivals, none where nothing was confused.
    """
    errors = confusion + confusion.T
    np.fill_diagonal(errors, 0)
    order = np.argsort(-errors, axis=1, kind='stable')[:, :number]
    return [
        [int(j) for j in row if counts[j] > 0] for counts, row in zip(errors, order, strict=True)
    ]


def rival_prompt(
    classes: Sequence[str], sentences: Sequence[str], rivals: Sequence[Sequence[int]]
) -> str:
    """Ask for a new sentence for each class that has rivals."""
    lines = [
        f'{name}; {sentence}; rivals: {", ".join(classes[j] for j in found)}'
        for name, sentence, found in zip(classes, sentences, rivals, strict=True)
        if found
    ]
    return '\n'.join([_TASK, *lines]) + '\n'
