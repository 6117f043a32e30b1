"""The command: parse, run, print."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from export.build import STAGES_VARIANT, Key, build, file_name, list_keys
from export.catalog import BASELINES, EPSILON, MODELS
from export.describe import Source, make_recipe, tool_versions
from export.graph.constants import ConstantLostError
from export.layout import EngineError
from export.load.sources import Weights, choose_source, choose_weights
from export.manifest import (
    FILE_NAME,
    SHIPPED,
    EngineFile,
    Manifest,
    ManifestError,
    ModelFile,
    Variant,
    sha256_of,
)
from export.options import Options
from export.prove import NumberError
from export.variants.engine import (
    build_engine,
    copy_modules,
    engine_name,
    engine_recipe,
)

OPSETS = range(18, 22)
"""The exporter writes 18 or newer, onnxruntime-web 1.18.0 reads up to 21."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 (a proof failed), 2 (usage), 130 (stopped)."""
    options = parse(arguments)
    console = Console(stderr=True, quiet=options.quiet, highlight=False)
    try:
        models = [MODELS[name] for name in options.models or MODELS]
        source = choose_source(options.checkpoints, options.weights)
        weights = choose_weights(models, source, bool(options.models), options.baselines)
        for model in models:
            if model.name not in weights:
                why = "made with --baselines" if model.baseline else "it has no checkpoint"
                console.print(f"left out: {model.name} ({why})")
        made = Options(tuple(options.variants), options.eps, options.opset, not options.plain)
        manifest, fresh = export(weights, made, options.out, console, force=options.force)
    except (ValueError, OSError) as error:
        errors = Console(stderr=True, highlight=False, soft_wrap=True)
        errors.print(f"error: {error}", style="bold red", markup=False)
        return 1 if isinstance(error, (NumberError, ConstantLostError)) else 2
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; nothing was changed")
        return 130
    if options.json:
        print(json.dumps({"fresh": sorted(fresh), **asdict(manifest)}, indent=2, sort_keys=True))
    else:
        print_table(manifest, fresh, console, verbose=options.verbose)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; exits with status 2 on bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Make web-ready ONNX files from trained checkpoints, and prove each of them.",
    )
    where = parser.add_argument_group("weights (default: the bundled ones)")
    where.add_argument(
        "--checkpoints", type=Path, metavar="DIR", help="folder of .pth or .safetensors"
    )
    where.add_argument("--weights", metavar="NAME", help="timbreamt: download the published ones")
    what = parser.add_argument_group("what to make (default: all that has weights)")
    what.add_argument("--models", nargs="+", choices=MODELS, metavar="NAME", help=", ".join(MODELS))
    what.add_argument(
        "--baselines",
        action="store_true",
        help=f"{' and '.join(BASELINES)} too: to compare with, with random weights",
    )
    variants = get_args(Variant)
    what.add_argument(
        "--variants",
        nargs="+",
        choices=variants,
        default=SHIPPED,
        help=f"out of {', '.join(variants)}; default: {' '.join(SHIPPED)}",
    )
    what.add_argument("--out", type=Path, default=Path("dist/models"), metavar="DIR")
    what.add_argument(
        "--plain",
        action="store_true",
        help="leave every layer as it was trained: twice the time, more memory; to compare with",
    )
    what.add_argument("--opset", type=int, choices=OPSETS, default=OPSETS[0], help="default: 18")
    what.add_argument(
        "--eps",
        type=_positive,
        default=EPSILON,
        metavar="E",
        help="epsilon under the logarithm (default: 1.01e-8, as the published weights have it)",
    )
    what.add_argument("--force", action="store_true", help="rebuild up-to-date files")
    how = parser.add_argument_group("output")
    how.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    how.add_argument("-v", "--verbose", action="store_true", help="list the constants followed")
    how.add_argument("--json", action="store_true", help="print a machine-readable summary")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")


