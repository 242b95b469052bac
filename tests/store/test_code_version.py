"""What changes the version of a stage's code, and what does not."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import vitrina
from vitrina.store import code_version as versions
from vitrina.store import source_module

Edit = Callable[[str, str, str], bool]

# A package whose stage reaches: a helper two imports deep, a class, a default, a lazy import, a
# re-exported name, rejection reasons, an imported function of numpy, and a statement at import.
SHOP = {
    "__init__": "from shop.pricing import discount",
    "stage": '''
        """A stage."""
        import logging
        from typing import TYPE_CHECKING

        from shop import discount, notes
        from shop.reasons import Reason
        from shop.resizing import Resizer as Shrinker, explain

        if TYPE_CHECKING:
            from shop.quoted import Quoted

        logger = logging.getLogger(__name__)
        UNUSED = 1

        def run(rows, size=32, quoted: "Quoted | None" = None):
            """Run."""
            from shop.lazy import measure

            logger.info("running")
            notes.write("done")
            if not rows:
                raise RejectedError(Reason.EMPTY, f"no rows: {explain(rows)}")
            return [discount(measure(Shrinker(size).resize(row))) for row in rows]

        class RejectedError(Exception):
            """An error."""
    ''',
    "reasons": """
        class Reason:
            EMPTY = "empty"
    """,
    "resizing": """
        from numpy import floor as rounded
        from shop import constants

        class Resizer:
            def __init__(self, size):
                self.size = size

            def resize(self, row):
                return rounded(row * self.size / constants.SCALE)

        def explain(rows):
            return "they are gone"
    """,
    "constants": "SCALE = 4\nSCALE += 1\nOTHER = 1",
    "pricing": "def discount(row):\n    return row - 1",
    "lazy": "def measure(row):\n    return row",
    "quoted": "class Quoted:\n    size = 1",
    "notes": "def write(text):\n    print(text)",
    "effects": "import os\nos.environ['THREADS'] = '1'",
    "elsewhere": "x = 1",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the package ``shop``, which stands in for this one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, source in SHOP.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source).lstrip("\n") + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(source_module, "PACKAGE", "shop")
    monkeypatch.setattr(versions, "NOT_CONTENT", ("shop.notes",))
    return folder


@pytest.fixture
def changes(shop: Path) -> Edit:
    """Whether replacing one text by another in a module changes the version of the stage."""

    def changes(module: str, old: str, new: str) -> bool:
        before = version()
        file = shop / f"{module}.py"
        assert file.read_text().count(old) == 1
        file.write_text(file.read_text().replace(old, new))
        return version() != before

    return changes


def version(entry: str = "shop.stage:run") -> str:
    """The version of the stage, read anew."""
    for cached in (source_module.parsed_module, source_module.find_spec):
        cached.cache_clear()
    importlib.invalidate_caches()
    return versions.compute_code_version(entry)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("stage", "running", "starting", id="log-text"),
        pytest.param("stage", '    logger.info("running")\n', "", id="log-line"),
        pytest.param("stage", "no rows: {", "rows are missing: {", id="error-message"),
        pytest.param("resizing", "they are gone", "they went", id="helper-of-a-message"),
        pytest.param("stage", '"""Run."""', '"""Start."""', id="docstring"),
        pytest.param("stage", '    """Run."""\n', "", id="no-docstring"),
        pytest.param("pricing", "row - 1", "(row - 1)  # a gift", id="comment-and-layout"),
        pytest.param("stage", "write(", "write  (", id="layout"),
        pytest.param("stage", '"Quoted | None"', "Quoted | None", id="quotes-of-an-annotation"),
        pytest.param("notes", "print(text)", "print(text, text)", id="excluded-module"),
        pytest.param("elsewhere", "x = 1", "x = 2", id="module-not-imported"),
        pytest.param("constants", "OTHER = 1", "OTHER = 2", id="name-not-used"),
        pytest.param("stage", "UNUSED = 1", "UNUSED = 2", id="constant-not-used"),
    ],
)
def test_what_changes_no_result_changes_no_version(
    changes: Edit, module: str, old: str, new: str
) -> None:
    """Texts for people, layout, and code that the stage cannot reach do not count."""
    assert not changes(module, old, new)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        pytest.param("stage", "size=32", "size=64", id="default-value"),
        pytest.param("resizing", "row * self.size", "row + self.size", id="method"),
        pytest.param("resizing", "import floor as", "import ceil as", id="name-of-another-package"),
        pytest.param("constants", "SCALE = 4", "SCALE = 5", id="constant-two-imports-deep"),
        pytest.param("constants", "SCALE += 1", "SCALE += 2", id="statement-on-a-constant"),
        pytest.param("pricing", "row - 1", "row - 2", id="re-exported-function"),
        pytest.param("__init__", "import discount", "import discount2 as discount", id="re-export"),
        pytest.param("lazy", "return row", "return row + 1", id="function-imported-lazily"),
        pytest.param("quoted", "size = 1", "size = 2", id="class-of-a-quoted-annotation"),
        pytest.param("reasons", '"empty"', '"no_rows"', id="rejection-reason"),
        pytest.param("stage", "Reason.EMPTY", "Reason.NONE", id="reason-of-an-error"),
        pytest.param("lazy", "def", "print('imported')\n\n\ndef", id="effect-of-importing"),
        pytest.param(
            "lazy", "def", "from shop import effects\n\n\ndef", id="effect-of-an-unused-import"
        ),
        pytest.param("__init__", "from", "print('package')\nfrom", id="effect-of-the-package"),
    ],
)
def test_what_may_change_a_result_changes_the_version(
    changes: Edit, module: str, old: str, new: str
) -> None:
    """Every statement that the stage can reach, however far away, counts."""
    assert changes(module, old, new)


def test_a_module_passed_as_a_value_counts_whole(shop: Path) -> None:
    """Which of its names are used cannot be seen."""
    with (shop / "stage.py").open("a") as file:
        file.write("def dynamic(name):\n    return getattr(constants, name)\n")
        file.write("from shop import constants\n")
    before = version("shop.stage:dynamic")
    (shop / "constants.py").write_text("SCALE = 4\nSCALE += 1\nOTHER = 2\n")
    assert version("shop.stage:dynamic") != before


def test_several_entries_count_together(shop: Path) -> None:
    """Code of any of them is part of the version."""

    def both() -> str:
        version()
        return versions.compute_code_version("shop.stage:run", "shop.elsewhere:x")

    before = both()
    (shop / "elsewhere.py").write_text("x = 2\n")
    assert both() != before


@pytest.mark.parametrize(
    "statement", ["import shop.constants", "from shop.constants import *", "from . import lazy"]
)
def test_imports_that_cannot_be_followed_are_refused(shop: Path, statement: str) -> None:
    """Rather than ignored, which would keep stale artifacts."""
    with (shop / "pricing.py").open("a") as file:
        file.write(f"{statement}\n")
    with pytest.raises(ImportError, match="cannot follow"):
        version()


@pytest.mark.usefixtures("shop")
def test_a_wrong_entry_is_an_error() -> None:
    """A misspelt module or function has no version."""
    with pytest.raises(AttributeError, match=r"shop\.stage defines no 'walk'"):
        version("shop.stage:walk")
    with pytest.raises(ModuleNotFoundError, match=r"shop\.stages"):
        version("shop.stages:run")


# --- the stages of this package --------------------------------------------------------------

STAGES = {
    "clean": "vitrina.catalog.cleaning:clean_catalog",
    "resize": "vitrina.images.resize_catalog:resize_catalog",
    "train": "vitrina.training.job:run_job",
    "measure": "vitrina.evaluation.measure:measure",
    "embed": "vitrina.embedding.shard:embed_shard_on_worker",
}
ON_MODELS = {"train", "measure", "embed"}
# For each edit: the module, the function whose definition is replaced, the stages it concerns.
EDITS: dict[str, tuple[str, str, set[str]]] = {
    "squaring": ("images/load.py", "square_image", ON_MODELS),
    "tokenizing": ("model/tokenize.py", "tokenize", ON_MODELS),
    "loss": ("training/loss.py", "contrastive_loss", {"train"}),
    "card": ("training/model_card.py", "model_card", set()),
    "intervals": ("evaluation/intervals.py", "metric_intervals", set()),
    "tracking": ("training/tracking.py", "WandbTracker", set()),
    "progress": ("execution/progress.py", "no_progress", set()),
    "storage": ("store/files.py", "atomic_write", set()),
}

REASON = ("catalog/rejection.py", '"duplicate_id"', '"repeated_id"')

MEASURE_EDITS = """
import json, sys
from pathlib import Path
import vitrina
from vitrina.store import code_version, source_module
from vitrina.store.stage import Stage
root, stages, edits = json.load(sys.stdin)
assert Path(vitrina.__file__).parent == Path(root)

