"""Plain language: docstrings and test names in standard words, named errors, and small folders."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("workers/**/*.py")])
# A question may begin with one of these; a description names its subject instead.
BANNED_OPENING = re.compile(r"(What|Who|Whom|Whose|Whoever|Somebody|Nobody|Everybody)\b")
MOST_PACKAGES, MOST_MODULES = 13, 6


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in FILES}


@cache
def _definitions(tree: ast.Module) -> list[ast.Module | ast.ClassDef | ast.FunctionDef]:
    """Return the module and its classes and functions. Expressions, most of a tree, contain none of them."""
    nodes: list[ast.AST] = [tree]
    for node in nodes:
        nodes += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.expr)]
    return [node for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]


def _documented(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in _definitions(tree):
        if text := ast.get_docstring(node):
            yield getattr(node, "lineno", 1), text


def _with_pronoun(parsed: Mapping[Path, ast.Module]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path, tree in parsed.items()
        for line, text in _documented(tree)
        if BANNED_OPENING.match(text) and not text.splitlines()[0].rstrip().endswith("?")
    ]


def test_docstrings_do_not_open_with_a_pronoun():
    assert _with_pronoun(trees()) == []


@cache
def trees_of_tests() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(ROOT.glob("tests/**/*.py"))}


PRONOUNS = {"what", "whatever", "who", "whoever", "whom", "whose", "anybody", "everybody", "nobody", "somebody"}
METAPHORS = {"anew", "heard", "mended", "seal", "sealed", "seals", "tell", "tells", "thing", "things", "told"}
BANNED_WORDS = PRONOUNS | METAPHORS | {"meanwhile", "trouble", "wall", "walls"}
LONGEST_NAME = 90


def test_docstrings_of_tests_do_not_open_with_a_pronoun():
    assert _with_pronoun(trees_of_tests()) == []


def test_names_in_tests_are_plain():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path, tree in trees_of_tests().items()
        for node in _definitions(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        if BANNED_WORDS & {*node.name.split("_")} or len(node.name) > LONGEST_NAME
    ]
    assert wrong == []


@cache
def _error_names() -> set[str]:
    """Names of all domain errors: subclasses of RelanceError, by name, in any module."""
    bases: dict[str, set[str]] = {}
    for tree in trees().values():
        for node in _definitions(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    found, more = {"RelanceError"}, True
    while more:
        new = {name for name, of in bases.items() if of & found} - found
        found, more = found | new, bool(new)
    return found


def _raised(function: ast.FunctionDef) -> set[str]:
    """The domain errors that a function raises itself, but for those of functions inside it."""
    names: set[str] = set()
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            call = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            call = call.value if isinstance(call, ast.Attribute) else call  # `Invalid.at(...)`
            names |= {call.id} & _error_names() if isinstance(call, ast.Name) else set()
        todo += ast.iter_child_nodes(node)
    return names


# Routes declare their errors as responses of the API, and the docstring of a command is its help text.
EDGES = ("app/api", "app/ops/cli")


def test_public_functions_name_the_errors_they_raise():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} raises {', '.join(sorted(missing))}"
        for path, tree in trees().items()
        if not any(path.is_relative_to(ROOT / edge) for edge in EDGES)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if (missing := {name for name in _raised(node) if name not in (ast.get_docstring(node) or "")})
    ]
    assert wrong == []


def test_top_level_is_small():
    entries = [one for one in (ROOT / "app").iterdir() if one.name != "__pycache__"]
    packages = [one for one in entries if one.is_dir()]
    modules = [one for one in entries if one.suffix == ".py"]
    assert len(packages) <= MOST_PACKAGES
    assert len(modules) <= MOST_MODULES
