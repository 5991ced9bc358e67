"""The imports of a Python file: joined with another file's, sorted, in the usual groups."""

from __future__ import annotations

import ast
import io
import sys
from collections import defaultdict
from collections.abc import Iterable

_WIDTH = 100
_OWN = ("app", "shared")

_Import = ast.Import | ast.ImportFrom


def lines_of(source: str) -> list[str]:
    """The lines with their ends, as Python counts them: a form feed or U+2028 ends none."""
    return io.StringIO(source).readlines()


def with_imports_of(source: str, other: str) -> str:
    """Return the source with what the top level of `other` imports as well.

    Only the first block of imports is written anew; what is imported further down stays there.
    """
    body = ast.parse(source).body
    start = next((n for n, node in enumerate(body) if isinstance(node, _Import)), None)
    block: list[_Import] = []
    for node in body[start:] if start is not None else ():
        if not isinstance(node, _Import):
            break
        block.append(node)
    wanted = [node for node in ast.parse(other).body if isinstance(node, _Import)]
    text = _written([*block, *wanted])
    lines = lines_of(source)
    if block:
        lines[block[0].lineno - 1 : block[-1].end_lineno] = [text]
    elif text:
        has_docstring = bool(body) and ast.get_docstring(ast.parse(source)) is not None
        after = (body[0].end_lineno or 0) if has_docstring else 0
        lines[after:after] = ["\n", text] if after else [text, "\n\n"]
    return "".join(lines)


def _written(nodes: Iterable[_Import]) -> str:
    """The statements, each module once, in groups: the language's, the library's, others', ours."""
    modules: set[str] = set()
    names: defaultdict[str, set[str]] = defaultdict(set)
    for node in nodes:
        if isinstance(node, ast.Import):
            modules.update(ast.unparse(alias) for alias in node.names)
        else:
            module = "." * node.level + (node.module or "")
            names[module].update(ast.unparse(alias) for alias in node.names)
    groups: list[list[str]] = [[], [], [], []]
    for module in sorted(modules):
        groups[_group(module.split()[0])].append(f"import {module}\n")
    for module, members in sorted(names.items()):
        groups[_group(module)].append(_from(module, sorted(members, key=_by_kind)))
    return "\n".join("".join(group) for group in groups if group)


def _group(module: str) -> int:
    package = module.split(".")[0]
    if package == "__future__":
        return 0
    if package in sys.stdlib_module_names:
        return 1
    return 3 if package in _OWN or not package else 2


def _by_kind(member: str) -> tuple[int, str]:
    """Constants, classes, then the rest, as ruff and isort sort them."""
    name = member.split()[0]
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, member)


def _from(module: str, members: list[str]) -> str:
    line = f"from {module} import {', '.join(members)}\n"
    if len(line) <= _WIDTH + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in members) + ")\n"
