"""Where a token may have left traces: what the server prints, its trail, its database, its answers."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed

_PIECE = 24  # characters of a signature, by which it is known even where only a part of it is told


def require_untold(lab: Lab, tokens: Sequence[str], answers: Sequence[str]) -> None:
    """Raise Failed where a part of a token that lets somebody in is found. The log is read from here."""
    places = {
        "in what your server prints": lab.server.new_log(),
        "in the audit trail": "\n".join(map(str, lab.server.audit)),
        "in an answer": "\n".join(answers),
        "in the database's files": stored(lab),
    }
    for place, text in places.items():
        if any(piece in text for token in tokens for piece in _pieces(token)):
            raise Failed(
                tried="Sent good tokens, expired ones and forged ones. Then looked for them where they "
                "could have been written down.",
                observed=f"A token is {place}, or a part of one.",
                expected="A token is looked at and forgotten. Who reads a log or a backup must not "
                "become everybody whose token stands in it.",
                misconception="token-is-told",
            )


def stored(lab: Lab) -> str:
    """All that the files of the database hold, as far as it is text."""
    files = sorted(lab.server.database.parent.glob(f"{lab.server.database.stem}*"))
    return "\n".join(file.read_bytes().decode("latin-1") for file in files if file.is_file())


def _pieces(token: str) -> list[str]:
    """The payload, and both ends of the signature: no two tokens have them in common."""
    _, payload, signature = token.split(".")
    found = [payload, signature[:_PIECE], signature[-_PIECE:]]
    return [piece for piece in found if len(piece) == _PIECE or piece == payload]
