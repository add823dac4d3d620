import re


def file_name(name: str, taken: set[str]) -> str:
    """Turn a sample's name into a harmless file's, another one each time, added to ``taken``."""
    plain = re.sub(r'[^\w.+-]+', '_', name).strip('._')[:200] or 'clip'
    unique, number = plain, 2
    while unique in taken:
        unique, number = f'{plain}_{number}', number + 1
    taken.add(unique)
    return unique
