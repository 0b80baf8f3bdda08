"""The Caption tab: open images, let a model describe them, correct what it says.

Owns: the tab's server functions. Everything visible is rendered by `static/scripts/caption/`.
Refuses to know: models, how captions are stored (studio.formats).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import InputError
from studio.core.names import original, printable
from studio.core.paths import ASSETS
from studio.formats.captions import Looked
from studio.formats.dataset import image_files, is_image, read_captions
from studio.formats.dataset_file import read_dataset_file, write_dataset_file
from studio.library.arrivals import ARCHIVE, ENDINGS_BESIDE, LeftOut, usable
from studio.library.captions import image_stamp
from studio.library.unpacking import is_zip
from studio.ui.components.caption_desk import CaptionDesk
from studio.ui.components.caption_edits import CaptionEdits
from studio.ui.components.class_images import ClassImagesDialog
from studio.ui.components.dataset_check import DatasetCheck
from studio.ui.components.dataset_export import DatasetExport
from studio.ui.components.describe import Describe
from studio.ui.components.learnt_images import LearntOfDataset
from studio.ui.components.prepare_images import PrepareImages
from studio.ui.components.prepare_recipes import recipes_of
from studio.ui.library import contents
from studio.ui.live import Json, Page, component, read

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.formats.image_recipes import Recipes

MAX_THUMBNAILS = 80  # per call; the grid asks again for what comes into view
TEMPLATE = '<div class="cs-caption"></div>'


def build(studio: Studio, page: Page) -> None:
    """Adds the tab's contents."""
    CaptionTab(studio, page)


