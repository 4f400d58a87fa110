"""A plot of a few curves as an SVG that reads in light and dark, both axes by powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 96, 44, 40
_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #3b4351; }
    .title { font-weight: 600; }
    .grid { stroke: #d9dde3; }
    .linear { stroke: #8a93a1; stroke-dasharray: 3 5; fill: none; }
    .curve { fill: none; stroke-width: 2.5; }
    .c0 { stroke: #1f5fbf; } .c1 { stroke: #b3561b; } .c2 { stroke: #2f7d4f; }
    .c3 { stroke: #7a3fa8; } .c4 { stroke: #b0264f; }
    .dot { stroke-width: 6; stroke-linecap: round; }
    .back { fill: #ffffff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #c6ccd6; }
      .grid { stroke: #333a45; }
      .linear { stroke: #7a8391; }
      .c0 { stroke: #7fb0ff; } .c1 { stroke: #f0a066; } .c2 { stroke: #73cf98; }
      .c3 { stroke: #c79af0; } .c4 { stroke: #ff8fae; }
      .back { fill: #14181d; }
    }
"""


@dataclass(frozen=True, slots=True)
class Curve:
    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, curves: Sequence[Curve]) -> str:
    """Each curve has its name at its end, and a dotted line beside it that shows what linear growth would be."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    low_x, high_x = math.log10(min(xs)), math.log10(max(xs))
    low_y, high_y = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / (high_x - low_x)
        up = (math.log10(y) - low_y) / (high_y - low_y)
        return (
            round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    parts = [f'<rect class="back" width="{_WIDTH}" height="{_HEIGHT}"/>']
    parts.append(f'<text class="title" x="{_LEFT}" y="24">{escape(title)}</text>')
    for power in range(low_y, high_y + 1):
        _, y = place(min(xs), 10**power)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{10**power:,g}</text>')
    for x in sorted(set(xs)):
        across, _ = place(x, 10**low_y)
        parts.append(f'<path class="grid" d="M{across} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{across}" y="{_HEIGHT - 14}" text-anchor="middle">{x:,g}</text>')
    labels = _spread([place(*curve.points[-1])[1] for curve in curves])
    for number, curve in enumerate(curves):
        points = [place(*point) for point in curve.points]
        (x, y), far = curve.points[0], curve.points[-1][0]
        if (linear := y * far / x) <= 10**high_y:
            parts.append(f'<path class="linear" d="{_line([points[0], place(far, linear)])}"/>')
        parts.append(f'<path class="curve c{number}" d="{_line(points)}"/>')
        parts += [f'<path class="dot c{number}" d="M{x} {y}h0"/>' for x, y in points]
        end = points[-1][0]
        parts.append(f'<text x="{end + 12}" y="{labels[number] + 4}">{escape(curve.name)}</text>')
    told = "; ".join(f"{c.name}: " + ", ".join(f"{x:,g} {y:,.1f}" for x, y in c.points) for c in curves)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(told)}</desc>",
            f"<style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _spread(heights: Sequence[float]) -> list[float]:
    """The same heights, moved down where two would be closer than a line of text."""
    moved = list(heights)
    last = -math.inf
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        last = moved[index] = max(heights[index], last + 16)
    return moved
