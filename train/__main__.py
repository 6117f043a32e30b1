"""The command: render, train, evaluate, ship."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from export.catalog import EPSILON, MODELS, Thresholds
from export.manifest import Manifest
from export.nets.basicamt import NoteBranch
from train.learn.batches import Recipe
from train.learn.ship import ship
from train.learn.trainer import NoteTask, Plan, Task, TimbreTask, Trainer
from train.music.sampled import FONTS, fetch_recorded, fetch_salamander
from train.music.shards import make_shards, read_shard, shard_path

WEIGHTS = Path(__file__).parents[1] / "export" / "weights"
SAVE_EVERY = 100
TASKS: dict[str, tuple[Recipe, float, int]] = {
    "notes": (Recipe(piano_share=0.85, blend=0.15, equaliser_db=3.0), 4e-3, 10_000),
    "timbre": (Recipe(frames=300, crops=3), 3e-3, 4000),
}
"""Recipe, peak learning rate and steps of each part."""

OVERTONES = "overtones"
"""The task of `learn` for the classifier of the library's notes."""
OVERTONE_PIECES = 80
COUNTING = "counting"
"""The task of `learn` for the network that tells one timbre from two."""
COUNTING_PIECES = 10_000
"""Pieces that choose."""
COUNTED_PIECES = 120
"""Pieces of each band that judge."""
SHARDS = 700
"""Pieces that the networks learn from."""
COLUMNS: dict[str, dict[str, object]] = {
    "F1": {},
    "F1, overtones kept": {"keepOvertones": True},
}
"""Options of the library that `listen` compares."""

