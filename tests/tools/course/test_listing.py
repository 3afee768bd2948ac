"""Listings and docstrings keep every character of the source."""

import html
import re

import pytest

from lic.models.density import PiecewiseLinearDensity
from lic.models.theory import em
from lic.tools.course.docstring import statement
from lic.tools.course.listing import listing, place_of, source_of, without_docstring


def link(name: str) -> str:
    return f"<a>{html.escape(name)}</a>"


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


@pytest.mark.parametrize("shown", [em.fit, em.Mixture, PiecewiseLinearDensity.fit], ids=lambda s: s.__qualname__)
def test_a_listing_is_the_source_without_its_docstring(shown: type) -> None:
    source, _ = source_of(shown)
    code = without_docstring(source)
    assert text_of(listing(code, link)) == code
    assert code.splitlines()[0] in source
    first_line = (shown.__doc__ or "").splitlines()[0]
    assert first_line in source and first_line not in code


def test_the_place_of_a_decorated_function_is_its_own() -> None:
    place = place_of(PiecewiseLinearDensity.fit)  # torch.no_grad wraps it
    assert re.fullmatch(r"models/density\.py, line \d+", place)


def test_only_what_is_called_is_linked() -> None:
    shown = listing("def f(g):\n    return g(f.g(f)) + g\n", link)
    assert shown.count("<a>g</a>") == 1
    assert "<a>f</a>" not in shown


def test_a_docstring_is_divided_into_its_parts() -> None:
    doc = "Means of `x < y`.\n\n    m = E x\n\n- *one* thing,\n  and more\n- 2 * 3 * 4\n\n>>> 1 < 2\nTrue\n\nThe end."
    shown = statement(doc, lambda name: f"<code>{html.escape(name)}</code>")
    assert re.findall(r"<(p|div|ul|pre)\b", shown) == ["p", "div", "ul", "pre", "p"]
    assert "<code>x &lt; y</code>" in shown and "<li><em>one</em> thing, and more</li><li>2 * 3 * 4</li>" in shown
    assert "&gt;&gt;&gt; 1 &lt; 2\nTrue" in shown
