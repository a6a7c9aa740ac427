"""The paper every figure is drawn on: size, style, colours, logarithmic ticks, and an SVG equal to the byte.

Colours are Okabe and Ito's (2008), which colour-blind readers can tell apart; data sizes run through
viridis. A `Drawing` shows itself in a notebook as SVG without a clock or a random name in it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

P = ParamSpec("P")
UNDATED: dict[str, Any] = {"Date": None, "Creator": None}
STYLE = Path(__file__).with_name("transferlaws.mplstyle")

ARM_COLOURS = {
    "scratch": "#555555",
    "text": "#0072b2",
    "mix": "#d55e00",
    "prose": "#cc79a7",
    "python": "#009e73",
    "shuffled": "#e69f00",
    "text+python": "#56b4e9",
}
ARM_NAMES = {
    "scratch": "from scratch",
    "text": "pre-trained on text",
    "mix": "pre-trained on text and code",
    "prose": "pre-trained on prose",
    "python": "pre-trained on Python",
    "shuffled": "pre-trained on shuffled text",
    "text+python": "pre-trained on text and a drop of Python",
}


class Drawing(Figure):
    """A matplotlib Figure that shows itself as SVG and needs no pyplot."""

    def svg(self, background: str = "none") -> bytes:
        """The figure as SVG, the same bytes every time; on nothing, or on a `background` colour."""
        buffer = BytesIO()
        with style():
            self.draw_without_rendering()
            self.set_layout_engine("none")  # laid out once: another round would move things by a hair
            self.savefig(buffer, format="svg", facecolor=background, transparent=False, metadata=UNDATED)
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg().decode(), "text/plain": repr(self)}


@contextmanager
def style() -> Iterator[None]:
    """The packaged style, for as long as something is drawn."""
    with mpl.rc_context(fname=STYLE):
        yield


def drawn(figure: Callable[P, Drawing]) -> Callable[P, Drawing]:
    """Make a function draw in the packaged style from its first line to its last."""

    @wraps(figure)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Drawing:
        with style():
            return figure(*args, **kwargs)

    return in_style


def canvas(
    columns: int = 1, rows: int = 1, *, width: float | None = None, height: float | None = None, **shared: Any
) -> tuple[Drawing, np.ndarray]:
    """A Drawing and its axes (rows, columns); sizes in inches, `sharex` and `sharey` as in matplotlib."""
    width = width or {1: 6.4, 2: 8.0}.get(columns, 3.2 * columns)
    figure = Drawing(figsize=(width, height or 3.8 * rows))
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panels(count: int, height: float) -> tuple[Drawing, list[Axes]]:
    """A Drawing with `count` panels that share their y-axis: a row of up to three, else two columns.

    `height` is a row's, in inches.
    """
    columns = count if count <= 3 else 2
    rows = -(-count // columns)
    figure, axes = canvas(columns, rows, height=height * rows, sharey=True)
    for spare in axes.flat[count:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:count])


def outside_legend(figure: Drawing, title: str = "") -> None:
    """One legend for all panels, beside them, where it covers none."""
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), title=title, loc="outside right upper")


def colour(arm: str) -> str:
    """The colour of an arm; grey-brown for arms nobody named."""
    return ARM_COLOURS.get(arm, "#8c6d31")


def name(arm: str) -> str:
    """What the legend calls an arm."""
    return ARM_NAMES.get(arm, f"pre-trained on {arm}")


def shades(values: Iterable[float]) -> dict[float, Any]:
    """A colour for each of some ordered values, dark to light and never too light to see."""
    ordered = sorted(set(values))
    steps = np.linspace(0.1, 0.75, max(len(ordered), 2))
    return {value: mpl.colormaps["viridis"](step) for value, step in zip(ordered, steps, strict=False)}


def power_of_ten(value: float, _position: int | None = None) -> str:
    """A logarithmic tick: 10^k, and 3 x 10^k for ticks between."""
    if value <= 0:
        return ""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    lead = value / 10.0**exponent
    if abs(lead - 1) < 1e-6:
        return rf"$10^{{{exponent}}}$"
    return rf"${lead:.0f}\times10^{{{exponent}}}$"


def number(value: float) -> str:
    """A count for a legend, as mathematics: 3.1 x 10^3."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    lead = f"{value / 10.0**exponent:.1f}".removesuffix(".0")
    return rf"$10^{{{exponent}}}$" if lead == "1" else rf"${lead}\times10^{{{exponent}}}$"


def log_axis(axes: Axes, which: str) -> None:
    """Make one axis ("x" or "y") logarithmic, with ticks written as powers of ten."""
    getattr(axes, f"set_{which}scale")("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    decades = np.log10(high / low) if low > 0 else 3
    few = decades < 1.6
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_minor_formatter(NullFormatter())


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
