"""Equations of docstrings, which are written in plain characters, as MathML.

    p(u) = h_i + (h_{i+1} - h_i) (u - k_i) / w_i         a note in words

The notation: `_` and `^` begin an index and a power, of one name, one number or a group in braces; a product without a
sign binds more tightly than `/`, so that a / 2 b is a fraction with the denominator 2 b; names of Greek letters stand
for these; three spaces or more separate the statements of a line, and statements from notes in words.
"""

import html
import re
import textwrap
from itertools import pairwise
from typing import NamedTuple

LETTERS = ("alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "pi", "sigma", "phi", "psi")
CAPITALS = ("Gamma", "Lambda", "Sigma", "Phi", "Psi")
GREEK = {name: html.unescape(f"&{name};") for name in LETTERS + CAPITALS}
OPERATORS = {"sum": "∑", "grad": "∇", "integral": "∫"}
FUNCTIONS = {"ln", "log", "exp", "det", "diag", "mean", "sqrt", "tanh", "max", "min", "mod", "KL", "ELBO", "MSE", "GDN"}
KNOWN = {*GREEK, *OPERATORS, *FUNCTIONS, "IGDN"}
RELATIONS = {"=": "=", "<=": "≤", ">=": "≥", "~": "\N{TILDE OPERATOR}", "->": "→", "=>": "⇒", "<": "<", ">": ">"}
SIGNS = {"-": "\N{MINUS SIGN}", "*": "⋅", "..": "…", "'": "\N{PRIME}"}
CLOSING = {"(": ")", "[": "]", "{": "}"}

TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|[A-Za-z]+(?:_[a-z]{3,})+|[A-Za-z]+|->|=>|<=|>=|\.\.|\S)")
THIN, WORD = '<mspace width="0.17em"></mspace>', '<mspace width="0.3em"></mspace>'


class NotMathematics(ValueError):
    """A text is not written in the notation of docstrings."""


class Token(NamedTuple):
    """A name, number or sign, and whether a space stands before it."""

    text: str
    spaced: bool


def tokens(text: str) -> list[Token]:
    """The tokens of a formula.

    >>> [token.text for token in tokens("E_q [ln p(y|z)] >= -1/2")]
    ['E', '_', 'q', '[', 'ln', 'p', '(', 'y', '|', 'z', ')', ']', '>=', '-', '1', '/', '2']
    """
    found = [Token(match[1], match[0] != match[1]) for match in TOKEN.finditer(text)]
    for before, after in pairwise(found):
        if before.text[0].isdigit() and after.text[0].isalpha() and not after.spaced:
            raise NotMathematics(f"{before.text}{after.text} is neither a number nor a name")
    return found


def formula(text: str) -> str:
    """A formula as a <math> element.

    >>> print(formula("a / 2 b"))
    <math display="inline" displaystyle="true"><mfrac><mi>a</mi><mrow><mn>2</mn>\
<mspace width="0.17em"></mspace><mi>b</mi></mrow></mfrac></math>
    """
    parser = _Parser(tokens(text))
    inside = parser.sequence("")
    return f'<math display="inline" displaystyle="true">{inside}</math>'


