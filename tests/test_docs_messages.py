"""The messages and keys that the documentation quotes are those of the package."""

import ast
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from mmcl_ext.apis import load_config

REPO = Path(__file__).resolve().parents[1]
OWN, _, OTHERS = (REPO / 'docs/troubleshooting.md').read_text().partition('## Messages of other')
MESSAGES = re.findall(r'^\| `(.+?)` \|', OWN, re.M)
KEY = re.compile(r'(?<![\w./])(?:model|train|val|test|optim|param|default)\w*(?:\.\w+)+')
CONFIGS = ('configs/skeleton/ctrgcn_ntu60.py', 'configs/mmcl/ctrgcn_ntu120.py')


def texts() -> list[str]:
    """Every string of the package; in place of each value of an f-string stands a NUL."""
    found = []
    for path in [*REPO.glob('mmcl_ext/**/*.py'), *REPO.glob('tools/**/*.py')]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (x.value if isinstance(x, ast.Constant) else '\0' for x in node.values)
                found.append(''.join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


TEXTS = texts()


def is_printed(message: str) -> bool:
    """Tell whether one string has the parts of a message, with a value or dots at ``...``."""
    gap = r'(?:\0[^\0]*?(?:\0[^\0]*?)*?|\.\.\.)'
    pattern = re.compile(gap.join(map(re.escape, message.split('...'))))
    return any(pattern.search(text) for text in TEXTS)


def test_messages_are_found() -> None:
    assert len(MESSAGES) > 25
    assert OTHERS
    assert not is_printed('annotation file ... is purple; docs/data.md tells how to make it')
    assert not is_printed('a message that nothing prints')


@pytest.mark.parametrize('message', MESSAGES)
def test_a_quoted_message_is_printed_by_the_package(message: str) -> None:
    assert is_printed(message)


def has(cfg: Any, key: str) -> bool:
    def enter(node: Any, name: str) -> Any:
        return node[int(name)] if isinstance(node, list) else node[name]

    try:
        reduce(enter, key.split('.'), cfg)
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return True


def test_keys_of_the_migration_page_exist() -> None:
    page = (REPO / 'docs/migration.md').read_text()
    rows = [line.split('|') for line in page.splitlines() if line.startswith('| ')]
    keys = {m for row in rows for q in re.findall('`([^`]+)`', row[2]) for m in KEY.findall(q)}
    assert len(keys) > 20
    cfgs = [load_config(REPO / path) for path in CONFIGS]
    missing = [key for key in sorted(keys) if not any(has(cfg, key) for cfg in cfgs)]
    assert missing == []
