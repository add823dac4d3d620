"""File names from names that a file of somebody else gives."""

import re


def file_name(name: str, taken: set[str]) -> str:
    """Turn a sample's name into a file's, another one each time; it is added to ``taken``.

    The result names no folder and holds no control characters.
    """
    plain = re.sub(r'[^\w.+-]+', '_', name).strip('._')[:200] or 'clip'
    unique, number = plain, 2
    while unique in taken:
        unique, number = f'{plain}_{number}', number + 1
    taken.add(unique)
    return unique
