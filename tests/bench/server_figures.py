"""Lesson 2's server against the naive one: the same events, sooner and for less."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from tests.bench.bare import WORDS
from tests.bench.figure import BenchError, Figure, ratio_of
from tests.bench.load import Seen
from tests.bench.served import People, Served, Servers

PACE = 50  # words a second: a fast model
REPLY = "count to 25"
LONG_REPLY = f"count to {WORDS}"


def measure(without: Sequence[str]) -> list[Figure]:
    """Measure everything that a request costs. About 100 seconds. Raises BenchError."""
    servers = Servers(without)
    people = People()
    try:
        # As fast as the model can, and at a pace.
        naive, paced_naive = servers.naive(0), servers.naive(PACE)
        bare = servers.bare()
        ours, paced_ours = servers.ours(0), servers.ours(PACE)
        for server in (naive, paced_naive, bare, ours, paced_ours):
            people.ask(server, "count to 5", people=20)  # the first replies pay for what is lazy
        return [
            _first_token(people, naive, ours),
            _burst(people, paced_naive, paced_ours),
            _cpu(people, naive, ours),
            *_deltas(people, naive, ours, bare),
        ]
    finally:
        people.close()
        servers.close()


def _first_token(people: People, naive: Served, ours: Served) -> Figure:
    naives, own = [], []
    for _ in range(9):
        one, other = _same_events(
            people.ask(naive, REPLY, times=12), people.ask(ours, REPLY, times=12)
        )
        naives.append(median(one.first) * 1000)
        own.append(median(other.first) * 1000)
    return ratio_of("time to first token, one person: naive / ours", naives, own, "ms", at_least=2)


def _burst(people: People, naive: Served, ours: Served) -> Figure:
    naives, own = [], []
    for _ in range(7):
        one, other = _same_events(
            people.ask(naive, REPLY, people=100), people.ask(ours, REPLY, people=100)
        )
        naives.append(_p95(one.first) * 1000)
        own.append(_p95(other.first) * 1000)
    return ratio_of("the same, p95 of 100 at once: naive / ours", naives, own, "ms", at_least=3)


def _cpu(people: People, naive: Served, ours: Served) -> Figure:
    name = "CPU time per 25-word reply: naive / ours"
    spent: dict[Served, list[float]] = {naive: [], ours: []}
    for _ in range(5):
        for server, milliseconds in spent.items():
            before = server.cpu_seconds()
            people.ask(server, REPLY, people=8, times=6)
            after = server.cpu_seconds()
            if before is None or after is None:
                return Figure(name, [], "this system does not tell a process's CPU time")
            milliseconds.append((after - before) * 1000 / 48)
    return ratio_of(name, spent[naive], spent[ours], "ms", at_least=2)


def _deltas(people: People, naive: Served, ours: Served, bare: Served) -> list[Figure]:
    rates: dict[Served, list[float]] = {naive: [], ours: [], bare: []}
    for _ in range(15):  # of a second each: one busy moment of the machine is a whole round
        one = people.ask(naive, LONG_REPLY, people=16)
        other = people.ask(ours, LONG_REPLY, people=16)
        _same_events(one, other)
        least = people.ask(bare, LONG_REPLY, people=16)
        for server, seen in ((naive, one), (ours, other), (bare, least)):
            rates[server].append(16 * WORDS / seen.seconds)
    return [
        ratio_of(
            "deltas per second, same events: ours / naive",
            rates[ours],
            rates[naive],
            "a second",
            at_least=1.8,
        ),
        ratio_of("deltas per second: bare Starlette / ours", rates[bare], rates[ours], "a second"),
    ]


def _same_events(naive: Seen, ours: Seen) -> tuple[Seen, Seen]:
    """Both, if the same came over the wire. Raises BenchError."""
    if naive.events != ours.events:
        raise BenchError(
            "The two servers did not send the same events, so they cannot be compared.\n"
            f"naive: {naive.events}\nours:  {ours.events}"
        )
    return naive, ours


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]
