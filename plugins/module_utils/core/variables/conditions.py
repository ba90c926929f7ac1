# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions: the one evaluator of ``when``.

An expression over the scopes, in the syntax of Python's expressions with a short list of what is allowed (see
``docs/variables.md``). ``a.b`` means the key ``b`` of the mapping ``a`` and nothing else, so no object of Python can be
reached. A condition is true or false: nothing else counts as either.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Optional, Union

from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.problems import did_you_mean
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables import operations
from ansible_collections.holdfast.ops.plugins.module_utils.core.variables.scopes import (
    SCOPES,
    UndefinedReference,
    kind_of,
    step,
)

__all__ = ["ConditionError", "UndefinedInCondition", "check", "evaluate", "names"]

MAX_LENGTH = 1000  # characters
MAX_DEPTH = 30  # levels of nesting
CONSTANTS: Mapping[str, Optional[bool]] = {"true": True, "false": False, "null": None}
_ALLOWED = "allowed are comparisons, and, or, not, in, + - * / // %, lists, and " + ", ".join(
    f"{name}()" for name in operations.FUNCTIONS
)
_PLAIN = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.Expression, ast.Load)
_OPERATORS = (*operations.COMPARISONS, *operations.ARITHMETIC, ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd)
_REFUSED: Mapping[type, str] = {
    ast.Pow: "powers (**) are not allowed",
    ast.Is: "'is' is not allowed: write ==",
    ast.IsNot: "'is not' is not allowed: write !=",
    ast.IfExp: "'if ... else' is not allowed: write and, or",
    ast.Slice: "slices are not allowed",
    ast.JoinedStr: "formatted text is not allowed",
    ast.Lambda: "'lambda' is not allowed",
    ast.NamedExpr: "assignments are not allowed",
    ast.Dict: "mappings are not allowed",
    ast.Set: "sets are not allowed: write a list",
}
_NEVER_BOOLEAN = (ast.BinOp, ast.List, ast.Tuple, ast.Call)


class ConditionError(HoldfastError):
    """A condition that is wrong or cannot be decided; its text has the expression and the reason, never a value."""

    def __init__(self, expression: Any, reason: str) -> None:
        shown = str(expression)
        shown = shown if len(shown) <= 200 else shown[:197] + "..."
        self.reason = reason
        super().__init__(f"condition {shown!r}: {reason}")


class UndefinedInCondition(ConditionError, UndefinedReference):
    """A condition uses a name that stands for nothing."""


def check(expr: Any) -> list[str]:
    """Everything that is wrong with an expression, as far as its text shows; empty when nothing is."""
    return list(_parsed(expr).problems) if isinstance(expr, str) else [f"must be text, not {kind_of(expr)}"]


def names(expr: str) -> set[str]:
    """The dotted names an expression uses: ``fields.pool``, also for ``fields['pool']``.

    A name that goes on with something computed ends before it (``outputs[fields.x].y``: ``outputs`` and ``fields.x``).
    Raises ConditionError when the expression is wrong.
    """
    tree = _checked(expr)
    found: set[str] = set()
    _collect(tree, found)
    return found


def evaluate(expr: str, scopes: Mapping[str, Any]) -> bool:
    """Whether the condition is true. Raises ConditionError, or UndefinedInCondition for a name that is not there."""
    tree = _checked(expr)
    try:
        result = _value(tree, scopes)
    except UndefinedReference as error:
        raise UndefinedInCondition(expr, str(error)) from None
    except operations.Refused as error:
        raise ConditionError(expr, str(error)) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        raise ConditionError(expr, f"cannot be decided ({type(error).__name__})") from None
    if not isinstance(result, bool):
        raise ConditionError(expr, f"must be true or false, but it is {kind_of(result)}: compare it with something")
    return result


# --- reading -----------------------------------------------------------------------------------------------------


class _Parsed:
    """An expression's tree, or what is wrong with it."""

    def __init__(self, tree: Optional[ast.expr], problems: list[str]) -> None:
        self.tree = tree
        self.problems = problems


def _checked(expr: Any) -> ast.expr:
    problems = check(expr)
    tree = None if problems else _parsed(expr).tree
    if tree is None:
        raise ConditionError(expr, "; ".join(problems))
    return tree


