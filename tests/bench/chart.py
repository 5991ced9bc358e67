"""The chart of a run: how far each figure lies on the right side of its bar, or on the wrong one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tests.bench.figure import Figure, number

WIDTH, LABELS, VALUES = 860, 380, 150  # pixels: all, names to the left, numbers to the right
ROW, HEAD, FOOT = 34, 58, 30
TICKS = (0.5, 1, 2, 4)  # times better than the bar

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.faint { fill: #59636e; font-size: 12px; }
.grid { stroke: #d1d9e0; } .bar { stroke: #1f2328; stroke-width: 2; }
.met { fill: #1a7f37; } .missed { fill: #cf222e; } .spread { stroke: #59636e; stroke-width: 2; }
.paper { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .faint { fill: #9198a1; } .paper { fill: #0d1117; }
  .grid { stroke: #3d444d; } .bar { stroke: #f0f6fc; } .spread { stroke: #9198a1; }
  .met { fill: #3fb950; } .missed { fill: #f85149; }
}
"""


def draw(figures: Sequence[Figure]) -> str:
    """Return the chart as SVG: a row for each figure that was measured and has a bar."""
    rows = [one for one in figures if one.measured and one.bar is not None]
    height = HEAD + ROW * len(rows) + FOOT
    bottom = height - FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Each figure of make bench, measured against its bar</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        _text(16, 26, "Each figure against its bar", "title"),
        _text(16, 44, "Green lies beyond the bar. The thin line is the spread of rounds.", "faint"),
    ]
    for tick in TICKS:
        x, kind = _x(tick), "bar" if tick == 1 else "grid"
        parts += [
            f'<line class="{kind}" x1="{x}" x2="{x}" y1="{HEAD}" y2="{bottom}"/>',
            _text(x, bottom + 18, "the bar" if tick == 1 else f"{tick:g}×", "faint", "middle"),
        ]
    for row, one in enumerate(rows):
        parts += _row(one, HEAD + ROW * row)
    return "\n".join([*parts, "</svg>", ""])


def _row(one: Figure, top: int) -> list[str]:
    start, end = sorted((_x(1), _x(_better(one, one.ratio))))
    low, high = sorted(_x(_better(one, ratio)) for ratio in (min(one.ratios), max(one.ratios)))
    middle = top + ROW // 2
    bar = f"at {'most' if one.at_most is not None else 'least'} {one.bar:g}"
    return [
        _text(16, middle + 5, one.name),
        f'<rect class="{"met" if one.met else "missed"}" x="{start}" y="{middle - 8}" '
        f'width="{max(1, end - start)}" height="16"/>',
        f'<line class="spread" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>',
        _text(WIDTH - VALUES + 16, middle + 5, f"{number(one.ratio)} ({bar})"),
    ]


def _better(one: Figure, ratio: float) -> float:
    """How many times better than its bar; below 1 it is missed."""
    bar = one.bar or 1.0
    return bar / ratio if one.at_most is not None else ratio / bar


def _x(times_better: float) -> int:
    """Where that is, on a logarithmic scale that ends with the ticks."""
    low, high = math.log(TICKS[0]), math.log(TICKS[-1])
    share = (min(max(math.log(times_better), low), high) - low) / (high - low)
    return round(LABELS + share * (WIDTH - LABELS - VALUES))


def _text(x: int, y: int, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
