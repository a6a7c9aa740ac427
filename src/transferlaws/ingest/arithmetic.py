"""Arithmetic on columns, as `--map d_chars='tokens*4.1'` asks for it: a walk over a syntax tree, no `eval`.

Numbers, names of columns, + - * / **, parentheses, log, log2, log10, exp, sqrt, and size(model), which takes
the size out of a name such as pythia-410m. A column whose name is no word stands as it is written, or in
backticks: exp(eval/loss), `Model Size`/1e6.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from transferlaws.errors import UsageError
from transferlaws.ingest.sheet import plain

Number = pd.Series | float
_OPERATORS: dict[type[ast.AST], Callable[..., Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "log": np.log, "ln": np.log, "log2": np.log2, "log10": np.log10, "exp": np.exp, "sqrt": np.sqrt,
}  # fmt: skip
LONGEST = 500


@dataclass(frozen=True)
class Expression:
    """Arithmetic on columns: its text, its syntax tree, and the columns it names."""

    text: str
    tree: ast.expr
    names: dict[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs, each once."""
        return tuple(dict.fromkeys(self.names.values()))

    @property
    def is_constant(self) -> bool:
        """Whether it is a number, whatever the row."""
        return not self.names

    def evaluate(self, number: Callable[[str], pd.Series], size: Callable[[str], pd.Series]) -> Number:
        """Its value in every row; `number` and `size` give a column as numbers, or the sizes in its names."""
        with np.errstate(all="ignore"):
            return _value(self.tree, self.names, number, size)


def read_expression(text: str, columns: Iterable[str]) -> Expression:
    """Arithmetic as it was typed, its names looked up among `columns`.

    Raises UsageError for what is no arithmetic, or for a name that is no column.
    """
    known = [str(name) for name in columns]
    if text in known:
        return Expression(text, ast.Name("column0"), {"column0": text})
    if len(text) > LONGEST:
        raise UsageError(f"an expression of {len(text)} characters; the longest is {LONGEST}")
    names: dict[str, str] = {}

    def stand_in(name: str) -> str:
        label = f"column{len(names)}"
        names[label] = name
        return f" {label} "

    marked = re.sub(r"`([^`]+)`", lambda m: stand_in(_known(m[1], known)), text)
    odd = sorted(
        (n for n in known if not n.isidentifier() and re.search("[A-Za-z]", n)), key=len, reverse=True
    )
    for name in odd:
        whole = re.compile(rf"(?<![\w./]){re.escape(name)}(?![\w./])")
        if whole.search(marked):
            marked = whole.sub(stand_in(name).replace("\\", ""), marked)
    try:
        tree = ast.parse(marked.strip(), mode="eval").body
        _check(tree, names, known)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{plain(text)!r} is no arithmetic on columns (+ - * / **, log, exp)") from error
    return Expression(text, tree, names)


def _known(name: str, columns: list[str]) -> str:
    if name in columns:
        return name
    alike = [c for c in columns if _word(c) == _word(name)]
    if len(alike) == 1:
        return alike[0]
    near = get_close_matches(name, columns, 1, 0.6)
    hint = f"; did you mean {plain(near[0])!r}" if near else ""
    shown = ", ".join(plain(c, 30) for c in columns[:12]) + (", ..." if len(columns) > 12 else "")
    raise UsageError(f"no column {plain(name)!r}{hint} (it has {shown})")


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name).lower()


def _check(node: ast.expr, names: dict[str, str], columns: list[str]) -> None:
    """Raise UsageError unless every node is one of the few that are arithmetic; look its names up."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            _check(left, names, columns)
            _check(right, names, columns)
        case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
            _check(operand, names, columns)
        case ast.Constant(value) if isinstance(value, int | float) and not isinstance(value, bool):
            pass
        case ast.Call(ast.Name("size"), [ast.Name() | ast.Attribute() as inner], []):
            _check(inner, names, columns)
        case ast.Call(ast.Name(name), [inner], []) if name in _FUNCTIONS:
            _check(inner, names, columns)
        case ast.Name() | ast.Attribute():
            text = ast.unparse(node)
            if text not in names:
                names[text] = _known(text, columns)
        case _:
            raise UsageError(
                f"{plain(ast.unparse(node))!r} is not allowed in an expression; it takes columns, numbers, "
                "+ - * / **, log, log2, log10, exp, sqrt, size"
            )


def _value(
    node: ast.expr,
    names: dict[str, str],
    number: Callable[[str], pd.Series],
    size: Callable[[str], pd.Series],
) -> Number:
    match node:
        case ast.BinOp(left, op, right):
            try:
                return _OPERATORS[type(op)](
                    _value(left, names, number, size), _value(right, names, number, size)
                )
            except (OverflowError, ZeroDivisionError):
                return float("nan")
        case ast.UnaryOp(op, operand):
            return _OPERATORS[type(op)](_value(operand, names, number, size))
        case ast.Constant(value):
            try:
                return float(value)  # type: ignore[arg-type]
            except OverflowError:
                return float("inf")
        case ast.Call(ast.Name("size"), [inner], []):
            return size(names[ast.unparse(inner)])
        case ast.Call(ast.Name(name), [inner], []):
            return _FUNCTIONS[name](_value(inner, names, number, size))
        case _:
            return number(names[ast.unparse(node)])


def read_map(text: str) -> dict[str, str]:
    """`n_params=params,d_chars='tokens*4.1'` as a table from target column to what it is.

    Raises UsageError for a part that is no NAME=EXPRESSION, or a name given twice.
    """
    found: dict[str, str] = {}
    for part in re.findall(
        r"""(?:[^,'"`(]|'[^']*'|"[^"]*"|`[^`]*`|\([^()]*(?:\([^()]*\)[^()]*)*\)|\()+""", text
    ):
        target, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not target or not value:
            raise UsageError(f"--map {plain(part)!r}: it takes NAME=EXPRESSION, with commas between")
        if target in found:
            raise UsageError(f"--map names {plain(target)!r} twice")
        found[target] = (
            value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
        )
    return found