@lru_cache(maxsize=2048)
def _parsed(expr: str) -> _Parsed:
    if not expr.strip():
        return _Parsed(None, ["is empty"])
    if len(expr) > MAX_LENGTH:
        return _Parsed(None, [f"is longer than {MAX_LENGTH} characters"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(expr.strip(), mode="eval").body
    except SyntaxError as error:
        return _Parsed(None, [f"is no expression: {error.msg} (near character {error.offset or 1})"])
    except (ValueError, RecursionError, MemoryError):
        return _Parsed(None, ["is no expression that can be read"])
    problems: list[str] = []
    _inspect(tree, 1, problems)
    if not problems:
        _must_be_boolean(tree, problems)
    return _Parsed(tree, list(dict.fromkeys(problems)))


def _inspect(node: ast.AST, depth: int, problems: list[str]) -> None:
    """Collect what is wrong with a node and everything below it."""
    if depth > MAX_DEPTH:
        problems.append(f"is nested more than {MAX_DEPTH} deep")
        return
    children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Name):
        _inspect_name(node, problems)
    elif isinstance(node, ast.Constant):
        problems.extend(operations.wrong_constant(node.value))
    elif isinstance(node, ast.Attribute):
        if node.attr.startswith("__"):
            problems.append(f"the name '{node.attr}' is not allowed")
    elif isinstance(node, ast.Call):
        problems.extend(_wrong_call(node))
        children = list(node.args)
    elif type(node) in _REFUSED:
        problems.append(_REFUSED[type(node)])
        return
    elif not isinstance(node, (*_PLAIN, *_OPERATORS, ast.Subscript)):
        problems.append(f"{_word(node)} is not allowed ({_ALLOWED})")
        return
    for child in children:
        _inspect(child, depth + 1, problems)


def _word(node: ast.AST) -> str:
    return f"this use of Python ({type(node).__name__})"


def _inspect_name(node: ast.Name, problems: list[str]) -> None:
    if node.id in SCOPES or node.id in CONSTANTS:
        return
    if node.id in operations.FUNCTIONS:
        problems.append(f"'{node.id}' is a function: write {node.id}(...)")
        return
    hint = did_you_mean(node.id, SCOPES)
    problems.append(
        f"unknown name '{node.id}' ({hint}; text needs quotes, and a name with '-' is written outputs['a-b'])"
    )


def _wrong_call(node: ast.Call) -> list[str]:
    if not isinstance(node.func, ast.Name) or node.func.id not in operations.FUNCTIONS:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        known = ", ".join(operations.FUNCTIONS)
        return [f"unknown function '{name}' (known: {known})" if name else f"only functions can be called: {known}"]
    if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
        return [f"{node.func.id}() takes plain arguments only"]
    least, most = operations.FUNCTIONS[node.func.id].takes
    if least <= len(node.args) <= most:
        return []
    return [f"{node.func.id}() takes {'one argument' if most == 1 else 'at least one argument'}"]


def _must_be_boolean(node: ast.expr, problems: list[str]) -> None:
    """Report what cannot be true or false where that is needed: the whole, and what and, or, not join."""
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            _must_be_boolean(value, problems)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _must_be_boolean(node.operand, problems)
    elif isinstance(node, (*_NEVER_BOOLEAN, ast.UnaryOp)) or (
        isinstance(node, ast.Constant) and not isinstance(node.value, bool)
    ):
        problems.append(f"'{ast.unparse(node)}' is neither true nor false: compare it with something")


def _collect(node: ast.AST, found: set[str]) -> None:
    chain = _chain(node)
    if chain:
        found.add(".".join(chain))
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func):
            _collect(child, found)


def _chain(node: ast.AST) -> Optional[list[str]]:
    """The names of ``scope.a['b'][0]``, or None when the node is no such chain of literals."""
    if isinstance(node, ast.Name):
        return [node.id] if node.id in SCOPES else None
    if isinstance(node, ast.Attribute):
        before = _chain(node.value)
        return None if before is None else [*before, node.attr]
    if isinstance(node, ast.Subscript):
        before, key = _chain(node.value), _literal(node.slice)
        return None if before is None or key is None else [*before, str(key)]
    return None


def _literal(node: ast.AST) -> Union[str, int, None]:
    """The key of a subscript when it is written out."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else None


# --- deciding ----------------------------------------------------------------------------------------------------


def _value(node: ast.AST, scopes: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BoolOp):
        return _join(node, scopes)
    if isinstance(node, ast.Compare):
        return _compare(node, scopes)
    if isinstance(node, ast.UnaryOp):
        return operations.unary(type(node.op), _value(node.operand, scopes))
    if isinstance(node, ast.BinOp):
        return operations.arithmetic(type(node.op), _value(node.left, scopes), _value(node.right, scopes))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return operations.call(node.func.id, [_value(arg, scopes) for arg in node.args])
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(element, scopes) for element in node.elts]
    if isinstance(node, ast.Name):
        return CONSTANTS[node.id] if node.id in CONSTANTS else step(scopes, node.id, f"'{node.id}'", "this place")
    if isinstance(node, ast.Attribute):
        return _key(node, _value(node.value, scopes), node.attr)
    if isinstance(node, ast.Subscript):
        return _subscript(node, scopes)
    raise operations.Refused(f"{_word(node)} is not allowed")


def _key(node: Union[ast.Attribute, ast.Subscript], holder: Any, key: str) -> Any:
    """The value of a key; the expression is written out only for the error."""
    if isinstance(holder, Mapping) and key in holder:
        return holder[key]
    return step(holder, key, f"'{ast.unparse(node)}'", ast.unparse(node.value))


def _join(node: ast.BoolOp, scopes: Mapping[str, Any]) -> bool:
    """and, or: from the left, and no further than needed."""
    stops_at = isinstance(node.op, ast.Or)
    for part in node.values:
        value = _value(part, scopes)
        if not isinstance(value, bool):
            raise operations.Refused(f"'{ast.unparse(part)}' must be true or false, but it is {kind_of(value)}")
        if value is stops_at:
            return stops_at
    return not stops_at


def _compare(node: ast.Compare, scopes: Mapping[str, Any]) -> bool:
    """``a < b <= c`` holds when each pair does; what stands behind a pair that does not is not looked at."""
    left = _value(node.left, scopes)
    for operator, side in zip(node.ops, node.comparators):
        right = _value(side, scopes)
        if not operations.COMPARISONS[type(operator)](left, right):
            return False
        left = right
    return True


def _subscript(node: ast.Subscript, scopes: Mapping[str, Any]) -> Any:
    holder, key = _value(node.value, scopes), _value(node.slice, scopes)
    if isinstance(key, str):
        return _key(node, holder, key)
    if isinstance(key, bool) or not isinstance(key, int) or not isinstance(holder, (list, tuple)):
        raise operations.Refused(f"'{ast.unparse(node)}' asks {kind_of(holder)} for {kind_of(key)}")
    if -len(holder) <= key < len(holder):
        return holder[key]
    raise UndefinedReference(f"'{ast.unparse(node)}' is undefined: there are {len(holder)} elements")
