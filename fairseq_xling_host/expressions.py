"""Stands in for `eval` where fairseq applies it to option strings, which may come out of a checkpoint."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

# A layer list such as "[(512, 3)] * 20" needs few repeats; this keeps a hostile one from filling the memory.
LONGEST = 100_000

OPERATORS: dict[type[ast.operator | ast.unaryop], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def evaluate(text: str) -> Any:
    """The value of literals joined by + - * / //: numbers, strings, booleans, lists, tuples, dicts. Calls nothing.

    Raises ValueError for any other expression, and TypeError, as `eval` does, for what is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"an option to evaluate must be a string, but is {text!r}")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, ValueError) as error:
        raise ValueError(
            f"the option {text!r} is not made of numbers, strings, lists, tuples and dicts: {error}. fairseq-xling "
            "evaluates nothing else, because options may come out of a checkpoint."
        ) from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _joined(node.op, _value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.operand))
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        return {_value(key): _value(item) for key, item in zip(node.keys, node.values, strict=True) if key is not None}
    raise ValueError(f"{ast.unparse(node)!r} is none of them")


def _joined(sign: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(sign, ast.Mult):
        sizes = [len(side) for side in (left, right) if isinstance(side, (list, tuple, str, bytes))]
        counts = [side for side in (left, right) if isinstance(side, int)]
        if sizes and counts and sizes[0] * counts[0] > LONGEST:
            raise ValueError(f"more than {LONGEST} items")
    return OPERATORS[type(sign)](left, right)
