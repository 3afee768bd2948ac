"""Equations of docstrings become MathML with the structure that they mean."""

import ast
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from lic.tools.course.mathml import equations, formula

ROOT = Path(__file__).parents[3]
NAMED = ("mfrac", "msub", "msup", "msubsup", "munder", "msqrt")
PLAIN = str.maketrans("\N{MINUS SIGN}\N{TILDE OPERATOR}\N{PRIME}\N{MATHEMATICAL SCRIPT CAPITAL N}", "-~'N")


def shape(element: ET.Element) -> str:
    """A compact form: text, or the children between parentheses after the element's name."""
    if element.tag in ("mi", "mn", "mo", "mtext"):
        return (element.text or "").translate(PLAIN)
    inner = " ".join(shape(child) for child in element if child.tag != "mspace")
    return f"{element.tag[1:]}({inner})" if element.tag in NAMED else inner


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a / 2 b", "frac(a 2 b)"),  # a product without a sign binds more tightly than the fraction
        ("a / 2 * b", "frac(a 2) ⋅ b"),
        ("-(x - m)^2 / 2 g^2", "- frac(sup(( x - m ) 2) 2 sup(g 2))"),
        ("(a + b) / c", "frac(a + b c)"),  # a fraction needs no parentheses
        ("(a)(b) / c", "frac(( a ) ( b ) c)"),
        ("ln (1/K) sum_k p_k / q_k", "ln ( frac(1 K) ) under(∑ k) frac(sub(p k) sub(q k))"),
        ("x_i / sqrt(beta_i + sum_j mu_ij x_j^2)",
         "frac(sub(x i) sqrt(sub(β i) + under(∑ j) sub(μ i j) subsup(x j 2)))"),
        ("S_yx S_xx^-1", "sub(S y x) subsup(S x x - 1)"),
        ("E_{z ~ p(z|y)} grad ln p(z, y)", "sub(E z ~ p ( z | y )) ∇ ln p ( z , y )"),
        ("-|x - m| / g", "- frac(| x - m | g)"),  # a magnitude, where an operand is expected
        ("N(0, I)", "N ( 0 , I )"),
        ("h_{i+1} <= 1/2", "sub(h i + 1) ≤ frac(1 2)"),
        ("k0 x'", "sub(k 0) sup(x ')"),
    ],
)  # fmt: skip
def test_a_formula_has_the_structure_that_it_means(text: str, meant: str) -> None:
    assert shape(ET.fromstring(formula(text))) == meant


def test_relations_are_aligned_and_notes_stay_words() -> None:
    table = ET.fromstring(equations(["E step   r = w / p          raises the ELBO", "   = 1,   s = 2"]))
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [["E step", "r", "=wp"], ["", "", "raises the ELBO"], ["", "", "=1,"], ["", "s", "=2"]]
    assert [len(list(row.iter("math"))) for row in table.iter("tr")] == [2, 0, 1, 2]


def test_a_name_before_a_colon_is_a_label() -> None:
    (row,) = ET.fromstring(equations(["GDN:   y = x"])).iter("tr")
    assert ["".join(cell.itertext()) for cell in row] == ["GDN", "y", "=x"]


def test_what_is_no_equation_is_shown_as_it_stands() -> None:
    assert equations(["x -> conv 9x9 /4 -> y"]) == '<pre tabindex="0">x -&gt; conv 9x9 /4 -&gt; y</pre>'
    assert equations(["    x -> 3x3", "    y"]) == '<pre tabindex="0">x -&gt; 3x3\ny</pre>'
    assert equations(["1        a constant", "inside   the neighbours"]).startswith('<pre tabindex="0">1        a')


def blocks() -> list[str]:
    """The lines of all equations in docstrings of models/theory."""
    found = []
    for path in sorted((ROOT / "models/theory").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                lines = (ast.get_docstring(node) or "").splitlines()
                found += [line for line in lines if re.match(r" {4,}\S", line) and " = " in line]
    return found


def test_every_equation_of_the_theory_can_be_typeset() -> None:
    assert len(blocks()) > 30
    for line in blocks():
        table = equations([line])
        assert table.startswith('<div class="equations"'), line
        ET.fromstring(table)  # well-formed
