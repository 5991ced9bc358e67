"""The starter generator on small made-up lessons: what it gives, what it keeps, and that it runs."""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest

from checkpoints.imports import with_imports_of
from checkpoints.lesson import Lesson, Touch
from checkpoints.stubs import extend, strip, symbols

LESSON = Lesson(
    number=3,
    title="Made up",
    path="/chatkit",
    concepts=(),
    objectives=(),
    criteria=(),
    things_to_try=(),
    touches=(),
)
WHERE = "lesson 3, “2. The “quoted” part”"


def touches(*names: str, **more: Any) -> Mapping[str | None, Touch]:
    return {
        name: Touch(f"app/x.py::{name}", "concept", "2. The “quoted” part", (), **more)
        for name in names
    }


def stripped(source: str, *names: str, **more: Any) -> str:
    made = strip(dedent(source).lstrip("\n"), touches(*names, **more), LESSON)
    ast.parse(made)
    return made


def extended(old: str, source: str, *names: str) -> str:
    made = extend(dedent(old).lstrip("\n"), dedent(source).lstrip("\n"), touches(*names), LESSON)
    ast.parse(made)
    return made


def run(source: str) -> dict[str, Any]:
    """Import the file, so to speak."""
    names: dict[str, Any] = {}
    exec(compile(source, "made up", "exec"), names)
    return names


# New files


def test_a_stub_has_signature_and_docstring_and_says_where_to_read() -> None:
    made = stripped(
        '''
        def double(number: int, *, times: int = 2) -> int:
            """Return twice as much.

            And a second paragraph.
            """
            # the secret
            return number * times  # another
        ''',
        "double",
    )
    assert "secret" not in made
    assert "another" not in made
    double = run(made)["double"]
    assert double.__doc__.startswith("Return twice as much.")
    assert list(inspect.signature(double).parameters) == ["number", "times"]
    with pytest.raises(NotImplementedError, match="double\\(\\) is not written yet") as raised:
        double(1)
    assert WHERE in str(raised.value)


def test_what_is_not_listed_stays() -> None:
    made = stripped("def one():\n    return 1\n\n\ndef two():\n    return 2\n", "two")
    assert run(made)["one"]() == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1\n",
        "def f():\n    # the secret\n\n    # is here\n    return 1\n",
        "def f():\n    @decorate\n    def inner():\n        return 1\n    return inner\n",
        "def f():\n    return 1",
        "def f(\n    a=1,\n):\n    return a\n",
        'def f():\n    """Only a docstring."""\n',
        'def f():\n    """Ends with a quote: \\"."""; return 1\n',
        "def f():\n    x = '''\nnot indented\n'''\n    return x\n",
        "def f():\n    x = '\\u2028'; y = '\x0c'\n    return x + y\n",
        "@decorate\n@decorate\ndef f():\n    return 1\n",
        "def f(): ...\n",
        "def f(\n    a=1,\n) -> None: ...\n",
    ],
    ids=range(12),
)
def test_however_a_function_is_written_the_stub_runs(source: str) -> None:
    before, after = "def decorate(f):\n    return f\n\n\n", "\n\ndef after():\n    return 'after'\n"
    made = stripped(before + source + after, "f")
    names = run(made)
    assert "secret" not in made
    assert names["after"]() == "after"
    assert callable(names["f"])


def test_generators_stay_generators_and_nested_ones_do_not_count() -> None:
    made = stripped(
        """
        import contextlib

        async def events():
            yield 1

        def numbers():
            yield from range(3)

        async def answer():
            async def inner():
                yield 1
            return [event async for event in inner()]

        def pick():
            return lambda: (yield)

        @contextlib.asynccontextmanager
        async def lifespan(app):
            yield
        """,
        *("events", "numbers", "answer", "pick", "lifespan"),
    )
    names = run(made)
    assert inspect.isasyncgenfunction(names["events"])
    assert inspect.isgeneratorfunction(names["numbers"])
    assert inspect.iscoroutinefunction(names["answer"])
    assert not inspect.isgeneratorfunction(names["pick"])
    assert inspect.isasyncgenfunction(names["lifespan"].__wrapped__)
    assert "an async generator" in made
    assert "function a generator" in made


def test_a_class_keeps_its_header_fields_and_decorators() -> None:
    made = stripped(
        """
        from dataclasses import dataclass

        @dataclass
        class Point:
            x: int = 0

            @property
            def twice(self) -> int:
                return self.x * 2

            @staticmethod
            def origin():
                return Point()
        """,
        *("Point.twice", "Point.origin"),
    )
    point = run(made)["Point"]
    assert point(3).x == 3
    with pytest.raises(NotImplementedError):
        _ = point(3).twice
    with pytest.raises(NotImplementedError):
        point.origin()


def test_an_override_does_what_it_did_before() -> None:
    base = """
        class Base:
            async def stop(self, a, /, b, *rest, c=1, **more):
                return a, b, rest, c, more

            def plain(self, a):
                return a

            async def events(self, n):
                for number in range(n):
                    yield number

        """
    child = """
        class Child(Base):
            async def stop(self, a, /, b, *rest, c=1, **more):
                return "secret"

            def plain(self, a):
                return "secret"

            async def events(self, n):
                yield "secret"
        """
    made = stripped(
        dedent(base) + dedent(child),
        *("Child.stop", "Child.plain", "Child.events"),
        overrides=True,
    )
    assert "secret" not in made
    assert WHERE in made
    one = run(made)["Child"]()

    async def act() -> Any:
        return await one.stop(1, 2, 3, c=4, d=5), [number async for number in one.events(3)]

    assert asyncio.run(act()) == ((1, 2, (3,), 4, {"d": 5}), [0, 1, 2])
    assert one.plain(7) == 7


