"""The book as one PDF: the pages of the website one after another, printed by Chromium.

Nothing is executed or set again: text, figures, formulas and numbers are those of the built site. Links
between pages lead within the PDF, solutions stand in an appendix, set-up is left out.
"""

import datetime
import json
import os
import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from transferlaws import __version__
from transferlaws.book import pages
from transferlaws.errors import TransferLawsError
from transferlaws.files import locked, replace_atomic, write_atomic
from transferlaws.places import project_root

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MOST_SECONDS = 900
RULE = (
    "These are the pages of the website, in its order. Cells that the site folds away, and those that set "
    "parameters, are left out; every other cell stands with what it printed. Charts stand as they open. "
    "The table of all runs is in the results. Solutions to the exercises are the last appendix."
)
STYLE = "printed.css"
READY = """
addEventListener("load", async () => {
  const undrawn = () => document.querySelectorAll("div.chart:not(.drawn)").length;
  for (let tries = 0; undrawn() && tries < 300; tries++) await new Promise((done) => setTimeout(done, 100));
  for (const drawn of document.querySelectorAll("div.chart svg")) {  // one picture, not one for each point
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", drawn.closest("div.chart").getAttribute("aria-label"));
  }
  const pictures = [...document.images].filter((image) => !image.naturalWidth).length;
  console.log(`of the book, undrawn: ${undrawn() + pictures}`);
});
"""


@dataclass(frozen=True)
class _Sheet:
    """A page of the book as it is printed: its anchor, title and HTML, and the part that it opens, if any."""

    name: str
    title: str
    text: str
    part: str | None


def write(root: Path | None = None) -> Path:
    """Print the website built in `root`; the path of the PDF, `_build/transfer-laws.pdf`.

    Raises TransferLawsError without a website or Chromium, if something was not drawn, or while another
    process builds.
    """
    root = (root or project_root()).resolve()
    program = browser()
    document, target = root / "_build" / "book.html", root / "_build" / "transfer-laws.pdf"
    with locked(root / "_build" / ".lock") as alone:
        if not alone:
            raise TransferLawsError(f"another build is at work in {root}; try again when it is done")
        whole = assemble(root)
        write_atomic(document, whole)
        with replace_atomic(target) as temporary:
            _print(program, document, temporary)
            wanted = len(re.findall(r"<img |<div [^>]*data-spec=", whole))
            found = figures(temporary.read_bytes())
            if found < wanted:
                raise TransferLawsError(f"the PDF has {found} of the website's {wanted} figures; try again")
    return target


def browser() -> str:
    """The path of Chromium or Chrome: `$CHROMIUM`, else what is installed.

    Raises TransferLawsError if there is none.
    """
    given = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [given] if given else BROWSERS)), None)
    if found is None:
        what = f"CHROMIUM names {given}, which is no program" if given else "none is installed"
        how = "install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        raise TransferLawsError(f"the PDF is printed by Chromium, and {what}: {how}")
    return found


def assemble(root: Path) -> str:
    """The HTML of all pages of the site built in `root` as one document, which lies beside the site's folder.

    Raises TransferLawsError if a page is missing.
    """
    import yaml
    from bs4 import BeautifulSoup

    site, book = root / "_build" / "html", pages(root)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    names = {page.name: f"p{number}" for number, page in enumerate(book)}
    head: list[str] = []
    sheets, solved, part = [], [], None
    for page in book:
        path = site / f"{page.name}.html"
        soup = BeautifulSoup(path.read_bytes() if path.is_file() else b"", "html.parser")
        article = soup.select_one("article")
        heading = article and article.select_one("h1")
        if article is None or heading is None:
            raise TransferLawsError(f"the website has no page {page.name}: build it first, make book")
        head += [line for line in _head(soup, site, page.name) if line not in head]
        _prepare(article, page.name, names, site)
        title = heading.get_text()
        solutions = _solutions(article, soup)
        solved += [f"<h3>{escape(title)}</h3>", *solutions] if solutions else []
        opens = page.part if page.part != part else None
        part = page.part
        sheets.append(_Sheet(names[page.name], title, article.decode_contents(), opens))
    sheets.append(_Sheet("solutions", "Solutions", f"<h2>Solutions</h2>{''.join(solved)}", None))
    return _document(str(config["title"]), str(config["author"]), head, sheets)


def figures(pdf: bytes) -> int:
    """How many pictures with a description a PDF of Chromium's holds."""
    return len(re.findall(rb"/S /Figure\s*/Alt ", pdf))


