"""Everything that the environment may change, read once and checked with a sentence.

| variable           | meaning                                                    | default       |
| ------------------ | ---------------------------------------------------------- | ------------- |
| `OPENAI_API_KEY`   | a key: talk to OpenAI (Responses API)                      | offline model |
| `OPENAI_BASE_URL`  | any OpenAI-compatible server (Chat Completions API)        | OpenAI's own  |
| `CHATKIT_MODEL`    | the model's name, or `offline` whatever else is set        | the SDK's own |
| `CHATKIT_PACE`     | words a second of the offline model; 0 = as fast as it can | 25            |
| `CHATKIT_WINDOW`   | context window of the offline model, in tokens             | 4096          |
| `CHATKIT_ANALYSIS` | seconds that the analysis of all documents takes           | 10            |
| `CHATKIT_DATABASE` | the SQLite file                                            | `chatkit.db`  |
| `DATABASE_URL`     | Postgres in its place, from lesson 6 on, as a role that owns no table | not set |
| `DATABASE_OWNER_URL` | the same as the role that owns the tables                | not set       |
| `CHATKIT_IDLE`     | seconds without a message after which a session expires    | 86400 (1 day) |
| `CHATKIT_LONGEST`  | seconds after which a session expires in any case          | 604800 (1 week) |
| `CHATKIT_AUDIT`    | the file that tells what became of sessions                | beside the database |
| `CHATKIT_ISSUER`   | whose tokens are believed, from lesson 6 on        | `http://127.0.0.1:8106` |
| `CHATKIT_AUDIENCE` | whom those tokens must be meant for                        | `task-manager` |
| `AUTH_MODE`        | how lesson 7's page shows who is speaking: `bearer`, `cookie`, `bff` | `bearer` |
| `CHATKIT_BACKEND`  | the server behind lesson 7's backend-for-frontend | `http://127.0.0.1:8207` |
| `CHATKIT_ELEMENT`  | `cdn`: lesson 7's page loads OpenAI's own script; else `local` | `local` |
| `CHATKIT_DOMAIN_KEY` | what OpenAI's script knows your site by                  | `local-dev`   |
| `CHATKIT_TRACING`  | `1`: let the Agents SDK send its traces to OpenAI          | off           |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OFFLINE = "offline"
AUTH_MODES = ("bearer", "cookie", "bff")  # the first of each is what an empty setting means
ELEMENTS = ("local", "cdn")


class SettingsError(ValueError):
    """A variable of the environment holds something that cannot be used. The text says what."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values above, parsed. Empty strings count as not set."""

    api_key: str | None = None
    base_url: str | None = None
    model: str | None = None
    words_per_second: float = 25.0
    context_window: int = 4096
    analysis_seconds: float = 10.0
    database: Path = Path("chatkit.db")
    database_url: str | None = None
    database_owner_url: str | None = None
    idle_seconds: float = 86_400.0
    longest_seconds: float = 604_800.0
    audit: Path = Path("chatkit.audit.jsonl")
    issuer: str = "http://127.0.0.1:8106"
    audience: str = "task-manager"
    auth_mode: str = "bearer"
    backend: str = "http://127.0.0.1:8207"
    element: str = "local"
    domain_key: str = "local-dev"
    tracing: bool = False

    @property
    def offline(self) -> bool:
        """True where no real model was asked for: then nothing leaves this machine."""
        return self.model == OFFLINE or not (self.api_key or self.base_url)

    @property
    def jwks_url(self) -> str:
        """Where the issuer publishes its public keys."""
        return self.issuer.rstrip("/") + "/.well-known/jwks.json"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the table above. Raises `SettingsError`."""
        default = cls()
        database = Path(environ.get("CHATKIT_DATABASE", "").strip() or default.database)
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        return cls(
            api_key=given.get("OPENAI_API_KEY"),
            base_url=given.get("OPENAI_BASE_URL"),
            model=given.get("CHATKIT_MODEL"),
            words_per_second=_number(given, "CHATKIT_PACE", default.words_per_second, lowest=0),
            context_window=int(_number(given, "CHATKIT_WINDOW", default.context_window, lowest=1)),
            analysis_seconds=_number(given, "CHATKIT_ANALYSIS", default.analysis_seconds, lowest=0),
            database=database,
            database_url=given.get("DATABASE_URL"),
            database_owner_url=given.get("DATABASE_OWNER_URL"),
            idle_seconds=_number(given, "CHATKIT_IDLE", default.idle_seconds, lowest=0),
            longest_seconds=_number(given, "CHATKIT_LONGEST", default.longest_seconds, lowest=0),
            audit=Path(given.get("CHATKIT_AUDIT", database.with_suffix(".audit.jsonl"))),
            issuer=given.get("CHATKIT_ISSUER", default.issuer),
            audience=given.get("CHATKIT_AUDIENCE", default.audience),
            auth_mode=_one_of(given, "AUTH_MODE", AUTH_MODES),
            backend=given.get("CHATKIT_BACKEND", default.backend).rstrip("/"),
            element=_one_of(given, "CHATKIT_ELEMENT", ELEMENTS),
            domain_key=given.get("CHATKIT_DOMAIN_KEY", default.domain_key),
            tracing=given.get("CHATKIT_TRACING", "0").lower() in {"1", "true", "yes", "on"},
        )


@cache
def get_settings() -> Settings:
    """The settings of this process, read when first asked for."""
    return Settings.from_environment()


def _one_of(given: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = given.get(name, values[0])
    if value not in values:
        raise SettingsError(f"{name}={value} is none of {', '.join(values)}.")
    return value


def _number(given: Mapping[str, str], name: str, default: float, *, lowest: float) -> float:
    text = given.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not lowest <= number < float("inf"):  # also refuses NaN
        raise SettingsError(f"{name}={text} is not a number of at least {lowest:g}.")
    return number