class CaptionTab:
    """The tab's parts, and what they ask of Python."""

    def __init__(self, studio: Studio, page: Page) -> None:
        self.studio, self.page, self.library = studio, page, page.library
        describe, edits = Describe(studio, page), CaptionEdits(studio, page)
        component(
            "caption",
            TEMPLATE,
            [
                self.datasets, self.first_images, self.open_dataset, self.open_folder, self.forget_folder, self.plan_import,
                self.add_files, self.copy_sample, self.about, self.thumbnails, self.captions,
                self.undo, self.discard_strays, *describe.functions, *edits.functions,
                *DatasetCheck(studio, page).functions(), *PrepareImages(studio, page).functions(),
                *CaptionDesk(studio, page).functions(), *DatasetExport(studio, page).functions(),
                *LearntOfDataset(studio, page).functions(),
                *ClassImagesDialog(studio, page).functions(),
            ],
            accept=",".join(("image/*", ARCHIVE, *ENDINGS_BESIDE)),
            describe=describe.props(),
            edits=edits.props(),
            elem_id="cs-caption",
        )  # fmt: skip

    def datasets(self, argument: Any) -> list[Json]:
        """The library, with a cover image each."""
        opened = self.library.opened.all()
        return [
            {
                "id": printable(info.path),
                "name": info.name,
                "images": info.images,
                "captioned": info.captioned,
                "kind": info.kind,
                "class_images": info.class_images,
                "sample": info.path.is_relative_to(ASSETS),
                "opened": printable(info.path) in opened,
                "cover": printable(info.cover.relative_to(info.path).as_posix())
                if info.cover
                else None,
                "problem": info.problems[0] if info.problems and not info.images else None,
            }
            for info in self.library.all()
        ]

    def first_images(self, argument: Any) -> Json:
        """What is seen first of a large dataset while its captions are read: at most `most` images,
        by name and thumbnail as in `thumbnails`."""
        identity, most = read(argument, dataset=str, most=int)
        folder = self.library.path(identity)
        files = image_files(folder)[: min(most, MAX_THUMBNAILS)]
        names = [printable(path.relative_to(folder).as_posix()) for path in files]
        return self.thumbnails({"dataset": identity, "files": names})

    def open_dataset(self, argument: Any) -> Json:
        """One dataset, image by image."""
        (identity,) = read(argument, dataset=str)
        folder = self.library.path(identity)
        sample = folder.is_relative_to(ASSETS)
        none: Json = {"undo": None, "to_review": {}, "unfinished": None, "writers": {}}
        looked = Looked()  # thousands of captions are read once for both
        found = contents(folder, self.studio.library.images, looked)
        facts = none if sample else changes(self.studio, folder, read_captions(folder, looked))
        kind = {"class_images": self.studio.library.summary(folder).class_images}
        return found | {"id": identity, "sample": sample} | kind | facts

    def open_folder(self, argument: Any) -> str:
        """A folder named by path; answers the dataset's id."""
        (folder,) = read(argument, folder=str)
        return self.library.open(folder)

    def forget_folder(self, argument: Any) -> bool:
        """Takes a folder that was opened by its path off the list."""
        (identity,) = read(argument, dataset=str)
        self.library.opened.forget(identity)
        return True

    def plan_import(self, argument: Any) -> Json:
        """Which of these paths can be imported (their places), and what speaks against the rest."""
        (names,) = read(argument, names=list)
        taken, left_out = usable([str(name) for name in names])
        images = sum(is_image(str(names[place])) or is_zip(str(names[place])) for place in taken)
        return {"take": taken, "images": images, "left_out": listed(left_out)}

    def add_files(self, argument: Any) -> Json:
        """Uploaded files become a new dataset, or join the one that is named.

        `files` are {name, path}: the path inside the dataset, and where the upload lies.
        """
        name, files = read(argument, name=str, files=list)
        if not files:
            raise InputError("No files arrived", remedy="Drop them again.")
        into = argument.get("into")
        folder = self.library.own(into) if isinstance(into, str) and into else None
        info = self.studio.library.import_dataset(
            [arrival(self.page, file) for file in files], name, folder
        )
        return {
            "id": into or printable(info.path),
            "copied": len(info.copied),
            "images": sum(is_image(copied) for copied in info.copied),
            "renamed": [[printable(a), printable(b)] for a, b in info.renamed.items()],
            "same": len(info.same),
            "left_out": listed(info.left_out),
        }

    def copy_sample(self, argument: Any) -> str:
        """A copy that may be edited; answers its id."""
        (identity,) = read(argument, dataset=str)
        return self.library.copy(identity)

    def about(self, argument: Any) -> Json:
        """Writes what a dataset shows and the words for it; answers them as they are read then."""
        identity, kind, trigger, class_word, lines = read(
            argument, dataset=str, kind=str, trigger=str, class_word=str, lines=bool
        )
        folder = self.library.own(identity)
        said = {"kind": kind, "trigger": trigger.strip(), "class_word": class_word.strip()}
        if lines != (read_dataset_file(folder).captions == "lines"):
            said["captions"] = "lines" if lines else "one"
        says = write_dataset_file(folder, said)
        info = self.studio.library.summary(folder)
        words = {"kind": info.kind, "trigger": info.trigger, "class_word": info.class_word}
        return words | {"lines": says.captions == "lines"}

    def thumbnails(self, argument: Any) -> Json:
        """File name → address of its thumbnail, or the reason why there is none."""
        identity, names = read(argument, dataset=str, files=list)
        answers: Json = {}
        recipes: Recipes | None = None
        for name in names[:MAX_THUMBNAILS]:
            try:
                image = self.library.file(identity, str(name))
                recipes = recipes or recipes_of(self.library.path(identity))
                recipe = recipes.of(recipes.folder / original(str(name)))
                small = self.page.thumbnails.of(image, recipe=recipe)
                answers[str(name)] = {"path": str(small), "stamp": image_stamp(image)}
            except (InputError, OSError) as error:
                what = error.what if isinstance(error, InputError) else "The file is gone"
                answers[str(name)] = {"problem": what}
        return answers

    def captions(self, argument: Any) -> Json:
        """File name → caption, and what can be undone: cheap enough to ask while a captioner works."""
        (identity,) = read(argument, dataset=str)
        folder = self.library.path(identity)
        found = read_captions(folder)
        captions = {printable(p.relative_to(folder).as_posix()): t or "" for p, t in found.items()}
        return {"captions": captions} | changes(self.studio, folder, found)

    def undo(self, argument: Any) -> Json:
        """Brings back the captions from before the newest captioning or edit of many."""
        (identity,) = read(argument, dataset=str)
        return self.studio.library.captions.undo(self.library.own(identity))

    def discard_strays(self, argument: Any) -> int:
        """Moves the named captions without an image to the trash; how many."""
        identity, names = read(argument, dataset=str, files=list)
        return self.library.discard_strays(identity, [str(name) for name in names])


def changes(studio: Studio, folder: Path, captions: dict[Path, str | None]) -> Json:
    """What can be undone or continued in a dataset, which of its images a person should look at, and
    which captioner wrote a caption."""
    history = studio.library.captions.history()
    stopped = history.unfinished(folder)

    def named(found: dict[Path, str]) -> Json:
        return {printable(path.relative_to(folder).as_posix()): say for path, say in found.items()}

    entries = [
        {
            "what": entry.what,
            "time": entry.time,
            "replaced": entry.replaced,
            "added": entry.added,
            "by": entry.by,
        }
        for entry in history.entries(folder)[:1]
    ]
    return {
        "undo": entries[0] if entries else None,
        "to_review": named(history.to_review(folder, captions)),
        "unfinished": stopped.job.by if stopped is not None and stopped.job is not None else None,
        "writers": named(history.writers(folder, captions)),
    }


def arrival(page: Page, file: Any) -> tuple[str, Path]:
    """One uploaded file with its path in the dataset; a bare upload goes by its own name."""
    if isinstance(file, str):
        path = page.uploaded(file)
        return path.name, path
    name, path = read(file, name=str, path=str)
    return name, page.uploaded(path)


def listed(left_out: Sequence[LeftOut]) -> list[list[str]]:
    """Names and reasons, as the page shows them."""
    return [[printable(one.name), one.why] for one in left_out]
