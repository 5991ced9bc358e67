"""Takes a Python file apart into symbols, and writes stubs in place of functions.

It works on the lines of the text, by the places that the syntax tree gives, so that comments and
blank lines stay as they are.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping

from checkpoints.imports import lines_of, with_imports_of
from checkpoints.lesson import Lesson, Touch

Touches = Mapping[str | None, Touch]
"""Dotted name in the file → what the lesson says of it."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def symbols(source: str) -> dict[str, str]:
    """The symbols of a Python file and their source: functions, methods, and `<module>` for the rest.

    A class is in `<module>` with its header and its fields; its methods are symbols of their own.
    """
    lines = lines_of(source)
    found: dict[str, str] = {}
    taken: set[int] = set()
    for name, node in _functions(ast.parse(source)):
        # A property and its setter have one name.
        found[name] = found.get(name, "") + _text(lines, node)
        taken.update(range(_first_line(node) - 1, _last_line(node)))
    rest = [line for number, line in enumerate(lines) if number not in taken]
    found["<module>"] = "".join(line for line in rest if line.strip())
    return found


def strip(source: str, touches: Touches, lesson: Lesson) -> str:
    """Return the source with a stub in place of the body of each listed function."""
    lines = lines_of(source)
    for name, node in reversed(list(_functions(ast.parse(source)))):
        if touch := touches.get(name):
            _replace_body(lines, node, _stub(node, touch, lesson))
    return "".join(lines)


def extend(old: str, source: str, touches: Touches, lesson: Lesson) -> str:
    """Return the old file with the imports and the classes of the source, and a stub for each listed
    function that the old file has not."""
    known = symbols(old)
    stripped = strip(source, touches, lesson)
    wanted = lines_of(stripped)
    lines = lines_of(old.rstrip("\n") + "\n")
    classes = {node.name: node for node in ast.parse(old).body if isinstance(node, ast.ClassDef)}
    inserted: list[tuple[ast.ClassDef, str]] = []
    for node in ast.parse(stripped).body:
        if isinstance(node, _Function):
            if node.name in touches and node.name not in known:
                lines.append("\n\n" + _text(wanted, node))
        elif isinstance(node, ast.ClassDef):
            methods = {f"{node.name}.{one.name}": one for one in _methods(node)}
            if node.name not in classes:
                if touches.keys() & {*methods, "<module>"}:
                    lines.append("\n\n" + _text(wanted, node))
                continue
            for name, method in methods.items():
                if name in touches and name not in known:
                    inserted.append((classes[node.name], "\n" + _text(wanted, method)))
    # From the end of the file, so that the line numbers further up stay right.
    for owner, text in sorted(inserted, key=lambda pair: pair[0].lineno)[::-1]:
        if header := _header_before(lines, owner.body[0]):  # class Nothing: ...
            lines[owner.body[0].lineno - 1] = header + "\n"
        lines.insert(_last_line(owner), text)
    return with_imports_of("".join(lines).rstrip("\n") + "\n", source)


def _functions(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    for node in tree.body:
        if isinstance(node, _Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in _methods(node):
                yield f"{node.name}.{member.name}", member


def _methods(node: ast.ClassDef) -> list[_Function]:
    return [member for member in node.body if isinstance(member, _Function)]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _text(lines: list[str], node: ast.stmt) -> str:
    text = "".join(lines[_first_line(node) - 1 : _last_line(node)])
    return text if text.endswith("\n") else text + "\n"


def _header_before(lines: list[str], first: ast.stmt) -> str:
    """What stands before a body's first statement on its line: `class Nothing:`, or nothing."""
    return lines[first.lineno - 1].encode()[: first.col_offset].decode().strip()


def _replace_body(lines: list[str], node: _Function, stub: str) -> None:
    """Put the stub behind signature and docstring."""
    first = node.body[0]
    if _header_before(lines, first):
        return  # all that stands on one line is `...`, where ruff has formatted it
    if ast.get_docstring(node) is None:
        start = _first_line(first)
        while lines[start - 2].strip()[:1] in ("", "#"):  # what is said there is of the body
            start -= 1
    else:
        start = _last_line(first) + 1
    lines[start - 1 : _last_line(node)] = [stub]


def _stub(node: _Function, touch: Touch, lesson: Lesson) -> str:
    indent = " " * (node.col_offset + 4)
    where = f"lesson {lesson.number}, “{touch.section}”."
    if touch.overrides:
        call = f"super().{node.name}({', '.join(_arguments(node))})"
        said = f"{indent}# What the base class does, until you have written yours: {where}\n"
        if _yields(node):
            return f"{said}{indent}async for event in {call}:\n{indent}    yield event\n"
        wait = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
        return f"{said}{indent}return {wait}{call}\n"
    said = json.dumps(f"{node.name}() is not written yet: {where}", ensure_ascii=False)
    stub = f"{indent}raise NotImplementedError(\n{indent}    {said}\n{indent})\n"
    if _yields(node):
        kind = "an async generator" if isinstance(node, ast.AsyncFunctionDef) else "a generator"
        stub += f"{indent}yield  # makes this function {kind}; keep a yield in yours\n"
    return stub


def _yields(node: _Function) -> bool:
    """Whether the function is a generator, and not only one inside of it."""
    waiting: list[ast.AST] = [*node.body]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(inner, _Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(inner)
    return False


def _arguments(node: _Function) -> Iterator[str]:
    """How a method hands its own arguments on."""
    given = node.args
    for argument in [*given.posonlyargs, *given.args][1:]:
        yield argument.arg
    if given.vararg:
        yield f"*{given.vararg.arg}"
    for argument in given.kwonlyargs:
        yield f"{argument.arg}={argument.arg}"
    if given.kwarg:
        yield f"**{given.kwarg.arg}"