def _print(program: str, document: Path, target: Path) -> None:
    """Let Chromium draw a document and print it.

    Raises TransferLawsError if it does not finish, or says that something was not drawn.
    """
    options = ["--headless", "--disable-gpu", "--disable-background-networking", "--enable-logging=stderr"]
    options += ["--no-pdf-header-footer", "--generate-pdf-document-outline"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to start as root with it
    with tempfile.TemporaryDirectory(prefix="transferlaws-pdf-") as profile:
        options += [f"--user-data-dir={profile}", "--virtual-time-budget=120000", f"--print-to-pdf={target}"]
        try:
            result = subprocess.run(
                [program, *options, document.as_uri()],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TransferLawsError(f"Chromium had not finished after {MOST_SECONDS} seconds") from None
    said = re.search(r"of the book, undrawn: (\d+)", result.stderr)
    if result.returncode or not target.is_file() or said is None:
        last = [line for line in result.stderr.splitlines() if line.strip()][-1:]
        raise TransferLawsError("\n".join([f"Chromium printed nothing (exit {result.returncode})", *last]))
    if said[1] != "0":
        raise TransferLawsError(f"{said[1]} charts or pictures were not drawn; try again")


def _head(soup: "BeautifulSoup", site: Path, name: str) -> list[str]:
    """The styles that a page loads, and the scripts that draw its charts."""
    late = set(re.findall(r'"([^"]*/charts-[^"]+\.js)"', str(soup.head)))  # which the site loads when near
    found = [f'<script defer src="{_beside(path, site, name)}"></script>' for path in sorted(late)]
    for tag in soup.select("head link[rel=stylesheet]"):
        tag["href"] = _beside(str(tag["href"]), site, name)
        found.append(str(tag))
    return found


def _prepare(article: "Tag", name: str, names: dict[str, str], site: Path) -> None:
    """Make a page's text part of the whole: anchors of its own, links within, headings one lower."""
    unprinted = "script, .headerlink, .viewcode-link, .toctree-wrapper, .tag_injected-parameters, details"
    for tag in article.select(unprinted):
        tag.decompose()
    own = names[name]
    for tag in article.select("[id]"):
        tag["id"] = f"{own}-{tag['id']}"
    for image in article.select("img[src]"):
        image["src"] = _beside(str(image["src"]), site, name)
    for link in article.select("a[href]"):
        href = str(link["href"])
        if re.match(r"[a-z]+:", href):
            continue
        path, _, anchor = href.partition("#")
        page = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)).removesuffix(".html")
        to = names.get(page if path else name)
        if to is None:
            link.unwrap()
        else:
            link["href"] = f"#{to}-{anchor}" if anchor else f"#{to}"
    for heading in article.select("h1, h2, h3, h4, h5"):
        heading.name = f"h{int(heading.name[1]) + 1}"


def _solutions(article: "Tag", soup: "BeautifulSoup") -> list[str]:
    """Take the solutions out of a page, leaving a link under each exercise; their HTML."""
    found = []
    for solution in article.select(".solution"):
        exercise = solution.find_previous_sibling(class_="exercise")
        if exercise is not None:
            link = soup.new_tag("a", href=f"#{solution['id']}", attrs={"class": "to-solution"})
            link.string = "Solution"
            exercise.append(link)
        found.append(str(solution.extract()))
    return found


def _document(title: str, author: str, head: Sequence[str], sheets: Sequence[_Sheet]) -> str:
    """The whole document: title, contents, the sheets, and the styles and scripts that draw them."""
    entries, rules, texts = [], [], []
    for sheet in sheets:
        opening = ""
        if sheet.part is not None:
            entries.append(f'<li class="part">{escape(sheet.part)}</li>')
            opening = f'<h1 class="part">{escape(sheet.part)}</h1>'
        entries.append(f'<li><a href="#{sheet.name}">{escape(sheet.title)}</a></li>')
        quoted = json.dumps(sheet.title, ensure_ascii=False).replace("<", r"\3C ")
        rules.append(f"@page {sheet.name} {{ @top-right {{ content: {quoted}; }} }}")
        named = f'<section class="sheet" id="{sheet.name}" style="page: {sheet.name}">'
        texts.append(f"{named}{opening}{sheet.text}</section>")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<script>{READY}</script>",
            *head,
            f'<link rel="stylesheet" href="html/_static/{STYLE}"><style>{"".join(rules)}</style>',
            '</head><body class="printed"><article class="bd-article bd-content">',
            f'<section class="title"><p class="name">{escape(title)}</p><p>{escape(author)}</p>',
            f"<p>Version {escape(__version__)}, {today.day} {today:%B %Y}</p>",
            f'<p class="rule">{RULE}</p></section>',
            f'<section class="contents"><h2>Contents</h2><ul>{"".join(entries)}</ul></section>',
            *texts,
            "</article></body></html>\n",
        ]
    )


def _beside(reference: str, site: Path, name: str) -> str:
    """A file that a page names, as seen from beside the site's folder."""
    path = reference.partition("?")[0]
    return posixpath.normpath(posixpath.join(site.name, posixpath.dirname(name), path))
