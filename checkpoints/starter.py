"""Makes a lesson's starter: the checkpoint before it, plus stubs for what the lesson adds.

The rules, by what `lesson.toml` lists:

* a new file gets the reference's docstring, imports and class headers, and a stub for each function;
* a new function in an old file gets a stub, a changed one keeps its body of the lesson before;
* a stub is signature, docstring and a `NotImplementedError` that names the section of the text; one
  that overrides a working method calls `super()` instead (`overrides = true` in the list);
* an old file gets the imports that the lesson needs;
* a file that is not Python comes as it was, or not at all.

So every starter runs, and behaves as the checkpoint before it.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from checkpoints.lesson import CHECKPOINTS, STATE, Lesson, Touch, folder_name

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Import = ast.Import | ast.ImportFrom


def build(lesson: Lesson) -> dict[str, bytes]:
    """Return the starter: path below the lesson's folder → content."""
    files = _read(CHECKPOINTS / folder_name(lesson.number - 1))
    files.update(_changed(lesson, files))
    return files


def build_on(lesson: Lesson, before: Path) -> dict[str, bytes]:
    """Return a starter on somebody's own folder of the lesson before: their code, and the new files.

    What the lesson changes in files that are theirs, they change themselves: `lesson.toml` lists it.
    """
    files = _read(before)
    reference = _read(CHECKPOINTS / folder_name(lesson.number - 1))
    made = _changed(lesson, reference)
    files.update({name: content for name, content in made.items() if name not in files})
    return files


def _read(folder: Path) -> dict[str, bytes]:
    """The files of `app` in a lesson's folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted((folder / "app").rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def _changed(lesson: Lesson, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that the lesson touches, with stubs for what is new in them."""
    changed = {}
    for name in dict.fromkeys(touch.file for touch in lesson.touches):
        reference = lesson.checkpoint / name
        if not name.endswith(".py") or not reference.exists():
            continue
        # A symbol may be listed for several concepts; its stub names the first one's section.
        touches = {touch.name: touch for touch in reversed(lesson.touches) if touch.file == name}
        wanted = reference.read_text(encoding="utf-8")
        old = files.get(name)
        made = (
            _extend(old.decode(), wanted, touches, lesson)
            if old
            else _strip(wanted, touches, lesson)
        )
        changed[name] = made.encode()
    return changed


def manifest(files: dict[str, bytes]) -> str:
    """`starter.sha256`: a line for each file, as `sha256sum` writes it."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    )


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write a starter's `app` into a lesson's folder in place of what is there."""
    shutil.rmtree(folder / "app", ignore_errors=True)
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def keep_a_copy(lesson: Lesson) -> Path | None:
    """Copy the student's `app` and `work` aside, dated. Returns where, or None without any."""
    folders = [lesson.folder / name for name in ("app", "work") if (lesson.folder / name).is_dir()]
    if not folders:
        return None
    base = STATE / "kept" / f"{lesson.name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    target, count = base, 1
    while target.exists():  # twice within a second
        count += 1
        target = base.with_name(f"{base.name}-{count}")
    for folder in folders:
        shutil.copytree(folder, target / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def symbols(source: str) -> dict[str, str]:
    """The symbols of a Python file and their source: functions, methods, and `<module>` for the rest.

    A class is in `<module>` with its header and its fields; its methods are symbols of their own.
    """
    lines = source.splitlines(keepends=True)
    found: dict[str, str] = {}
    taken: set[int] = set()
    for name, node in _functions(ast.parse(source)):
        span = range(_first_line(node) - 1, node.end_lineno or node.lineno)
        found[name] = "".join(lines[number] for number in span)
        taken.update(span)
    rest = [line for number, line in enumerate(lines) if number not in taken]
    found["<module>"] = "".join(line for line in rest if line.strip())
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    for node in tree.body:
        if isinstance(node, _Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, _Function):
                    yield f"{node.name}.{member.name}", member


def _first_line(node: _Function) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _strip(source: str, touches: dict[str | None, Touch], lesson: Lesson) -> str:
    """The reference with a stub in place of each function's body."""
    lines = source.splitlines(keepends=True)
    for name, node in reversed(list(_functions(ast.parse(source)))):
        if touch := touches.get(name):
            start, end = _body_span(node)
            lines[start - 1 : end] = [_stub_body(node, touch, lesson)]
    return "".join(lines)


def _extend(old: str, source: str, touches: dict[str | None, Touch], lesson: Lesson) -> str:
    """The old file with a stub for each function that only the reference has."""
    known = symbols(old)
    stripped = _strip(source, touches, lesson)
    new = symbols(stripped)
    lines = old.rstrip("\n").splitlines(keepends=True)
    for name in touches:
        if name is None or name == "<module>" or name in known or name not in new:
            continue
        owner = name.rpartition(".")[0]
        classes = {
            node.name: node
            for node in ast.parse("".join(lines)).body
            if isinstance(node, ast.ClassDef)
        }
        if owner in classes:
            end = classes[owner].end_lineno or len(lines)
            lines[end:end] = ["\n" if lines[end - 1].endswith("\n") else "\n\n", new[name]]
        else:
            lines += ["\n\n\n", new[name]]
    return _with_imports("".join(lines).rstrip("\n") + "\n", _imports(source) | _imports(old))


def _imports(source: str) -> set[str]:
    return {ast.unparse(node) for node in ast.parse(source).body if isinstance(node, _Import)}


def _with_imports(source: str, imports: set[str]) -> str:
    """The file with these imports in place of its own, in the usual three groups."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, _Import)]
    if not nodes:
        return source
    groups: list[list[str]] = [[], [], []]
    for line in sorted(imports, key=lambda line: (line.startswith("from"), line)):
        package = line.split()[1].split(".")[0]
        own = package in ("app", "shared")
        groups[2 if own else 0 if package in sys.stdlib_module_names else 1].append(line)
    block = "\n\n".join("\n".join(group) for group in groups if group)
    lines = source.splitlines(keepends=True)
    lines[nodes[0].lineno - 1 : nodes[-1].end_lineno] = [block + "\n"]
    return "".join(lines)


def _body_span(node: _Function) -> tuple[int, int]:
    """First and last line of the body, without the docstring."""
    end = node.end_lineno or node.lineno
    if ast.get_docstring(node) is None:
        return node.body[0].lineno, end
    return (node.body[0].end_lineno or end) + 1, end


def _stub_body(node: _Function, touch: Touch, lesson: Lesson) -> str:
    indent = " " * (node.col_offset + 4)
    name = (touch.name or node.name).split(".")[-1]
    text = f"{name}() is not written yet: lesson {lesson.number}, “{touch.section}”."
    stub = f'{indent}raise NotImplementedError(\n{indent}    "{text}"\n{indent})\n'
    if any(isinstance(inner, ast.Yield) for inner in ast.walk(node)):
        stub += f"{indent}yield  # makes this function an async generator; keep a yield in yours\n"
    return stub