console = Console(stderr=True, highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status: 0, or 2 (usage, set-up)."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except KeyboardInterrupt:
        console.print("stopped; the same command resumes from the last checkpoint")
        return 2
    except (ValueError, OSError, RuntimeError, ModuleNotFoundError) as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        return 2
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; exits with status 2 on bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m train", description="Train, judge and ship weights of our own."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--cache", type=Path, default=Path(".cache/train"), metavar="DIR")
    common.add_argument("--threads", type=_count, default=1, help="of torch (default: 1)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    about = "make the training pieces (resumes)"
    render = commands.add_parser("render", help=about, parents=[common])
    render.add_argument("--pieces", type=_count, default=SHARDS)
    render.add_argument("--workers", type=_count, default=2)
    render.set_defaults(command=run_render)

    learn = commands.add_parser("learn", help="train one part (resumes)", parents=[common])
    learn.add_argument("task", choices=[*TASKS, OVERTONES, COUNTING])
    learn.add_argument(
        "--models",
        type=Path,
        nargs="+",
        default=[Path("dist/models")],
        metavar="DIR",
        help="models whose notes a classifier learns from; those of the first count most",
    )
    learn.add_argument("--pieces", type=_count, default=None)
    learn.add_argument("--workers", type=_count, default=2, help="that make pieces (default: 2)")
    learn.add_argument("--steps", type=_count, default=None)
    learn.add_argument("--eps", type=float, default=None, help="default: the catalogue's")
    learn.set_defaults(command=run_learn)

    about = "judge the library's notes: a table by piece"
    listen = commands.add_parser("listen", help=about, parents=[common])
    listen.add_argument("--models", type=Path, default=Path("dist/models"), metavar="DIR")
    listen.add_argument("--model", default="basicamt", help="default: basicamt")
    listen.add_argument("--real", type=Path, nargs="+", default=[], metavar="DIR")
    listen.add_argument("--pieces", type=_count, default=12, help="rendered ones")
    listen.add_argument("--readme", type=Path, metavar="FILE", help="write the table there too")
    listen.set_defaults(command=run_listen)

    about = "judge how the library counts timbres: a table by weights"
    count = commands.add_parser("count", help=about, parents=[common])
    count.add_argument(
        "--models", type=Path, nargs="+", default=[Path("dist/models")], metavar="DIR"
    )
    count.add_argument(
        "--real", type=Path, nargs="+", default=[], metavar="DIR", help="of one each"
    )
    count.add_argument("--pieces", type=_count, default=COUNTED_PIECES, help="rendered ones")
    count.add_argument("--readme", type=Path, metavar="FILE", help="write the table there too")
    count.set_defaults(command=run_count)

    about = "write export/weights from the last checkpoints"
    bundle = commands.add_parser("ship", help=about, parents=[common])
    bundle.add_argument("--out", type=Path, default=WEIGHTS, metavar="DIR")
    bundle.add_argument("--real", type=Path, metavar="DIR", help="recordings to tune thresholds on")
    bundle.set_defaults(command=run_ship)

    about = "compare with the published weights"
    judge = commands.add_parser("evaluate", help=about, parents=[common])
    judge.add_argument("--weights", type=Path, default=WEIGHTS, metavar="DIR")
    judge.add_argument("--checkpoints", type=Path, metavar="DIR", help="the published weights")
    judge.add_argument(
        "--real",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="recordings with .tsv or .mid; thresholds are tuned on the first folder's",
    )
    judge.add_argument("--basic-pitch", type=Path, metavar="FILE", help="its nmp.onnx")
    judge.add_argument("--pieces", type=_count, default=24, help="of each synthetic set")
    judge.add_argument("--out", type=Path, default=Path("dist/evaluation.json"), metavar="FILE")
    judge.set_defaults(command=run_evaluate)
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def run_render(options: argparse.Namespace) -> None:
    """Render the pieces that are missing."""
    _require_fonts("fluid", "musescore")
    console.print("fetching the piano's samples (once, about 40 MB)")
    salamander = fetch_salamander(options.cache)
    folder = options.cache / "shards"
    made = make_shards(folder, "train", options.pieces, salamander, options.workers)
    missing = sum(not shard_path(folder, "train", i).exists() for i in range(options.pieces))
    with _progress() as progress:
        task = progress.add_task("pieces", total=missing)
        for _ in made:
            progress.advance(task)


def run_learn(options: argparse.Namespace) -> None:
    """Train one part, saving every 100 steps."""
    if options.task == OVERTONES:
        return run_learn_overtones(options)
    if options.task == COUNTING:
        return run_learn_counting(options)
    recipe, rate, steps = TASKS[options.task]
    if options.eps is not None:
        recipe = replace(recipe, epsilon=options.eps)
    count = options.pieces or SHARDS
    paths = [shard_path(options.cache / "shards", "train", i) for i in range(count)]
    absent = sum(not p.exists() for p in paths)
    if absent:
        raise FileNotFoundError(
            f"{absent} of {len(paths)} pieces are missing; run `python -m train render` first"
        )
    plan = Plan(options.steps or steps, peak_rate=rate)
    torch.manual_seed(plan.seed)
    task: Task = NoteTask()
    if options.task == "timbre":
        task = TimbreTask(_trained_branch(options.cache / "notes.pt"))
    checkpoint = options.cache / f"{options.task}.pt"
    with _progress() as progress:
        reading = progress.add_task("reading", total=len(paths))
        shards = []
        for path in paths:
            shards.append(read_shard(path))
            progress.advance(reading)
        trainer = Trainer(task, plan, recipe, shards)
        if checkpoint.exists():
            trainer.load(checkpoint)
        learning: TaskID = progress.add_task(options.task, total=plan.steps, completed=trainer.step)
        smooth = None
        for step, loss in trainer.run():
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            progress.update(
                learning, completed=step, description=f"{options.task} loss {smooth:.3f}"
            )
            if step % SAVE_EVERY == 0:
                trainer.save(checkpoint)
        trainer.save(checkpoint)


def run_learn_overtones(options: argparse.Namespace) -> None:
    """Train the classifier of the library's notes; minutes, most of them for the networks."""
    from train.judge.pieces import render_choosing
    from train.learn.overtones import WEIGHTS_FILE, choose_keep, collect, fit, write_weights
    from train.music.stems import Studio

    _require_fonts("fluid", "musescore", "csound")
    console.print("rendering the pieces that choose")
    studio = Studio(fetch_salamander(options.cache))
    pieces = list(render_choosing(studio, options.pieces or OVERTONE_PIECES))
    found = [one for models in options.models for one in collect(pieces, models, options.cache)]
    keep, means = choose_keep(found)
    console.print(f"note F1 of pieces left out, by probability: {means}")
    write_weights(fit([one for many in found for one in many]), keep, WEIGHTS_FILE)
    console.print(f"kept from {keep} on; wrote {WEIGHTS_FILE}")


def run_learn_counting(options: argparse.Namespace) -> None:
    """Train the network that counts timbres; an hour, most of it for the pieces."""
    from train.learn import counting
    from train.learn.sounds import SHARD, collect

    if len(options.models) != 1:
        raise ValueError(
            f"--models names {len(options.models)} folders; give the bundled ones only"
        )
    models = options.models[0]
    _require_fonts("fluid", "musescore", "csound")
    Manifest.read(models).find("septimbre")  # what is missing is said first
    console.print("fetching recorded instruments (once, about 90 MB)")
    recordings = fetch_salamander(options.cache), fetch_recorded(options.cache)
    count = options.pieces or COUNTING_PIECES
    steps = options.steps or counting.STEPS
    with _progress() as progress:
        shards = collect(models, options.cache, *recordings, count, options.workers)
        hearing = progress.track(shards, -(-count // SHARD), description="shards of pieces")
        pieces = [one for shard in hearing for one in shard]
        learning = progress.add_task("learning", total=counting.FOLDS * steps)
        taught = counting.teach(pieces, steps, lambda: progress.advance(learning))
    console.print(f"of instruments not heard, one network finds {taught.found:.0%} of the mixtures")
    counting.write_weights(taught, counting.WEIGHTS_FILE)
    console.print(f"wrote {counting.WEIGHTS_FILE}")


def run_count(options: argparse.Namespace) -> None:
    """Judge how timbres are counted, on pieces that chose nothing; print the table, or write it."""
    from train.judge.counted import hear_counts, write_counts
    from train.judge.listen import fill_readme
    from train.judge.pieces import read_recordings
    from train.judge.players import judging_bands, render_players

    _require_fonts("timgm")
    pieces = [piece for folder in options.real for piece in read_recordings(folder)]
    for name, band in judging_bands(fetch_recorded(options.cache)).items():
        rendered = render_players(band, options.pieces)
        pieces += [replace(piece, group=f"{name}: {piece.group}") for piece in rendered]
    heard = {models.name: hear_counts(pieces, models, options.cache) for models in options.models}
    lines = list(write_counts(pieces, heard))
    print("\n".join(lines))
    if options.readme:
        fill_readme(options.readme, lines, "count")


def _trained_branch(checkpoint: Path) -> NoteBranch:
    if not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint} is missing; run `python -m train learn notes` first")
    branch = NoteBranch()
    branch.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    return branch


def run_ship(options: argparse.Namespace) -> None:
    """Write the bundled weights."""
    parts = [options.cache / f"{task}.pt" for task in TASKS]
    for path in parts:
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing; run `python -m train learn {path.stem}`")
    thresholds = MODELS["basicamt"].thresholds
    with tempfile.TemporaryDirectory() as folder:
        untuned, _ = ship(parts[0], parts[1], Path(folder), thresholds)
        thresholds = tune_thresholds(untuned, options.real)
    console.print(f"tuned: frame {thresholds.frame:.2f}, onset {thresholds.onset:.2f}")
    for path in ship(parts[0], parts[1], options.out, thresholds):
        console.print(f"wrote {path}")


def tune_thresholds(weights: Path, real: Path | None) -> Thresholds:
    """The best thresholds on the recordings in ``real``, or else on the validation soundfont."""
    from train.judge.evaluate import Network, read_clips, render_clips
    from train.judge.measure import tune
    from train.music.stems import Studio

    clips = read_clips(real) if real else render_clips(Studio(None), "validation", 8)[0]
    network = Network("ours", weights, EPSILON)
    (frame, onset), _ = tune([network.hear(clip) for clip in clips], clips)
    return Thresholds(frame=frame, onset=onset)


def run_evaluate(options: argparse.Namespace) -> None:
    """Judge every network that is given, print tables, write the figures."""
    from train.judge.compare import compare_notes, compare_timbres, print_notes, print_timbres

    _require_fonts("csound", "timgm")
    notes = compare_notes(options, console)
    timbres = compare_timbres(options, console)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    beside = options.out.with_name(f".{options.out.name}.new")
    beside.write_text(json.dumps({"notes": notes, "timbres": timbres}, indent=2) + "\n")
    beside.replace(options.out)
    print_notes(notes)
    print_timbres(timbres)


def run_listen(options: argparse.Namespace) -> None:
    """Judge the library on pieces that chose nothing; print the table, or write it."""
    from train.judge.listen import fill_readme, hear, score, write_table
    from train.judge.pieces import read_recordings, render_judging
    from train.music.stems import Studio

    _require_fonts("timgm")
    Manifest.read(options.models).find(options.model)  # what is missing is said first
    pieces = [piece for folder in options.real for piece in read_recordings(folder)]
    pieces += render_judging(Studio(None), options.pieces)
    heard = {
        name: hear(pieces, options.models, options.cache, options.model, chosen)
        for name, chosen in COLUMNS.items()
    }
    lines = list(write_table(score(pieces, heard)))
    print("\n".join(lines))
    if options.readme:
        fill_readme(options.readme, lines)


def _require_fonts(*names: str) -> None:
    absent = [str(FONTS[name]) for name in names if not FONTS[name].exists()]
    if absent:
        raise FileNotFoundError(
            f"missing {', '.join(absent)}; apt-get install fluidsynth fluid-soundfont-gm "
            "musescore-general-soundfont csound-soundfont timgm6mb-soundfont"
        )


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


if __name__ == "__main__":
    sys.exit(main())
