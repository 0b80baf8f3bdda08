"""Who may import whom, write files, unpickle, open images: read off the source, not promised.

Each rule is a function from a parsed file to what breaks it, and is tried on a known offender
first, so a rule that can no longer see anything fails too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "studio"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))

# From the bottom up. Lower may never import higher, not for types either; rooms of one line do not
# know each other.
LAYERS = [
    {"core"},
    {"architectures"},
    {"settings"},
    {"starter"},
    {"formats"},
    {"families", "caption"},
    {"clip", "diffusion"},
    {"adapters"},
    {"methods", "infer"},
    {"compare", "train"},
    {"library", "checkup"},
    {"runtime"},
    {"runs"},
    {"generation"},
    {"app"},
    {"ui"},
    {"commands"},
    {"cli"},
]
LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 300, 60, 8
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
HEAVY = ("torch", "diffusers", "transformers", "peft")

# (file, call) → why this one may write without the atomic writer.
MAY_WRITE = {
    ("studio/core/device.py", "os.open"): "a switch of the kernel under /proc, not a file",
    ("studio/core/locks.py", "os.open"): "a lock file, which stays empty",
    ("studio/core/temporaries.py", "os.open"): "the empty files that the atomic writer fills",
    ("studio/core/disk.py", "open"): "to sync what is there; writes nothing",
    ("studio/runs/processes.py", "open"): "for other programs to print to, while they run",
    ("studio/commands/terminal.py", "os.open"): "the null device, when the terminal has gone",
    ("studio/cli.py", "os.open"): "the null device, when the reader of our output has left",
}
# (file, call) → why this one may read text past `studio.core.text`, which knows marks, encodings, depth.
MAY_READ_TEXT = {
    (
        "studio/formats/image_memory.py",
        "json.loads",
    ): "the studio's own memory; its keys are raw names",
    (
        "studio/formats/dataset_list.py",
        "json.loads",
    ): "the studio's own memory; its keys are raw names",
    ("studio/train/state.py", "json.loads"): "a value that was made a moment ago",
    ("studio/ui/requests.py", "json.loads"): "looks at a call's body and keeps nothing of it",
    (
        "studio/commands/requirements.py",
        "distribution.read_text",
    ): "whether an installer's note is there",
}
# Rooms whose states are records, and (file, name) → why this one may take or give anything.
TYPED_ROOMS = tuple(f"studio/{room}/" for room in ("runs", "compare", "generation", "settings"))
MAY_TAKE_ANYTHING = {
    ("studio/settings/base.py", "setting"): "stands where a class states a setting of any type",
}
# Scripts that make the shipped model: they run on a developer's machine and may start over.
SCRIPTS = "studio/starter/"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), _name(path))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _dotted(node: ast.expr) -> str:
    """`torch.save` for a name or an attribute chain; `?.save` when it hangs on something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return "?"


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, _dotted(node.func)


def _imports(tree: ast.AST, *, module: str) -> Iterator[tuple[str, int]]:
    """Every imported module, also inside functions and for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                source = ".".join([*parents, source]).strip(".")
            yield source, node.lineno
            if source == "studio":
                yield from ((f"studio.{alias.name}", node.lineno) for alias in node.names)
        else:
            yield from _imports(node, module=module)


def wrong_imports(tree: ast.AST, name: str) -> list[str]:
    """Imports against the direction."""
    own = name.removeprefix("studio/").removesuffix(".py").split("/")[0]
    if own == "__init__":
        return []
    found = []
    for target, line in _imports(tree, module=name.removesuffix(".py").replace("/", ".")):
        parts = target.split(".")
        if parts[0] != "studio" or len(parts) < 2 or parts[1] == own or parts[1] not in RANK:
            continue
        if RANK[parts[1]] >= RANK[own]:
            found.append(f"{name}:{line} {own} imports {target}")
    return found


def heavy_in_page(tree: ast.AST, name: str) -> list[str]:
    """torch and its kin anywhere in the page's code, also inside functions."""
    if not name.startswith("studio/ui/"):
        return []
    return [
        f"{name}:{line} imports {target}"
        for target, line in _imports(tree, module="")
        if target.split(".")[0] in HEAVY
    ]


