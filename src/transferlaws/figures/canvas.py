"""The paper every figure is drawn on: size, style, colours, logarithmic ticks, and an SVG equal to the byte.

Colours are Okabe and Ito's (2008), which colour-blind readers can tell apart; a source has the same one on
all pages, and data sizes run through viridis. A `Drawing` shows itself in a notebook as SVG without a clock
or a random name in it, and brings along how it looks on a phone: panels one under the other.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from inspect import signature
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec
from zlib import crc32

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.escape import mathtext

P = ParamSpec("P")
UNDATED: dict[str, Any] = {"Date": None, "Creator": None}
STYLE = Path(__file__).with_name("transferlaws.mplstyle")

PALETTE = ("#0072b2", "#d55e00", "#cc79a7", "#009e73", "#e69f00", "#56b4e9", "#8c6d31")
CORPUS_PALETTE = ("#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31")
FROM_SCRATCH = "#555555"


MOST_TICKS = 7
FOR_A_PHONE, PHONE_WIDTH = "transferlaws/narrow+svg", 4.8  # inches
_on_a_phone = ContextVar("_on_a_phone", default=False)


class Drawing(Figure):
    """A matplotlib Figure that shows itself as SVG and needs no pyplot."""

    narrower: "Callable[[], Drawing] | None" = None
    """Draws the same for a phone."""

    def legend(self, *args: Any, **kwargs: Any) -> Any:
        """matplotlib's; on a phone, below the panels."""
        place = str(kwargs.get("loc", ""))
        if _on_a_phone.get() and place.startswith("outside"):
            kwargs["loc"] = f"outside {'upper' if place.endswith('left') else 'lower'} center"
            kwargs["ncols"] = min(kwargs.get("ncols", 2), 2)
        return super().legend(*args, **kwargs)

    def svg(self, background: str = "none") -> bytes:
        """The figure as SVG, the same bytes every time; on nothing, or on a `background` colour."""
        buffer = BytesIO()
        with style():
            self.draw_without_rendering()
            self.set_layout_engine("none")  # laid out once: another round would move things by a hair
            self.savefig(buffer, format="svg", facecolor=background, transparent=False, metadata=UNDATED)
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, str]]:
        data = {"image/svg+xml": self.svg().decode(), "text/plain": repr(self)}
        return data, {} if self.narrower is None else {FOR_A_PHONE: self.narrower().svg().decode()}


@contextmanager
def style() -> Iterator[None]:
    """The packaged style, for as long as something is drawn."""
    with mpl.rc_context(fname=STYLE):
        yield