def keys():
    for cached in (code_version.code_version, source_module.parsed_module):
        cached.cache_clear()
    return {name: Stage(name, None, code).key({}) for name, code in stages.items()}

before, changed = keys(), {}
for name, (file, old, new) in edits.items():
    path = Path(root, file)
    source = path.read_text()
    assert old in source, (file, old)
    path.write_text(source.replace(old, new) if old else source + new)
    after = keys()
    changed[name] = [stage for stage in stages if after[stage] != before[stage]]
    path.write_text(source)
assert keys() == before
print(json.dumps([changed, "torch" in sys.modules]))
"""


@pytest.fixture(scope="module")
def measured_edits(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], bool]:
    """The stages whose keys each edit of a package's copy changes; whether torch was loaded."""
    folder = tmp_path_factory.mktemp("copy")
    root = folder / "vitrina"
    shutil.copytree(Path(vitrina.__file__).parent, root)
    edits = {"reason": REASON}
    for name, (file, function, _) in EDITS.items():
        edits[name] = (file, "", f"\n{function} = print\n")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE_EDITS],
        input=json.dumps([str(root), STAGES, edits]),
        env=os.environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    changed, torch_loaded = json.loads(done.stdout)
    return changed, torch_loaded


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_the_keys_of_the_stages_that_it_concerns(
    measured_edits: tuple[dict[str, list[str]], bool], edit: str
) -> None:
    """An edit of squaring trains, measures and embeds again, but does not clean again."""
    assert set(measured_edits[0][edit]) == EDITS[edit][2]


def test_the_value_of_a_rejection_reason_counts(
    measured_edits: tuple[dict[str, list[str]], bool],
) -> None:
    """It is written into the table of rejected rows."""
    assert "clean" in measured_edits[0]["reason"]


def test_nothing_is_imported_to_be_read(
    measured_edits: tuple[dict[str, list[str]], bool],
) -> None:
    """Stages whose code needs torch get their versions without importing torch."""
    assert not measured_edits[1]