def export(
    weights: dict[str, Weights], options: Options, out: Path, console: Console, *, force: bool
) -> tuple[Manifest, set[str]]:
    """Make new and changed files, move them into place at the end, and return the manifest.

    The second value names the files that were made. Entries of other models and variants stay if
    the same tools made them.
    """
    before = _read_previous(out)
    entries = {file.path: file for file in before.files} if before else {}
    stale: dict[str, list[Key]] = {}
    for name, source in weights.items():
        model = MODELS[name]
        for key in list_keys(model, options.variants):
            recipe = make_recipe(Source(model, key.variant, key.stage, source, options))
            if force or not _is_current(entries.get(file_name(model, key)), recipe, out):
                stale.setdefault(name, []).append(key)
    engines = {file.path: file for file in before.engines} if before else {}
    stale_engines = [
        name
        for name, source in weights.items()
        if _has_engine(name, options)
        if force
        or not _is_current(
            engines.get(engine_name(MODELS[name])),
            engine_recipe(MODELS[name], source, options),
            out,
        )
    ]
    fresh: set[str] = set()
    if stale or stale_engines:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=out) as folder:
            for file in _build_all(stale, weights, options, Path(folder), console):
                entries[file.path] = file
                fresh.add(file.path)
            for name in stale_engines:
                engines.pop(engine_name(MODELS[name]), None)
                try:
                    built = build_engine(MODELS[name], weights[name], options, Path(folder))
                except EngineError as error:
                    console.print(f"{name}: no file for the engine: {error}")
                    continue
                engines[built.path] = built
                fresh.add(built.path)
            manifest = _collect(entries, before, fresh, engines)
            if manifest.engines:
                manifest = replace(manifest, modules=copy_modules(Path(folder)))
            (Path(folder) / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
            modules = [module.path for module in manifest.modules]
            for name in [*sorted(fresh), *modules, FILE_NAME]:
                (Path(folder) / name).replace(out / name)
            _remove_unlisted(out, manifest)
    return Manifest.read(out), fresh


def _has_engine(name: str, options: Options) -> bool:
    """Whether weights for the engine are made: with a model's stages, in the fast form."""
    return bool(MODELS[name].stages) and STAGES_VARIANT in options.variants and options.fast


def _build_all(
    stale: dict[str, list[Key]],
    weights: dict[str, Weights],
    options: Options,
    folder: Path,
    console: Console,
) -> Iterator[ModelFile]:
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("export", total=sum(map(len, stale.values())))

        def tell(text: str) -> None:
            progress.update(task, description=text)

        for name, keys in stale.items():
            for file in build(MODELS[name], weights[name], options, keys, folder, tell):
                yield file
                progress.advance(task)
        tell("done")


def _read_previous(out: Path) -> Manifest | None:
    try:
        return Manifest.read(out)
    except ManifestError:
        return None


def _is_current(entry: ModelFile | EngineFile | None, recipe: str, out: Path) -> bool:
    if entry is None or entry.recipe != recipe:
        return False
    path = out / entry.path
    return path.is_file() and sha256_of(path) == entry.sha256


def _collect(
    entries: dict[str, ModelFile],
    before: Manifest | None,
    fresh: set[str],
    engines: Mapping[str, EngineFile] = MappingProxyType({}),
) -> Manifest:
    """Keep another entry only if these tools made it, and still can."""
    same_tools = before is not None and before.versions == tool_versions()
    kept = [
        file
        for path, file in entries.items()
        if path in fresh
        or (same_tools and file.model in MODELS and file.variant in get_args(Variant))
    ]
    order = [engine_name(model) for model in MODELS.values()]
    kept_engines = [engines[path] for path in order if path in engines]
    kept_engines = [file for file in kept_engines if file.path in fresh or same_tools]
    return Manifest(tuple(sorted(kept, key=_position)), tool_versions(), tuple(kept_engines))


def _position(file: ModelFile) -> tuple[bool, int, int, int]:
    """Whole models first; stages in running order."""
    model = MODELS[file.model]
    stage = model.stages.index(file.stage) if file.stage else -1
    return (
        file.stage is not None,
        list(MODELS).index(file.model),
        get_args(Variant).index(file.variant),
        stage,
    )


def _remove_unlisted(out: Path, manifest: Manifest) -> None:
    """Remove files that the manifest no longer names, and leftovers of a killed run."""
    listed = {file.path for file in manifest.everything}
    for path in (*out.glob("*.onnx"), *out.glob("*.engine")):
        if path.name not in listed:
            path.unlink()
    for folder in out.glob(".new-*"):
        shutil.rmtree(folder, ignore_errors=True)


def print_table(
    manifest: Manifest, fresh: set[str], console: Console, *, verbose: bool = False
) -> None:
    """Print the manifest's files."""
    # All within 80 columns, the width of logs and of many terminals: no name is cut off.
    table = Table(box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for heading in ("file", "bytes", "nodes", "error", "weights", ""):
        numeric = heading in ("bytes", "nodes", "error")
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=True)
    for file in manifest.files:
        table.add_row(
            file.path,
            f"{file.bytes:,}".replace(",", " "),
            str(file.nodes),
            f"{max(file.error.values()):.1e}",
            file.weights,
            "made" if file.path in fresh else "kept",
        )
    for engine in manifest.engines:
        size = f"{engine.bytes:,}".replace(",", " ")
        state = "made" if engine.path in fresh else "kept"
        table.add_row(engine.path, size, "", "", engine.weights, state)
    console.print(table)
    if verbose:
        for listed in manifest.everything:
            console.print(f"\n{listed.path}: constants that came through every step", style="bold")
            for guard in listed.guards:
                console.print(f"  {guard}")


if __name__ == "__main__":
    sys.exit(main())
