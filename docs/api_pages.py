"""The pages of the API reference, one per room of the package; conf.py writes them."""

from pathlib import Path

INDEX = """# API reference

One page per room of the [map](../architecture.md), made from the docstrings.

```{toctree}
:maxdepth: 1

"""


def api_pages(package: Path) -> dict[str, str]:
    """Map the names of the pages to their text: ``index``, and one for each room."""
    rooms: dict[str, list[str]] = {}
    for path in sorted(package.rglob('*.py')):
        parts = path.relative_to(package).with_suffix('').parts
        if parts[0] not in ('__init__', '__main__', 'version'):
            module = '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)
            rooms.setdefault(parts[0], []).append(f'{package.name}.{module}')
    pages = {room: _page(sorted(modules)) for room, modules in rooms.items()}
    return pages | {'index': INDEX + '\n'.join(sorted(rooms)) + '\n```\n'}


def _page(modules: list[str]) -> str:
    """Return a page with a section for each module, the first one being the room itself.

    What a module only hands on (``ignore-module-all``) is described where it is defined.
    """
    sections = (
        f'{"#" if number == 0 else "##"} {module}\n\n```{{eval-rst}}\n'
        f'.. automodule:: {module}\n   :members:\n   :ignore-module-all:\n```\n'
        for number, module in enumerate(modules)
    )
    return '\n'.join(sections)
