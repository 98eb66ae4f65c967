"""Writes everything that is known to a folder: JSON to come back, CSV and Markdown to read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from truelift.apps.accounts.models import User
from truelift.apps.drawing.wording import lift
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_hiding import RUNNING, hides_from, hides_from_some
from truelift.apps.explorers.export import csv_of
from truelift.apps.memory.digest import grounds_of, what_we_know
from truelift.apps.memory.index import catch_up
from truelift.apps.memory.library import Shelf, entry_document, pictures_of
from truelift.apps.memory.models import EntryRecord, Outcome
from truelift.apps.memory.principles import judged
from truelift.apps.memory.tables import TABLES, Document, Names, people_named, rows_of
from truelift.apps.programme.reads import policy_of
from truelift.apps.qa.pictures import path_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


FORMAT: Final = "truelift-memory"
VERSION: Final = 1

ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg"}


class NotEmpty(Refusal):
    """The folder holds something that is no export of this program."""

    code: ClassVar[str] = "memory.not_empty"

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"{folder} holds something else. Name a folder that is empty or does not exist yet.",
            folder=str(folder),
        )


def take_out(
    site: Site, folder: Path, *, now: datetime, reader: User | None = None
) -> dict[str, int]:
    """Write a site's memory to a folder, and say how many rows of what it holds.

    An earlier export in the folder is replaced; anything else there is left alone and refused.

    Args:
        site: The site.
        folder: Where.
        now: The moment.
        reader: For whom it is; None where nobody knows who will read it. Results that the
            policy hides from them until the planned end are left out, and named.

    Raises:
        NotEmpty: The folder holds something else.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        _check_export(folder)
    for part in ("json", "csv", "markdown", "pictures"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    catch_up(site, most=None)
    counts = {}
    hidden = hidden_from(site, reader, now=now)
    for name, documents in documents_of(site, hidden=hidden):
        counts[name] = len(documents)
        _write_json(folder / "json" / f"{name}.json", documents)
        (folder / "csv" / f"{name}.csv").write_bytes(csv_of([_flat(each) for each in documents]))
        if name == "pictures":
            _copy_pictures(site, folder / "pictures", documents)
    library = library_of(site)
    _write_json(folder / "json" / "library.json", library)
    (folder / "csv" / "library.csv").write_bytes(csv_of([_flat(each) for each in library]))
    _write_markdown(site, folder / "markdown", library)
    _write_json(
        folder / "manifest.json",
        {
            "format": FORMAT,
            "version": VERSION,
            "site": site.name,
            "written_at": now.isoformat(),
            "rows": counts,
            "worked_out": ["library"],
            "results_hidden": sorted(hidden),
        },
    )
    return counts


def _check_export(folder: Path) -> None:
    """Make sure that nothing but an earlier export is replaced."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise NotEmpty(folder=folder)


def hidden_from(site: Site, reader: User | None, *, now: datetime) -> frozenset[str]:
    """Name the running experiments whose effects a reader, or just anybody, may not see yet."""
    policy = policy_of(site)
    return frozenset(
        each.key
        for each in ExperimentRecord.objects.filter(
            site=site, stage__in=[stage.value for stage in RUNNING]
        ).select_related("site")
        if (
            hides_from_some(each, now=now, policy=policy)
            if reader is None
            else hides_from(each, reader, now=now, policy=policy)
        )
    )


def documents_of(
    site: Site, *, hidden: Collection[str] = ()
) -> Iterable[tuple[str, list[Document]]]:
    """Give every table as documents; what comes of an invalid experiment is marked.

    Args:
        site: The site.
        hidden: Experiments whose analyses are left out.
    """
    veiled = {json.dumps([key], ensure_ascii=False) for key in hidden}
    names = Names()
    people_named(site, names)
    broken = {
        each.experiment.key: each.watermark
        for each in EntryRecord.objects.filter(site=site, valid=False)
        .select_related("experiment")
        .only("experiment__key", "valid", "mark")
    }
    marked = {json.dumps([key], ensure_ascii=False): mark for key, mark in broken.items()}
    for table in TABLES:
        documents = []
        for row in rows_of(site, table, names):
            document = row.document
            if table.name == "analyses" and document["experiment"] in veiled:
                continue
            if table.name == "experiments" and document["key"] in broken:
                document = {**document, "watermark": broken[document["key"]]}
            elif table.name in _MARKED and document["experiment"] in marked:
                document = {**document, "watermark": marked[document["experiment"]]}
            documents.append(document)
        yield table.name, documents


_MARKED: Final = frozenset({"analyses", "decisions", "learnings"})


def library_of(site: Site) -> list[Document]:
    """Give every entry of the library, the newest first."""
    entries = tuple(
        EntryRecord.objects.filter(site=site)
        .select_related("experiment__hypothesis", "experiment__decision")
        .prefetch_related("experiment__learnings")
        .defer("words")
        .order_by("-began_on", "experiment__key")
    )
    tried: dict[int, tuple[str, ...]] = {}
    for one in judged(site):
        for each in one.tests:
            tried[each.record.experiment_id] = (
                *tried.get(each.record.experiment_id, ()),
                one.record.key,
            )
    shelf = Shelf(
        entries=entries,
        total=len(entries),
        invalid=0,
        pages=1,
        facets={},
        learnings={
            each.experiment_id: tuple(
                sorted(each.experiment.learnings.all(), key=lambda one: one.number)
            )
            for each in entries
        },
        principles=tried,
        pictures=pictures_of([each.experiment_id for each in entries]),
    )
    return [entry_document(each, shelf) for each in entries]


def _flat(document: Mapping[str, Any]) -> dict[str, str | int | float | bool | None]:
    return {
        name: value
        if value is None or isinstance(value, str | int | float | bool)
        else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in document.items()
    }


def _write_json(path: Path, document: object) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1, default=str, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _copy_pictures(site: Site, folder: Path, documents: Iterable[Document]) -> None:
    for each in documents:
        path = path_of(site, each["sha256"])
        if path.is_file():
            shutil.copyfile(path, folder / f"{each['sha256']}.{ENDINGS[each['kind']]}")


def _write_markdown(site: Site, folder: Path, library: list[Document]) -> None:
    tests = folder / "experiments"
    tests.mkdir()
    lines = [f"# What {md(site.title)} knows", ""]
    lines += [f"- {md(each.text)} ({each.key}) — {md(each.grounds)}" for each in what_we_know(site)]
    lines += ["", "## Experiments", ""]
    for each in library:
        name = file_name(each["experiment"])
        mark = f" **{each['watermark']}**" if each["watermark"] else ""
        lines.append(f"- [{md(each['name'])}](experiments/{name}): {_outcome(each)}.{mark}")
        (tests / name).write_text(_experiment(each), encoding="utf-8")
    (folder / "README.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    rules = ["# Principles", ""]
    for one in judged(site):
        rules += [f"## {one.record.key} {md(one.record.statement)}", ""]
        rules += [f"{one.status.value.capitalize()}. {grounds_of(one)}", ""]
        rules += [f"{md(one.record.detail)}", ""] if one.record.detail else []
        rules += [
            f"- {md(each.record.experiment.name)}: {each.reading.called.lower()}"
            for each in one.tests
        ]
        rules.append("")
    (folder / "principles.md").write_text("\n".join(rules), encoding="utf-8")


def _experiment(entry: Document) -> str:
    lines = [f"# {md(entry['name'])}", ""]
    if entry["watermark"]:
        lines += [f"> **{entry['watermark']}**", ""]
    facts = {
        "Key": entry["experiment"],
        "Began": entry["began_on"],
        "Where": entry["surface"],
        "For": entry["audience"],
        "Metric": entry["metric"],
        "Outcome": _outcome(entry),
        "Decided": entry["decision"],
        "Hypothesis": entry["hypothesis"],
        "Principles": ", ".join(entry["principles"]),
        "Not documented": ", ".join(entry["missing"]),
    }
    lines += [f"- {name}: {md(str(value))}" for name, value in facts.items() if value]
    if entry["learnings"]:
        lines += ["", "## Written of it" if entry["watermark"] else "## Learned", ""]
        lines += [
            f"- {each['key']}: {md(each['text'])} Holds for: {md(each['scope'])}"
            for each in entry["learnings"]
        ]
    if entry["pictures"]:
        lines += ["", "## Pictures", ""]
        lines += [f"- {md(each['variant'])}: {each['sha256']}" for each in entry["pictures"]]
    return "\n".join([*lines, ""])


def _outcome(entry: Document) -> str:
    said = str(dict(Outcome.choices)[entry["outcome"]]).lower()
    effect = entry["effect"]
    return f"{said}, {lift(effect['value'])}" if effect else said


_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def md(text: str) -> str:
    """Write a text into Markdown as it is: on one line, and nothing of it is marking."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def file_name(key: str) -> str:
    """Give the name of an experiment's file; a colon is none everywhere."""
    return f"{key.replace(':', '%3A')}.md"
