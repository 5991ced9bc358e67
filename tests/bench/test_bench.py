"""The bench: what it makes of what it measured, and that both servers say the same."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import load, run
from tests.bench.chart import draw
from tests.bench.figure import BenchError, Figure, number, ratio_of
from tests.bench.served import SERVER_LEVERS, People, Served, Servers, seconds


def test_a_figure_is_the_median_of_the_rounds() -> None:
    one = ratio_of("a / b", [4.0, 9.0, 20.0], [2.0, 3.0, 4.0], "ms", at_least=3)
    assert one.ratios == [2.0, 3.0, 5.0]
    assert one.ratio == 3.0
    assert one.values == "9 / 3 ms"


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("f", [2.0], "", at_most=2), True),
        (Figure("f", [2.1], "", at_most=2), False),
        (Figure("f", [2.0], "", at_least=2), True),
        (Figure("f", [1.9], "", at_least=2), False),
        (Figure("reported", [0.1], ""), True),
        (Figure("not measured", [], "", at_least=2), True),
    ],
)
def test_a_bar_is_met_or_missed(figure: Figure, met: bool) -> None:
    assert figure.met == met


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02134, "0.0213"), (5.078, "5.08"), (131.4, "131"), (999.9, "1,000"), (12345.0, "12,300")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_the_chart_has_a_row_for_each_bar() -> None:
    figures = [
        Figure("far & <wide>", [400.0, 500.0], "", at_least=2),
        Figure("missed", [3.0], "", at_most=0.5),
        Figure("reported", [1.0], ""),
        Figure("not measured", [], "", at_least=2),
    ]
    chart = ET.fromstring(draw(figures))
    kinds = [part.get("class") for part in chart.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds == ["paper", "met", "missed"]
    assert "far & <wide>" in "".join(chart.itertext())


def test_a_name_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY", "server,sever")
    with pytest.raises(BenchError, match="ONLY names sever, which is not known here"):
        run._names("ONLY", lambda: run.GROUPS)
    monkeypatch.setenv("ONLY", " server, ")
    assert run._names("ONLY", lambda: run.GROUPS) == ["server"]


@pytest.mark.parametrize(
    ("text", "expected"), [("0:01.50", 1.5), ("03:04", 184.0), ("1-02:03:04", 93784.0)]
)
def test_times_of_ps_are_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_the_processor_time_of_a_process_is_known() -> None:
    here = Served(port=0, pid=os.getpid(), log=Path("none"))
    spent = here.cpu_seconds()
    assert spent is not None
    assert spent > 0


def test_chunks_are_put_together() -> None:
    assert load._whole(b"5\r\nab\r\nc\r\n3\r\n\n\n!\r\n0\r\n\r\n") == b"ab\r\nc\n\n!"


async def test_too_many_people_are_refused() -> None:
    with pytest.raises(load.LoadError, match="too many"):
        await load.meet(load.Crowd(port=1, text="hi", people=load.MOST_PEOPLE + 1))


@pytest.mark.slow
@pytest.mark.parametrize("without", [[], ["parser", "serialise", "merge", *SERVER_LEVERS]])
def test_both_servers_send_the_same_events(without: list[str]) -> None:
    servers, people = Servers(without), People()
    try:
        naive, ours = servers.naive(0), servers.ours(0)
        seen = [people.ask(server, "count to 7", people=3, times=2) for server in (naive, ours)]
        assert seen[0].events == seen[1].events
        assert seen[0].events["thread.created"] == 6
        delta = "thread.item.updated assistant_message.content_part.text_delta"
        assert seen[0].events[delta] == 42
        assert len(seen[0].first) == 6
    finally:
        people.close()
        servers.close()


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named() -> None:
    servers, people = Servers(), People()
    try:
        bare = servers.bare()
        assert people.ask(bare, "anything").events
        gone = Served(port=9, pid=bare.pid, log=bare.log)
        with pytest.raises(BenchError, match="could not be measured"):
            people.ask(gone, "anything")
    finally:
        people.close()
        servers.close()
