"""The page of `lic learn theory`: statements with typeset equations beside the code that computes them, and figures."""

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from lic.tools.course.chapters import Chapter
from lic.tools.course.docstring import statement
from lic.tools.course.listing import Shown, listing, place_of, source_of, without_docstring
from lic.tools.course.prebuilt_figures import Illustration
from lic.tools.pages import page

STYLE = Path(__file__).parent / "theory.css"


def theory_page(course: Sequence[Chapter], figures: Mapping[str, Illustration]) -> str:
    """The whole page; figures of the chapters that `figures` has not yet are announced."""
    link = linker([shown for chapter in course for shown in chapter.code])
    contents = "".join(f'<li><a href="#{anchor(c.title)}">{html.escape(c.title)}</a></li>' for c in course)
    chapters = "\n".join(_chapter(number, chapter, figures, link) for number, chapter in enumerate(course, 1))
    body = f"""<header>
<h1>From EM to the codec</h1>
<p>The mathematics of <code>lic</code> in the order of a course: statements, and beside or below them figures,
derivations and the code. Statements and code are those of the sources; names in the code lead to where they are
explained on this page.</p>
<nav aria-label="chapters"><ol>{contents}</ol></nav>
</header>
<main>
{chapters}
</main>"""
    return page.page("lic: from EM to the codec", body, style=STYLE.read_text(encoding="utf-8"))


def anchor(title: str) -> str:
    """The anchor of a chapter.

    >>> anchor("Rate and distortion")
    'rate-and-distortion'
    """
    return "-".join(title.lower().split())


def linker(shown: Sequence[Shown]) -> Callable[[str], str]:
    """Makes HTML of names in code: a link, if the page shows the function or class of that name."""
    targets = {one.__name__: _id_of(one) for one in shown if "." not in one.__qualname__}

    def link(name: str) -> str:
        text = html.escape(name, quote=False)
        return f'<a href="#{targets[name]}">{text}</a>' if name in targets else text

    return link


def _id_of(shown: Shown) -> str:
    return f"{shown.__module__.rpartition('.')[2]}.{shown.__qualname__}"


def _chapter(number: int, chapter: Chapter, figures: Mapping[str, Illustration], link: Callable[[str], str]) -> str:
    statements = "\n".join(_doc(stated, link) for stated in chapter.statements)
    derivation = statement(chapter.derivation.strip(), lambda name: f"<code>{link(name)}</code>")
    drawn = "\n".join(_figure(name, figures.get(name)) for name in chapter.figures)
    rows = "\n".join(_row(shown, link) for shown in chapter.code)
    return f"""<section id="{anchor(chapter.title)}">
<h2>{number}. {html.escape(chapter.title)}</h2>
<p class="introduction">{html.escape(chapter.introduction)}</p>
<div class="pair"><div class="statement">
{statements}
</div><div class="shown">
{drawn}
<div class="derivation statement">
<h3>Derivation</h3>
{derivation}
</div>
</div></div>
{rows}
</section>"""


def _figure(name: str, figure: Illustration | None) -> str:
    if figure is None:
        return f"<figure><figcaption>The figure “{html.escape(name)}” is not drawn yet.</figcaption></figure>"
    kind = "" if figure.dark else ' class="chart"'
    shown = f'<img{kind} alt="{html.escape(name)}" src="{page.data_uri(figure.picture, "image/webp")}">'
    if figure.dark:
        source = page.data_uri(figure.dark, "image/webp")
        shown = f'<picture><source media="(prefers-color-scheme: dark)" srcset="{source}">{shown}</picture>'
    return f"<figure>{shown}<figcaption>{html.escape(figure.caption)}</figcaption></figure>"


def _row(shown: Shown, link: Callable[[str], str]) -> str:
    """A function or class: its docstring, and its code."""
    name = html.escape(shown.__qualname__)
    return f"""<div class="pair" id="{_id_of(shown)}"><div class="statement">
<h3><code>{name}</code></h3>
{_doc(shown, link)}
</div><div class="shown">
<p class="place">{html.escape(place_of(shown))}</p>
{listing(without_docstring(source_of(shown)[0]), link)}
</div></div>"""


def _doc(shown: Shown | ModuleType, link: Callable[[str], str]) -> str:
    """The docstring of a module, class or function; its indented lines are equations."""
    margin = 0 if isinstance(shown, ModuleType) else 4 * len(shown.__qualname__.split("."))
    assert shown.__doc__
    first, *rest = shown.__doc__.strip().splitlines()
    lines = [first, *(line[margin:] for line in rest)]
    return statement("\n".join(lines), lambda name: f"<code>{link(name)}</code>")