def wrong_writes(tree: ast.AST, name: str) -> list[str]:
    """Writing to a path by any way but `studio.core.atomic`, or inside a writer handed to it."""
    if name == "studio/core/atomic.py" or name.startswith(SCRIPTS):
        return []
    allowed = _targets_inside_writers(tree) | _buffers(tree)
    found = []
    for call, called in _calls(tree):
        if not _writes(call, called) or (name, called) in MAY_WRITE:
            continue
        targets = [_dotted(argument) for argument in call.args[:2]]
        targets += [_dotted(call.func.value)] if isinstance(call.func, ast.Attribute) else []
        if not allowed & set(targets):
            found.append(f"{name}:{call.lineno} {called}")
    return found


def _writes(call: ast.Call, called: str) -> bool:
    last = called.rsplit(".", 1)[-1]
    if called == "open" or (last == "open" and called not in ("os.open", "webbrowser.open")):
        position = 1 if called in ("open", "io.open") else 0
        mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
        if mode is None and len(call.args) > position:
            mode = call.args[position]
        return isinstance(mode, ast.Constant) and bool(set(str(mode.value)) & set("wax+"))
    if called == "os.open":
        return any(flag in ast.dump(call) for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
    if last in ("write_text", "write_bytes"):
        return called not in ("atomic.write_text", "atomic.write_bytes", last)
    if last in ("save_file", "save_pretrained", "NamedTemporaryFile", "mkstemp"):
        return True
    if called in ("torch.save", "np.save", "np.savez", "numpy.save"):
        return True
    return last == "save" and any(k.arg in ("format", "pnginfo", "quality") for k in call.keywords)


def _targets_inside_writers(tree: ast.AST) -> set[str]:
    """Parameter names of functions and lambdas that are handed to `write_with`."""
    names: set[str] = set()
    handed: set[str] = set()
    for call, called in _calls(tree):
        if called.rsplit(".", 1)[-1] == "write_with":
            for argument in call.args[1:]:
                if isinstance(argument, ast.Lambda):
                    names |= {parameter.arg for parameter in argument.args.args}
                else:
                    handed.add(_dotted(argument))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in handed:
            names |= {parameter.arg for parameter in node.args.args}
    return names


def _buffers(tree: ast.AST) -> set[str]:
    """Names that hold a buffer in memory."""
    return {
        _dotted(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "BytesIO" in ast.dump(node.value)
        for target in node.targets
    }


def wrong_unpickling(tree: ast.AST, name: str) -> list[str]:
    """Anything that may execute what a file says; also model loading that could fall back to it."""
    if name == "studio/formats/pickles.py":
        return []
    forbidden = ("load", "loads", "Unpickler")
    found = []
    for call, called in _calls(tree):
        module, _, last = called.rpartition(".")
        keywords = {k.arg: ast.dump(k.value) for k in call.keywords}
        bad = module in ("pickle", "_pickle", "marshal", "dill", "joblib") and last in forbidden
        bad |= called in ("torch.load", "Unpickler", "eval", "exec")
        bad |= "True" in keywords.get("allow_pickle", "")
        bad |= "True" in keywords.get("trust_remote_code", "")
        if bad and not (called == "torch.load" and name.startswith(SCRIPTS)):
            found.append(f"{name}:{call.lineno} {called}")
    return found


def wrong_images(tree: ast.AST, name: str) -> list[str]:
    """Images opened without the size caps and format list of `studio.formats.images`."""
    if name == "studio/formats/images.py" or name.startswith(SCRIPTS):
        return []
    openers = ("Image.open", "PIL.Image.open", "imageio.imread", "cv2.imread")
    return [f"{name}:{call.lineno} {called}" for call, called in _calls(tree) if called in openers]


def wrong_text(tree: ast.AST, name: str) -> list[str]:
    """Text, JSON or TOML read by any way but `studio.core.text`."""
    if name == "studio/core/text.py" or name.startswith(SCRIPTS):
        return []
    parsers = ("json.load", "json.loads", "tomllib.load", "tomllib.loads")
    doors = ("text.read_text", "read_text")
    found = []
    for call, called in _calls(tree):
        last = called.rsplit(".", 1)[-1]
        bad = called in parsers or last == "splitlines"
        bad |= last == "read_text" and called not in doors
        bad |= called in ("open", "io.open") and "encoding" in {k.arg for k in call.keywords}
        if bad and (name, called) not in MAY_READ_TEXT:
            found.append(f"{name}:{call.lineno} {called}")
    return found


def untyped_tables(tree: ast.AST, name: str) -> list[str]:
    """A dict of anything, or Any, where others call in: what is in it then only strings agree on.

    Looks at parameters, results and fields that are public. `studio.core.record.Table` is the name
    for JSON whose form is somebody else's; `object` for what is only handed on.
    """
    if not name.startswith(TYPED_ROOMS):
        return []
    return [
        f"{name}:{line} {what}: {ast.unparse(annotation)}"
        for what, annotation, line in _public_annotations(tree)
        if _is_free(annotation) and (name, what) not in MAY_TAKE_ANYTHING
    ]


def _public_annotations(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.expr, int]]:
    """(name, annotation, line) of what the callers of a module see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_annotations(node, f"{outer}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if outer and not node.target.id.startswith("_"):
                yield f"{outer}{node.target.id}", node.annotation, node.lineno
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("_") and node.name != "__init__":
                continue
            given = node.args
            found = [one.annotation for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            for annotation in (*found, node.returns):
                if annotation is not None:
                    yield f"{outer}{node.name}", annotation, node.lineno


def _is_free(annotation: ast.expr) -> bool:
    """Whether Any, or a dict that does not say of what, is somewhere in an annotation."""
    if isinstance(annotation, ast.Name):
        return annotation.id in ("Any", "dict")
    if isinstance(annotation, ast.Subscript):
        literal = _dotted(annotation.value) in ("Literal", "Annotated")
        return not literal and _is_free(annotation.slice)
    inner = [node for node in ast.iter_child_nodes(annotation) if isinstance(node, ast.expr)]
    return any(map(_is_free, inner))


Rule = Callable[[ast.AST, str], list[str]]
RULES: list[tuple[Rule, str, str]] = [  # rule, an offender's name, its source
    (wrong_imports, "studio/formats/x.py", "from studio.families import sd1"),
    (wrong_imports, "studio/train/x.py", "def f():\n    import studio.compare.report.report"),
    (wrong_imports, "studio/methods/x.py", "from ..train import loop"),
    (wrong_imports, "studio/runs/x.py", "from studio import ui"),
    (heavy_in_page, "studio/ui/x.py", "def f():\n    import torch.nn"),
    (wrong_writes, "studio/train/x.py", "open(path, 'wb').write(data)"),
    (wrong_writes, "studio/train/x.py", "path.open(mode='a')"),
    (wrong_writes, "studio/train/x.py", "path.write_text('x')"),
    (wrong_writes, "studio/train/x.py", "torch.save(state, path)"),
    (wrong_writes, "studio/train/x.py", "save_file(tensors, path)"),
    (wrong_writes, "studio/infer/x.py", "image.save(path, pnginfo=info)"),
    (wrong_unpickling, "studio/adapters/x.py", "torch.load(path, weights_only=True)"),
    (wrong_unpickling, "studio/formats/x.py", "import pickle\npickle.loads(data)"),
    (wrong_unpickling, "studio/families/x.py", "A.from_pretrained(p, trust_remote_code=True)"),
    (wrong_images, "studio/caption/x.py", "from PIL import Image\nImage.open(path)"),
    (wrong_text, "studio/formats/x.py", "json.loads(data)"),
    (wrong_text, "studio/runs/x.py", "tomllib.loads(path.read_text('utf-8'))"),
    (wrong_text, "studio/runs/x.py", "path.read_text('utf-8')"),
    (wrong_text, "studio/ui/x.py", "prompts.splitlines()"),
    (wrong_text, "studio/ui/x.py", "open(path, encoding='utf-8')"),
    (untyped_tables, "studio/runs/x.py", "def facts() -> dict[str, Any]: ..."),
    (untyped_tables, "studio/runs/x.py", "def facts(found: list[dict]) -> None: ..."),
    (untyped_tables, "studio/compare/x.py", "class Cell:\n    found: Mapping[str, Any] | None"),
    (untyped_tables, "studio/settings/x.py", "class A:\n    def read(self) -> Any: ..."),
]


@pytest.mark.parametrize(("rule", "name", "source"), RULES)
def test_rule_sees_an_offender(rule: Rule, name: str, source: str) -> None:
    assert rule(ast.parse(source), name)


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'rb').read()",
        "atomic.write_text(path, 'x')",
        "write_with(path, lambda temporary: save_file(tensors, temporary))",
        "def fill(p):\n    image.save(p, format='PNG')\natomic.write_with(path, fill)",
        "buffer = io.BytesIO()\nimage.save(buffer, format='PNG')",
    ],
)
def test_right_ways_to_write_pass(source: str) -> None:
    assert wrong_writes(ast.parse(source), "studio/train/x.py") == []


def test_types_may_not_be_imported_from_above_either() -> None:
    source = "if TYPE_CHECKING:\n    from studio.families.base import Base"
    assert wrong_imports(ast.parse(source), "studio/formats/x.py")


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that import each other, directly or by way of others (Tarjan 1972)."""
    found: list[set[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for other in imports[module]:
            if other not in number:
                visit(other)
            if other in path:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            group = set(path[path.index(module) :])
            del path[path.index(module) :]
            if len(group) > 1:
                found.append(group)

    for module in imports:
        if module not in number:
            visit(module)
    return found


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, modules: set[str]) -> set[str]:
    """The studio's own modules that a file imports; `from package import module` counts as both."""
    tree = _tree(path)
    package = _module(path) if path.name == "__init__.py" else _module(path).rpartition(".")[0]
    found = set()
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*(parents if node.level else ()), *filter(None, [node.module])])
            names = [f"{source}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in modules:
                name = name.rpartition(".")[0]
            found.add(name)
    return found - {"", "studio", _module(path)}


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_import_each_other() -> None:
    modules = {_module(path) for path in FILES}
    found = circles({_module(path): _imported(path, modules) for path in FILES})
    assert found == []


@pytest.mark.parametrize(
    "rule",
    [
        wrong_imports,
        heavy_in_page,
        wrong_writes,
        wrong_unpickling,
        wrong_images,
        wrong_text,
        untyped_tables,
    ],
)
def test_source_keeps_the_rule(rule: Rule) -> None:
    found = [hit for path in FILES for hit in rule(_tree(path), _name(path))]
    assert not found, "\n" + "\n".join(found)


def test_no_tab_imports_a_neighbour() -> None:
    tabs = {_module(path): path for path in (PACKAGE / "ui" / "tabs").glob("*.py")}
    modules = {_module(path) for path in FILES}
    assert not {
        tab for tab, path in tabs.items() if _imported(path, modules) & (tabs.keys() - {tab})
    }


def test_every_part_has_a_layer() -> None:
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert parts - {"__init__"} <= set(RANK), "name the new part in LAYERS"


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, int, int]]:
    """Every function: its name with those around it, its lines, its parameters but `self`, `cls`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{outer}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given, name = node.args, f"{outer}{node.name}"
            names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            yield name, (node.end_lineno or 0) - node.lineno + 1, count
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, outer)


def test_functions_are_counted_with_their_lines_and_parameters() -> None:
    source = "class A:\n    def f(self, a, *, b):\n        def g(): ...\n        return g"
    assert list(functions(ast.parse(source))) == [("A.f", 3, 2), ("A.f.g", 1, 0)]


def test_files_stay_readable() -> None:
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    long = {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}
    assert not long, f"divide them by what they own: more than {LONGEST_FILE} lines"
    assert not [name for name in lengths if name.endswith(("/utils.py", "/helpers.py", "/misc.py"))]


def test_functions_stay_readable() -> None:
    found = {
        f"{_name(path)} {name}": (lines, parameters)
        for path in FILES
        for name, lines, parameters in functions(ast.parse(path.read_text("utf-8")))
    }
    long = {name for name, (lines, _) in found.items() if lines > LONGEST_FUNCTION}
    wide = {name for name, (_, parameters) in found.items() if parameters > MOST_PARAMETERS}
    assert not long, f"over {LONGEST_FUNCTION} lines"
    assert not wide, f"over {MOST_PARAMETERS} parameters: make a record"


def test_page_and_commands_open_without_torch() -> None:
    script = (
        "import sys, studio.ui.app, studio.cli, studio.app, studio.commands.settings\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"