class _Parser:
    """Recursive descent: sequence > sum > product > juxtaposition > factor > atom."""

    def __init__(self, found: list[Token]) -> None:
        self.found = [*found, Token("", False)]
        self.at = 0

    @property
    def next(self) -> Token:
        return self.found[self.at]

    def take(self, wanted: str = "") -> str:
        text = self.next.text
        if wanted and text != wanted:
            raise NotMathematics(f"{wanted} is missing before {text or 'the end'}")
        self.at += 1
        return text

    def sequence(self, end: str) -> str:
        """Sums between relations, commas and the like, up to the token `end`."""
        parts = []
        while self.next.text != end:
            text = self.next.text
            if not text:
                raise NotMathematics(f"{end} is missing")
            if text in RELATIONS:
                parts.append(f"<mo>{html.escape(RELATIONS[self.take()])}</mo>")
            elif text == "|":
                parts.append(f'<mo stretchy="false" lspace="0.12em" rspace="0.12em">{self.take()}</mo>')
            elif text in ",;:.":
                parts.append(f'<mo separator="true" lspace="0" rspace="0.3em">{self.take()}</mo>')
            else:
                parts.append(self.sum())
        self.take(end)
        return _row(parts)

    def sum(self) -> str:
        parts = []
        if self.next.text in ("+", "-"):
            sign = self.take()
            parts.append(f'<mo form="prefix">{SIGNS.get(sign, sign)}</mo>')
        parts.append(self.product())
        while self.next.text in ("+", "-"):
            sign = self.take()
            parts += [f"<mo>{SIGNS.get(sign, sign)}</mo>", self.product()]
        return _row(parts)

    def product(self) -> str:
        """Factors, products and fractions; a fraction's numerator does not reach beyond the sign of a sum before it."""
        if self.next.text == "sum":
            return _row([self.factor(), THIN, self.product()])
        left = self.juxtaposition()
        while self.next.text in ("*", "/", "sum"):
            spaced = self.next.spaced
            if self.next.text == "sum":
                left = _row([left, THIN, self.product()])
            elif self.take() == "*":
                left = _row([left, f"<mo>{SIGNS['*']}</mo>", self.juxtaposition()])
            else:
                right = self.juxtaposition() if spaced else self.factor()
                fraction = f"<mfrac>{_bare(left)}{_bare(right)}</mfrac>"
                left = fraction if spaced else f'<mstyle displaystyle="false">{fraction}</mstyle>'
        return left

    def juxtaposition(self) -> str:
        parts = [self.factor()]
        while self._begins_factor():
            token = self.next
            word = _is_word(token.text) or _is_word(self.found[self.at - 1].text)
            space = (WORD if word else THIN) if token.spaced else ""
            parts += [space, self.factor()]
        return _row(parts)

    def _begins_factor(self) -> bool:
        text = self.next.text
        return bool(text) and text != "sum" and (text[0].isalnum() or text in CLOSING or text == "..")

    def factor(self) -> str:
        """An atom with its index, primes and power."""
        operator = self.next.text == "sum"
        base, index, power = self.atom(), "", ""
        while self.next.text in ("_", "^", "'"):
            sign = self.take()
            if sign == "_":
                index = self.script()
            elif sign == "^":
                power = self.script()
            else:
                power = f"<mo>{SIGNS[sign]}</mo>"
        if operator and index:
            return f"<munder>{base}{index}</munder>"
        if index and power:
            return f"<msubsup>{base}{index}{power}</msubsup>"
        return f"<msub>{base}{index}</msub>" if index else f"<msup>{base}{power}</msup>" if power else base

    def script(self) -> str:
        if self.next.text == "-":
            self.take()
            return _row([f"<mo>{SIGNS['-']}</mo>", self.atom()])
        if self.next.text == "{":
            self.take()
            return self.sequence("}")
        if self.next.text == "(":
            self.take()
            return self.sequence(")")
        text = self.next.text
        if text.isalpha() and len(text) == 2 and text not in KNOWN:  # two indices
            self.take()
            return _row([f"<mi>{letter}</mi>" for letter in text])
        return self.atom()

    def atom(self) -> str:
        text = self.take()
        if text in CLOSING:
            return _fenced(text, self.sequence(CLOSING[text]), CLOSING[text])
        if text == "|":  # where an operand is expected: a magnitude
            return _fenced("|", self.magnitude(), "|")
        if text == "sqrt":
            self.take("(")
            return f"<msqrt>{self.sequence(')')}</msqrt>"
        if text == "floor":
            self.take("(")
            return _fenced("⌊", self.sequence(")"), "⌋")
        if text == "..":
            return f"<mo>{SIGNS[text]}</mo>"
        if text[:1].isdigit():
            return f"<mn>{text}</mn>"
        if text[:1].isalpha():
            return self.name(text)
        raise NotMathematics(f"{text or 'the end'} stands where a name or a number should")

    def magnitude(self) -> str:
        inside = self.sum()
        self.take("|")
        return inside

    def name(self, text: str) -> str:
        if text in OPERATORS:
            return f"<mo>{OPERATORS[text]}</mo>"
        if text == "N" and self.next == Token("(", False):
            return "<mi>\N{MATHEMATICAL SCRIPT CAPITAL N}</mi>"
        symbol = f"<mi>{GREEK.get(text, text)}</mi>"
        if self.next.text.isdigit() and not self.next.spaced:  # k0, F8
            return f"<msub>{symbol}<mn>{self.take()}</mn></msub>"
        return symbol