def drawn(figure: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Make a function draw in the packaged style from its first line to its last, its titles as text."""

    @wraps(figure)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        given = signature(figure).bind(*args, **kwargs)
        given.apply_defaults()
        titles = given.arguments.get("titles")
        if isinstance(titles, Titles) and not isinstance(titles, _AsText):
            given.arguments["titles"] = _AsText(mathtext(titles.target), titles.sources, titles.corpora)

        def draw(narrow: bool = False) -> Drawing:
            before = _on_a_phone.set(narrow)
            try:
                with style():
                    drawing = figure(*given.args, **given.kwargs)
            finally:
                _on_a_phone.reset(before)
            if narrow:
                _label_each(drawing)
            return drawing

        wide = draw()
        wide.narrower = partial(draw, narrow=True)
        return wide

    return in_style


def _label_each(figure: Figure) -> None:
    """Give panels that no longer stand beside the one with their y-axis its label."""
    for panel in figure.axes:
        for other in panel.get_shared_y_axes().get_siblings(panel):
            if not panel.get_ylabel() and other.get_ylabel():
                panel.set_ylabel(other.get_ylabel())


class _AsText(Titles):
    """Titles in a figure, where what stands between dollars would be mathematics."""

    def source(self, arm: str) -> str:
        return mathtext(super().source(arm))

    def corpus(self, name: str) -> str:
        return mathtext(super().corpus(name))


def canvas(
    columns: int = 1,
    rows: int = 1,
    *,
    count: int | None = None,
    width: float | None = None,
    height: float | None = None,
    **shared: Any,
) -> tuple[Drawing, np.ndarray]:
    """A Drawing and its axes (rows, columns); sizes in inches, `sharex` and `sharey` as in matplotlib.

    Of the places for axes the first `count` are taken, or all: those that are not are None. On a phone axes
    stand one under the other.
    """
    count = rows * columns if count is None else count
    width, height = width or {1: 6.4, 2: 8.0}.get(columns, 3.2 * columns), height or 3.8 * rows
    if not _on_a_phone.get():
        figure = Drawing(figsize=(width, height))
        axes = figure.subplots(rows, columns, squeeze=False, **shared)
        for spare in axes.flat[count:]:
            spare.remove()
        for lowest in axes.flat[max(count - columns, 0) : count]:
            lowest.tick_params(labelbottom=True)
    else:
        tall = height / rows * (0.9 if columns > 1 else 1.0)
        figure = Drawing(figsize=(min(width, PHONE_WIDTH), tall * count))
        axes = np.full((rows, columns), None, dtype=object)
        axes.flat[:count] = figure.subplots(count, 1, squeeze=False, **shared).ravel()
    axes.flat[count:] = None
    return figure, axes


def panels(count: int, height: float) -> tuple[Drawing, list[Axes]]:
    """A Drawing with `count` panels sharing their y-axis, in two columns; `height` is a row's, in inches."""
    columns = min(count, 2)
    rows = -(-count // columns)
    figure, axes = canvas(columns, rows, count=count, height=height * rows, sharey=True)
    return figure, list(axes.flat[:count])


def outside_legend(figure: Drawing, title: str = "", ncols: int = 4) -> None:
    """One legend for all panels, under them, where it covers none."""
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        entries.values(), entries.keys(), title=title or None, loc="outside lower center", ncols=ncols
    )


def colour(arm: str, titles: Titles = UNTITLED) -> str:
    """The colour of an arm: that of its source's place in the titles, a stable one without a title."""
    return FROM_SCRATCH if arm == BASELINE else _colour(arm, titles.sources, PALETTE)


def corpus_colour(corpus: str, titles: Titles = UNTITLED) -> str:
    """The colour of a corpus, chosen likewise."""
    return _colour(corpus, titles.corpora, CORPUS_PALETTE)


def _colour(name: str, titled: Collection[str], palette: tuple[str, ...]) -> str:
    if name in titled:
        return palette[list(titled).index(name) % len(palette)]
    free = palette[len(titled) :] or palette
    return free[crc32(name.encode()) % len(free)]


def baseline_first(arms: Iterable[str]) -> list[str]:
    """Each arm once: the baseline, then the others by name."""
    return [BASELINE, *sorted(set(arms) - {BASELINE})]


def shades(values: Iterable[float]) -> dict[float, Any]:
    """A colour for each of some ordered values, dark to light and never too light to see."""
    ordered = sorted(set(values))
    steps = np.linspace(0.05, 0.68, max(len(ordered), 2))
    return {value: mpl.colormaps["viridis"](step) for value, step in zip(ordered, steps, strict=False)}


def power_of_ten(value: float, _position: int | None = None) -> str:
    """A logarithmic tick: 10^k, and 3 x 10^k for ticks between."""
    if value <= 0:
        return ""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    lead = value / 10.0**exponent
    if exponent in (0, 1):
        return f"{value:.3g}"
    if abs(lead - 1) < 1e-6:
        return rf"$10^{{{exponent}}}$"
    return rf"${lead:.0f}\times10^{{{exponent}}}$"


def number(value: float) -> str:
    """A count for a legend, as mathematics: 3.1 x 10^3."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    lead = f"{value / 10.0**exponent:.1f}".removesuffix(".0")
    return rf"$10^{{{exponent}}}$" if lead == "1" else rf"${lead}\times10^{{{exponent}}}$"


class _RoundNumbers(LogLocator):
    """Powers of ten; between them 3, or 2 and 5, or more where an axis has fewer than three ticks."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        low, high = sorted((vmin, vmax))
        if low <= 0:
            return super().tick_values(vmin, vmax)
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        for between in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), range(1, 10)):
            ticks = np.outer(powers, between).ravel()
            inside = int(((ticks >= low) & (ticks <= high)).sum())
            if inside >= (2 if len(between) == 1 else 3):
                break
        return ticks if inside <= MOST_TICKS else ticks[:: -(-inside // MOST_TICKS)]


def log_axes(axes: Axes, which: str = "xy") -> None:
    """Make the axes named in `which` logarithmic, with ticks written as powers of ten."""
    for letter in which:
        getattr(axes, f"set_{letter}scale")("log")
        axis = getattr(axes, f"{letter}axis")
        axis.set_major_locator(_RoundNumbers())
        axis.set_major_formatter(FuncFormatter(power_of_ten))
        axis.set_minor_formatter(NullFormatter())


def cell_grid(axes: Axes, cells: pd.DataFrame, **labels: str) -> Callable[..., tuple[int, int]]:
    """Label a grid of cells, data sizes across and sizes upwards; returns what draws the tile of one cell.

    That takes n_params, d_chars and the look of a `Rectangle`, and returns the tile's column and row.
    """
    sizes, data = sorted(set(cells["n_params"])), sorted(set(cells["d_chars"]))
    axes.grid(False)
    axes.set(xlim=(-0.5, len(data) - 0.5), ylim=(-0.5, len(sizes) - 0.5), **labels)
    axes.set_xticks(range(len(data)), [number(value) for value in data])
    axes.set_yticks(range(len(sizes)), [number(value) for value in sizes])

    def tile(n_params: float, d_chars: float, **look: Any) -> tuple[int, int]:
        x, y = data.index(d_chars), sizes.index(n_params)
        patch = Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, edgecolor="0.25", linewidth=0.6)
        patch.set(**look)
        axes.add_patch(patch)
        return x, y

    return tile


def logit(fraction: Any) -> Any:
    """ln(p / (1 - p)), the scale on which the paper's figure 2 is straight."""
    p = np.asarray(fraction, float)
    return np.log(p) - np.log1p(-p)


def logit_ticks(axes: Axes, low: float, high: float) -> None:
    """Ticks of a logit y-axis whose data are already logits between `low` and `high`."""
    wanted = np.array([0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 0.9999])
    at = logit(wanted)
    kept = (at >= low) & (at <= high)
    axes.set_yticks(at[kept], [f"{value:g}" for value in wanted[kept]])
    axes.set_ylim(low, high)


def empty_note(axes: Axes, sentence: str) -> None:
    """Say in a panel why it is empty, instead of leaving a reader to guess."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", wrap=True, transform=axes.transAxes)