# Files of the lesson before


def test_a_changed_function_keeps_its_body_and_a_new_one_is_a_stub() -> None:
    made = extended(
        "def old():\n    return 'as it was'\n",
        "def old():\n    return 'secret'\n\n\ndef new():\n    return 'secret'\n",
        *("old", "new"),
    )
    names = run(made)
    assert "secret" not in made
    assert names["old"]() == "as it was"
    with pytest.raises(NotImplementedError):
        names["new"]()


def test_new_methods_go_to_the_end_of_their_class_in_the_references_order() -> None:
    made = extended(
        """
        class Second:
            def kept(self):
                return 2

        class First:
            def kept(self):
                return 1

        between = Second().kept() + First().kept()
        """,
        """
        class First:
            def kept(self):
                return 1

            def one(self):
                return "secret"

            def two(self):
                return "secret"

        class Second:
            def kept(self):
                return 2

            async def three(self):
                return "secret"
        """,
        *("First.two", "First.one", "Second.three"),
    )
    assert "secret" not in made
    names = run(made)
    assert list(vars(names["First"]))[1:4] == ["kept", "one", "two"]
    assert hasattr(names["Second"], "three")
    assert names["between"] == 3


@pytest.mark.parametrize(
    "old", ["class Nothing: ...\n", "class Nothing: pass", "class Nothing:\n    pass"]
)
def test_a_method_can_come_into_a_class_that_had_none(old: str) -> None:
    source = (
        "class Nothing:\n    def first(self):\n        return 1\n\n"
        "    def second(self):\n        return 2\n"
    )
    made = extended(old, source, "Nothing.first", "Nothing.second")
    with pytest.raises(NotImplementedError):
        run(made)["Nothing"]().second()


def test_a_new_class_comes_into_an_old_file_whole_and_in_order() -> None:
    made = extended(
        "x = 1\n",
        """
        from dataclasses import dataclass

        x = 2

        @dataclass
        class Given:
            name: str

        class Turn:
            limit = 5

            def __init__(self, given: Given) -> None:
                self.secret = given

            @property
            def state(self) -> str:
                return "secret"

            @state.setter
            def state(self, value: str) -> None:
                self.secret = value

        async def use(turn: Turn) -> None:
            print("secret")
        """,
        *("<module>", "Turn.__init__", "Turn.state", "use"),
    )
    assert "secret" not in made
    names = run(made)
    assert (names["x"], names["Given"]("a").name, names["Turn"].limit) == (1, "a", 5)
    assert names["Turn"].state.fset is not None
    assert inspect.iscoroutinefunction(names["use"])


def test_a_property_and_its_setter_are_one_symbol() -> None:
    source = dedent(
        """
        class A:
            @property
            def x(self): return 1

            @x.setter
            def x(self, value): pass
        """
    )
    assert symbols(source)["A.x"].count("def x") == 2


# Imports


def test_imports_are_merged_in_groups() -> None:
    old = '''"""A file."""

from __future__ import annotations

import sys
import asyncio
from shared.store import SQLiteStore
from agents import Agent

x = 1
'''
    other = """
from __future__ import annotations
import asyncio
import os.path as p
from collections.abc import AsyncIterator
from agents import Runner, Agent
from app.turns import Turns
from shared.store import MAX_PAGE, SQLiteStore
from . import near
"""
    made = with_imports_of(old, other)
    assert (
        made
        == '''"""A file."""

from __future__ import annotations

import asyncio
import os.path as p
import sys
from collections.abc import AsyncIterator

from agents import Agent, Runner

from . import near
from app.turns import Turns
from shared.store import MAX_PAGE, SQLiteStore

x = 1
'''
    )
    assert with_imports_of(made, other) == made


def test_many_names_are_written_one_to_a_line() -> None:
    names = [f"a_rather_long_name_{number}" for number in range(6)]
    made = with_imports_of("import sys\n", f"from chatkit.types import {', '.join(names)}\n")
    assert max(map(len, made.splitlines())) <= 100
    [node] = [one for one in ast.parse(made).body if isinstance(one, ast.ImportFrom)]
    assert [alias.name for alias in node.names] == names


def test_code_between_and_behind_the_imports_stays() -> None:
    old = "import sys\n\nsys.path.append('x')\nimport json  # late\n\n\ndef f():\n    import os\n"
    made = with_imports_of(old, "import ast\n")
    assert made == "import ast\nimport sys\n" + old.removeprefix("import sys\n")


@pytest.mark.parametrize(
    ("old", "made"),
    [
        ("", "import ast\n\n\n"),
        ("x = 1\n", "import ast\n\n\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nimport ast\n\nx = 1\n'),
        ('"""Doc\nstring."""\n', '"""Doc\nstring."""\n\nimport ast\n'),
    ],
)
def test_a_file_without_imports_gets_them(old: str, made: str) -> None:
    assert with_imports_of(old, "import ast\n") == made
    assert with_imports_of(old, "") == old
