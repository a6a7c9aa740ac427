"""One page of HTML that needs nothing else: its frame, its tables, its numbers, its charts.

Everything that comes from files goes through `escape.html`; the page asks no other host for anything, and its
own policy forbids it to. It reads on a phone, in dark mode and on paper.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from transferlaws.escape import html
from transferlaws.figures.canvas import Drawing
from transferlaws.laws import Interval

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --page: #fff; --card: #f5f7f9;
  --line: #d0d7de; --yes: #1a7f37; --no: #b3261e; --open: #7a5b00; --link: #0757a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb8; --page: #14181c;
  --card: #1e242a; --line: #3a434c; --yes: #6fd08c; --no: #ff9a92; --open: #e5c15a; --link: #7fb8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 52rem; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
h3 { font-size: 1.05rem; margin-bottom: .3rem; }
.soft, figcaption, caption { color: var(--soft); font-size: .92rem; }
.verdict { background: var(--card); border-left: .4rem solid var(--open); border-radius: .3rem;
  padding: .7rem 1rem; margin: 1rem 0; }
.verdict.yes { border-color: var(--yes); } .verdict.no { border-color: var(--no); }
.verdict h3 { margin: 0; } .verdict p { margin: .4rem 0 0; }
.wide { overflow-x: auto; margin: .8rem 0; }
.wide:focus { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: .92rem; width: 100%; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .3rem .55rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th { font-weight: 600; } th:first-child, td:first-child, .words td, .words th { text-align: left; }
.one { white-space: nowrap; }
figure { margin: 1rem 0; } figure svg { display: block; width: 100%; height: auto; background: #fff;
  border-radius: .3rem; }
ul { padding-left: 1.2rem; } li.warning { color: var(--no); }
code { background: var(--card); padding: .1rem .3rem; border-radius: .2rem; }
a { color: var(--link); }
@media (max-width: 34rem) { body { padding: .8rem; } th, td { padding: .3rem .4rem; } }
@media print { body { max-width: none; } figure, tr, .verdict { break-inside: avoid; }
  .wide { overflow: visible; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Markup(str):
    """HTML that is ready; any other string is text, and escaped where it is put on a page."""

    __slots__ = ()


def put(part: object) -> str:
    """A part of a page: markup as it is, everything else escaped."""
    return part if isinstance(part, Markup) else html(part)


def tag(name: str, *parts: object, **attributes: object) -> Markup:
    """An element; a trailing underscore of an attribute's name is dropped (`class_`)."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{html(v)}"' for key, v in attributes.items() if v)
    return Markup(f"<{name}{said}>{''.join(map(put, parts))}</{name}>")


def joined(*parts: object) -> Markup:
    """Parts one after the other."""
    return Markup("\n".join(put(part) for part in parts if part))


def page(title: str, *parts: object) -> str:
    """The whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{joined(*parts)}\n</main>\n</body>\n</html>\n"
    )


def table(
    caption: str, columns: Sequence[object], rows: Iterable[Sequence[object]], *, words: bool = False
) -> Markup:
    """A table that scrolls sideways on a phone; `words` sets its cells to the left."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = (tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    made = tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=words and "words"
    )
    return tag("div", made, class_="wide", tabindex="0", role="region", aria_label=caption)


def chart(drawing: Drawing, name: str, caption: str) -> Markup:
    """A chart as inline SVG; `name` keeps its ids apart from those of other charts on the page."""
    svg = drawing.svg().decode()
    svg = re.sub(r"(?s)<metadata>.*?</metadata>", "", svg[svg.index("<svg") :])
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(
        r'<svg ([^>]*?)width="[^"]*"',
        lambda found: f'<svg role="img" aria-label="{html(caption)}" {found[1]}',
        svg,
        count=1,
    )
    svg = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", svg, count=1)
    return tag("figure", Markup(svg), tag("figcaption", caption))


def number(value: float | None, digits: int = 2) -> Markup:
    """A number: plain between 0.001 and a million, else with a power of ten; a dash where it is not known."""
    if value is None or np.isnan(value):
        return Markup("–")
    if not np.isfinite(value):
        return Markup("unbounded")
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        places = max(0, digits - 1 - int(np.floor(np.log10(abs(value) or 1))))
        return Markup(f"{value:,.{places}f}".replace("-", "\u2212"))
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return Markup(f"{mantissa} × 10<sup>{int(exponent)}</sup>".replace("-", "\u2212"))


def interval(found: Interval, digits: int = 2) -> Markup:
    """A value with its interval; an end that the data leave open is called open."""
    ends = ["open" if end is None else number(end, digits) for end in (found.low, found.high)]
    return Markup(f'<span class="one">{number(found.value, digits)} [{ends[0]}, {ends[1]}]</span>')
