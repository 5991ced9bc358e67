"""The clock that a test can move."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shared import clock

DAY = 24 * 60 * 60


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that moves the clock. It does not exist yet."""
    file = tmp_path / "clock"
    monkeypatch.setenv(clock.VARIABLE, str(file))
    return file


def turn(hand: Path, seconds: float) -> None:
    hand.write_text(str(seconds))


def test_now_is_aware_and_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    before = datetime.now(UTC)
    now = clock.now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


@pytest.mark.parametrize("text", [None, "", "0", " 0\n"])
def test_a_missing_or_empty_file_means_the_machines_time(hand: Path, text: str | None) -> None:
    if text is not None:
        hand.write_text(text)
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)


def test_both_clocks_jump(hand: Path) -> None:
    turn(hand, 86400.5)
    jump = timedelta(seconds=86400.5)
    before, monotonic = datetime.now(UTC), time.monotonic()
    assert before + jump <= clock.now() <= datetime.now(UTC) + jump
    assert monotonic + 86400.5 <= clock.monotonic() <= time.monotonic() + 86400.5


def test_the_clock_can_be_set_back(hand: Path) -> None:
    turn(hand, -DAY)
    assert clock.now() < datetime.now(UTC)


@pytest.mark.parametrize("text", ["tomorrow", "nan", "inf"])
def test_nonsense_in_the_file_is_named(hand: Path, text: str) -> None:
    hand.write_text(text)
    with pytest.raises(ValueError, match=rf"CHATKIT_CLOCK=.*'{text}'.*such as 86400"):
        clock.now()


async def test_a_jump_ends_a_sleep(hand: Path) -> None:
    asleep = asyncio.create_task(clock.sleep(DAY))
    await asyncio.sleep(0)
    turn(hand, DAY - 60)
    done, _ = await asyncio.wait([asleep], timeout=0.1)
    assert not done  # a minute is left
    turn(hand, DAY)
    await asyncio.wait_for(asleep, timeout=30)


async def test_a_short_sleep_ends_by_itself(hand: Path) -> None:
    begin = clock.monotonic()
    await clock.sleep(0.05)
    assert clock.monotonic() - begin >= 0.05


@pytest.mark.parametrize("seconds", [0, -1])
async def test_even_no_sleep_lets_others_run(hand: Path, seconds: float) -> None:
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await clock.sleep(seconds)
    assert ran.is_set()


async def test_without_the_variable_nothing_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(clock.VARIABLE, raising=False)
    slept: list[float] = []

    async def record(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", record)
    await clock.sleep(DAY)
    assert slept == [DAY]


def test_texts_sort_as_times_do() -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    in_tokyo = (noon - timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=9)))
    assert clock.utc_text(noon) == "2026-01-31T12:00:00.000000Z"
    assert clock.utc_text(in_tokyo) < clock.utc_text(noon)
    assert datetime.fromisoformat(clock.utc_text(noon)) == noon


def test_a_naive_time_is_local_time() -> None:
    naive = datetime(2026, 1, 31, 12)
    assert datetime.fromisoformat(clock.utc_text(naive)) == naive.astimezone()
