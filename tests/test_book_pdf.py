"""The book as one PDF: what becomes of the website's pages, and what is said if they cannot be printed."""

import re
import stat
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from transferlaws import pdf
from transferlaws.errors import TransferLawsError

HEAD = """<html><head><link href="../_static/theme.css?digest=1" rel="stylesheet">
<script src="../_static/search.js"></script>
<script>load({ src: "../_static/charts-1.js" })</script></head>
<body><nav><img src="../_static/logo.svg"></nav>"""
FIRST = """<article><section id="start"><h1>First<a class="headerlink" href="#start">#</a></h1>
<p>See <a href="02-second.html#end">there</a>, <a href="02-second.html">all of it</a>,
<a href="../_modules/x.html">the source</a> and <a href="https://example.org/#end">outside</a>.</p>
<details><pre>setup()</pre></details><pre>shown()</pre><img src="../_images/one.svg" alt="One">
<div class="exercise" id="ex"><p>Why?</p></div>
<div class="solution" id="sol"><p>Because of <a href="#ex">that</a>.</p></div></section></article>"""
SECOND = """<article><section id="start"><h1>Second &lt;/style&gt;</h1><h2 id="end">End</h2>
<div class="chart" data-spec="{}" aria-label="Two"></div></section></article>"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built website of two pages, the second in a part."""
    (tmp_path / "_config.yml").write_text("title: A & B\nauthor: C\n")
    (tmp_path / "_toc.yml").write_text(
        "root: book/01-first\nparts:\n- caption: Late\n  chapters:\n  - file: book/02-second\n"
    )
    for name, body in (("01-first", FIRST), ("02-second", SECOND)):
        for path, text in (
            (tmp_path / "book" / f"{name}.md", "# A page"),
            (tmp_path / "_build" / "html" / "book" / f"{name}.html", f"{HEAD}{body}</body></html>"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return tmp_path


def chromium(folder: Path, monkeypatch: pytest.MonkeyPatch, *, pictures: int, undrawn: int = 0) -> None:
    """Put a program in Chromium's place that prints so many pictures and says how much was not drawn."""
    program = folder / "chromium"
    printed = "/S /Figure\n/Alt (x)\n" * pictures
    program.write_text(
        '#!/bin/sh\nfor each; do case "$each" in --print-to-pdf=*) '
        f"printf '%s' '%PDF {printed}' > \"${{each#*=}}\";; esac; done\n"
        f'echo "INFO:CONSOLE of the book, undrawn: {undrawn}" >&2\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CHROMIUM", str(program))


def test_pages_become_one_document_whose_links_lead_within_it(site: Path) -> None:
    whole = pdf.assemble(site)
    document = BeautifulSoup(whole, "html.parser")
    links = {link.get_text(): str(link["href"]) for link in document.select("a[href]")}
    anchors = [tag["id"] for tag in document.select("[id]")]
    assert len(anchors) == len(set(anchors))
    assert {href[1:] for href in links.values() if href.startswith("#")} <= set(anchors)
    assert [tag.get_text() for tag in document.select(links["there"])] == ["End"]
    assert links["outside"] == "https://example.org/#end"
    assert "the source" not in links
    assert "shown()" in whole
    assert "setup()" not in whole
    assert [image["src"] for image in document.select("img")] == ["html/_images/one.svg"]
    scripts = [script["src"] for script in document.select("script[src]")]
    assert scripts == ["html/_static/charts-1.js"]
    titles = [entry.get_text() for entry in document.select(".contents li")]
    assert titles == ["First", "Late", "Second </style>", "Solutions"]
    assert [tag.get_text() for tag in document.select("title, .name")] == ["A & B", "A & B"]
    assert len(document.select("style")) == 1
    assert [tag.get_text() for tag in document.select(".solution")] == ["Because of that."]
    assert document.select(f"#solutions {links['Solution']}") == document.select(".solution")


def test_a_pdf_is_whole_or_not_there(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = site / "_build" / "transfer-laws.pdf"
    for pictures, undrawn, reason in (
        (1, 0, r"has 1 of the website's 2 figures"),
        (2, 3, r"^3 charts or pictures were not drawn"),
    ):
        chromium(site, monkeypatch, pictures=pictures, undrawn=undrawn)
        with pytest.raises(TransferLawsError, match=reason):
            pdf.write(site)
        assert list(target.parent.glob("*transfer-laws*")) == []
    chromium(site, monkeypatch, pictures=2)
    assert pdf.write(site) == target
    assert target.read_bytes().startswith(b"%PDF")


def test_what_is_missing_is_said_in_a_line(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chromium(site, monkeypatch, pictures=2)
    (site / "_build" / "html" / "book" / "02-second.html").unlink()
    with pytest.raises(TransferLawsError, match=r"no page book/02-second: build it first, make book$"):
        pdf.write(site)
    (site / "chromium").write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    (site / "_build" / "html" / "book" / "02-second.html").write_text(f"{HEAD}{SECOND}")
    with pytest.raises(TransferLawsError, match=r"printed nothing \(exit 3\)\nno display$"):
        pdf.write(site)
    for given, reason in ((str(site / "nowhere"), "which is no program"), ("", "none is installed")):
        monkeypatch.setenv("CHROMIUM", given)
        monkeypatch.setenv("PATH", str(site))
        (site / "chromium").unlink(missing_ok=True)
        with pytest.raises(TransferLawsError, match=f"{re.escape(reason)}: install it .*path$"):
            pdf.write(site)
