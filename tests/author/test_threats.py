"""Lesson 6's written part: holes that are holes, and threat tables in anybody's words."""

from __future__ import annotations

import ast
import re
import socket
from pathlib import Path

import pytest

from checkpoints import lesson as lessons
from checkpoints.engine.serve import Spec
from checkpoints.engine.verdict import Failed
from checkpoints.engine.warm import Process
from checkpoints.L06 import sabotage, threats
from checkpoints.L06.kinds import KINDS_OF_ATTACK
from checkpoints.L06.sabotage import FILE, Sabotage, build, sabotages
from checkpoints.L06.threats import Row

LESSON = lessons.load(6)
MODEL = (LESSON.checkpoint / "work" / "threats.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("hole", sabotages(), ids=lambda hole: hole.name)
def test_each_hole_still_fits_into_the_checkpoint(hole: Sabotage, tmp_path: Path) -> None:
    app = build(hole, tmp_path)
    changed = [
        file.name
        for file in sorted(app.glob("*.py"))
        if file.read_bytes() != (LESSON.checkpoint / "app" / file.name).read_bytes()
    ]
    assert len(changed) == 1, "a hole is in one place"
    ast.parse((app / changed[0]).read_bytes())


def test_the_model_answers_begin_with_the_template() -> None:
    """So that who compares the two sees what was added."""
    given, model = (
        {
            node.name: ast.dump(node)
            for node in ast.parse((folder / FILE).read_bytes()).body
            if isinstance(node, ast.FunctionDef)
        }
        for folder in (LESSON.template, LESSON.checkpoint / "work")
    )
    assert given.items() <= model.items()
    example = (LESSON.template / "threats.toml").read_text(encoding="utf-8")
    [row] = re.findall(r'attack = ".+"\ndefence = ".+"\ntest = ".+"\n', example)
    assert row in MODEL


def test_the_model_has_every_kind() -> None:
    attacks = re.findall(r'^attack = "(.*)"$', MODEL, re.MULTILINE)
    rows = [Row(number, text, "", "") for number, text in enumerate(attacks, 1)]
    assert {kind.name for row in rows for kind in row.kinds} == {
        kind.name for kind in KINDS_OF_ATTACK
    }


OTHER_WORDS = {
    "no token": ["call it without logging in", "no Authorization header at all", "stay anonymous"],
    "a forged token": ["forge a JWT", "alg=none", "sign the token with my key", "a fake token"],
    "an expired token, or one for another service": [
        "use an old token",
        "replay a token that has expired",
        "a token for another audience",
    ],
    "a name in a header or in the body": [
        "set X-User-ID to the victim",
        "put alice's user_id into the JSON body",
        "impersonate her by a header",
    ],
    "reading somebody else's thread": ["load foreign threads", "read bob's chat", "list her items"],
    "writing into somebody else's thread": ["send a message to her thread", "post in bob's chat"],
    "deleting or renaming it": ["delete alice's thread", "rename a foreign conversation"],
    "finding out whether a thread exists": [
        "does this id exist?",
        "probe ids",
        "tell 403 from 404",
    ],
    "flooding the issuer": [
        "flood with random kids",
        "a DoS on the JWKS endpoint",
        "many unknown key ids",
    ],
    "a token in the logs": [
        "tokens are logged",
        "the log shows the bearer token",
        "Authorization header in logs",
    ],
    "a forgotten WHERE": [
        "a missing WHERE",
        "someone forgets the owner in a query",
        "SQL without user_id in the WHERE clause",
    ],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in OTHER_WORDS.items() for text in texts]
)
def test_an_attack_is_known_in_other_words(name: str, text: str) -> None:
    assert name in {kind.name for kind in Row(1, text, "", "").kinds}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A student's folder, with the model's tests in it."""
    (tmp_path / FILE).write_bytes((LESSON.checkpoint / "work" / FILE).read_bytes())
    return tmp_path


async def refusal(work: Path, table: str) -> Failed | None:
    """What is wrong with a table; None where it is accepted."""
    (work / "threats.toml").write_text(table, encoding="utf-8")
    try:
        threats.require_threats(work, lambda sentence: None)
    except Failed as error:
        return error
    return None


@pytest.mark.parametrize(
    ("old", "new", "misconception"),
    [
        ("", "", None),
        ('defence = "', 'Defense = "', None),
        ('"by hand"', '"make attack-06, and looked at the log"', None),
        ('test = "test_an_exp', 'test = "test_attacks.py::test_an_exp', None),
        ('defence = "', "defence = “", None),
        ('[[threat]]\nattack = "Send', '[[threats]]\nattack = "Send', None),
        ("[[threat]]\n", "[threat]\n", "threats-unreadable"),
        ('test = "test_an_expired', 'tests = "test_an_expired', "threats-unreadable"),
        ('test = "by hand"', 'test = ""', "threat-without-test"),
        ('test = "test_no_header_makes_bob_alice"', 'test = "by hand"', "threat-without-test"),
        ('attack = "Delete or rename', 'attack = "" #', "nothing-written"),
        ('defence = "exp is required', 'defence = "" #', "nothing-written"),
        ('defence = "exp is required', 'defence = "no." #', "text-too-short"),
    ],
)  # fmt: skip
async def test_a_table_is_read_patiently(
    old: str, new: str, misconception: str | None, work: Path
) -> None:
    table = MODEL.replace(old, new) if old else MODEL
    assert (table != MODEL) == bool(old)
    error = await refusal(work, table)
    assert (error.misconception if error else None) == misconception, error


async def test_a_table_that_is_not_there_or_names_a_file_that_is_not(tmp_path: Path) -> None:
    with pytest.raises(Failed) as told:
        threats.require_threats(tmp_path, lambda sentence: None)
    assert told.value.misconception == "threats-missing"
    (tmp_path / FILE).write_text("def test_x(")
    error = await refusal(tmp_path, MODEL)
    assert error
    assert "cannot be read" in error.observed


class NoServer:
    """A starter that nobody may ask for a server."""

    def start(self, spec: Spec, listening: socket.socket, output: int) -> Process:
        raise AssertionError("A server was started.")

    def close(self) -> None:
        """It has started nothing."""


@pytest.mark.parametrize(
    ("content", "misconception", "words"),
    [
        (None, "no-tests", "It is not there."),
        ((LESSON.template / FILE).read_text(encoding="utf-8"), "no-tests", "the one test"),
        (
            (LESSON.template / FILE)
            .read_text(encoding="utf-8")
            .replace('"""Attacks', '"""My attacks')
            + "\n# more to come\n",
            "no-tests",
            "the one test",
        ),
        ("def test_x(:\n", "tests-unreadable", "Line 1:"),
        ("\0", "tests-unreadable", "Python cannot read it."),
    ],
)
async def test_what_holds_no_tests_is_said_before_a_server_starts(
    content: str | None, misconception: str, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(Failed) as told:
        await sabotage.require_telling_tests(tmp_path, NoServer(), lambda sentence: None)
    assert told.value.misconception == misconception
    assert words in told.value.observed