def _row(parts: list[str]) -> str:
    parts = [part for part in parts if part]
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _fenced(opening: str, inside: str, closing: str) -> str:
    """A group between parentheses, which are enlarged only if the group is higher than a line."""
    fence = '<mo fence="true">' if "<mfrac>" in inside or "<munder>" in inside else '<mo fence="true" stretchy="false">'
    return f"<mrow>{fence}{opening}</mo>{inside}{fence}{closing}</mo></mrow>"


def _bare(group: str) -> str:
    """A group without its parentheses, which a fraction does not need."""
    opening = re.match(r"<mrow>(<mo [^>]*>)\(</mo>", group)
    if not opening or not group.endswith(f"{opening[1]})</mo></mrow>"):
        return group
    inside = group[opening.end() : -len(f"{opening[1]})</mo></mrow>")]
    depth = 0
    for mark in re.findall(r"<mo [^>]*>([()])</mo>", inside):
        depth += 1 if mark == "(" else -1
        if depth < 0:  # two groups, as in (a)(b)
            return group
    return f"<mrow>{inside}</mrow>"


def _is_word(text: str) -> bool:
    return len(text) > 1 and text.replace("_", "").isalpha() and text not in GREEK and text not in OPERATORS


# Blocks of equations.


def equations(lines: list[str]) -> str:
    """An HTML table of the equations of a docstring's block: labels, left sides, and the rest, relations aligned.

    Text that is not mathematics is shown as it stands.
    """
    try:
        if any(map(_has_words, lines)) and all(_relation(line) < 0 for line in lines):
            raise NotMathematics("only words")
        rows = [row for line in lines for row in _rows(line)]
    except NotMathematics:
        return f'<pre tabindex="0">{html.escape(textwrap.dedent(chr(10).join(lines)))}</pre>'
    body = "\n".join(
        f'<tr><td class="label">{label}</td><td class="left">{left}</td><td class="right">{right}</td></tr>'
        for label, left, right in rows
    )
    return f'<div class="equations" tabindex="0"><table>\n{body}\n</table></div>'


def _rows(line: str) -> list[tuple[str, str, str]]:
    """Label, left side and right side of each statement of a line."""
    statements: list[str] = []
    for part in re.split(r" {3,}", line.strip()):
        if statements and _relation(part) == 0:
            statements[-1] += f" {part}"
        else:
            statements.append(part)
    label = ""
    rows = []
    for i, statement in enumerate(statements):
        where = _relation(statement)
        if where < 0 and (_has_words(statement) or statement.endswith(":")):
            if i == 0 and len(statements) > 1:
                label = html.escape(statement.rstrip(":"))
            else:
                rows.append(("", "", f'<span class="note">{html.escape(statement)}</span>'))
        elif where >= 0 and not _has_words(statement[:where].replace(",", " ")):
            left, right = statement[:where].strip(), statement[where:]
            rows.append((label, formula(left) if left else "", _mixed(right)))
            label = ""
        else:
            rows.append((label, "", _mixed(statement)))
            label = ""
    return rows


def _mixed(text: str) -> str:
    """Mathematics and words, which commas and colons separate."""
    parts = []
    start = 0
    for i in [*(i for i, character in _outside(text) if character in ",:"), len(text)]:
        part, mark = text[start:i].strip(), text[i : i + 1]
        words = _has_words(part) and _relation(part) < 0
        parts.append(f'<span class="note">{html.escape(part)}</span>' if words else formula(part) if part else "")
        parts.append(html.escape(f"{mark} ") if mark else "")
        start = i + 1
    return "".join(parts).strip()


def _outside(text: str) -> list[tuple[int, str]]:
    """The characters outside of all parentheses, with their indices."""
    depth, out = 0, []
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth:
            out.append((i, character))
    return out


def _relation(text: str) -> int:
    """Where the first relation outside of parentheses begins, -1 if there is none."""
    outside = {i for i, _ in _outside(text)}
    found = (match.start() for match in re.finditer(r"->|=>|<=|>=|[=~<>]", text))
    return next((i for i in found if i in outside), -1)


def _has_words(text: str) -> bool:
    """Whether there are words of a sentence: names of two or more letters that are no functions or known symbols."""
    words = re.findall(r"(?<![\w_^{])([A-Za-z]{2,})\b(?!\()", text)
    return any(word not in KNOWN for word in words)
