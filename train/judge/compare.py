"""``make evaluate``: every network on every set, as tables and as figures for the model cards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from export.catalog import EPSILON
from train.judge.evaluate import (
    BasicPitch,
    Network,
    Transcriber,
    bootstrap,
    judge,
    read_clips,
    render_clips,
)
from train.judge.separate import Separator, render_mixture
from train.music.sampled import FONTS, Soundfont
from train.music.stems import Studio

Figures = dict[str, Any]
_OURS, _PUBLISHED = "ours", "published"


def compare_notes(options: argparse.Namespace, console: Console) -> Figures:
    """Note and frame F1 of each network on each set, and our lead with its 95 % interval.

    Thresholds are tuned on the validation pieces; for recordings, on the first folder, which is
    validation material itself.
    """
    networks: list[Transcriber] = [
        Network(_OURS, options.weights / "basicamt.safetensors", EPSILON)
    ]
    if options.checkpoints:
        networks.append(Network(_PUBLISHED, _find(options.checkpoints, "basicamt"), EPSILON))
    if options.basic_pitch:
        networks.append(BasicPitch(options.basic_pitch))
    recordings = {folder.name: read_clips(folder) for folder in options.real}
    studio = Studio(None)
    console.print("rendering validation and test pieces")
    tuning, tuning_poor = render_clips(studio, "validation", max(1, options.pieces // 2))
    clean, poor = render_clips(studio, "test", options.pieces)
    sets = {"synthetic": clean, "degraded": poor}
    figures: Figures = {}
    for network in networks:
        result = judge(network, tuning + tuning_poor, sets, console.print)
        scores = {
            name: {"note": result.notes[name].tolist(), "frame": result.frames[name].tolist()}
            for name in sets
        }
        tuned = {"note": result.note_thresholds, "frame": result.frame_threshold}
        figures[network.name] = {"scores": scores, "thresholds": tuned}
        if recordings:
            first = next(iter(recordings.values()))
            own = judge(network, first, recordings, console.print)
            for name in recordings:
                scores[name] = {
                    "note": own.notes[name].tolist(),
                    "frame": own.frames[name].tolist(),
                }
            figures[network.name]["thresholds_real"] = {
                "note": own.note_thresholds,
                "frame": own.frame_threshold,
            }
    return figures


def compare_timbres(options: argparse.Namespace, console: Console) -> Figures:
    """Label accuracy of each separator on mixtures of 2, 3 and 4 test instruments."""
    separators = {_OURS: Separator(options.weights / "septimbre.safetensors")}
    if options.checkpoints:
        separators[_PUBLISHED] = Separator(_find(options.checkpoints, "septimbre"))
    font = Soundfont(FONTS["timgm"])
    figures: Figures = {name: {} for name in separators}
    for timbres in (2, 3, 4):
        console.print(f"separating {timbres} timbres")
        mixtures = [render_mixture(font, timbres, i) for i in range(options.pieces)]
        for name, separator in separators.items():
            figures[name][str(timbres)] = [separator.score(m) for m in mixtures]
    return figures


def print_notes(figures: Figures) -> None:
    """Print means, and our lead."""
    table = Table("set", "score", *figures, title="F1, mean over recordings")
    for name, score in _rows(figures):
        cells = []
        for network in figures:
            values = np.array(figures[network]["scores"][name][score])
            cell = f"{values.mean():.3f}"
            if network != _OURS:
                ours = np.array(figures[_OURS]["scores"][name][score])
                cell += "  ({:+.3f}, {:+.3f} … {:+.3f})".format(*bootstrap(ours, values))
            cells.append(cell)
        table.add_row(name, score, *cells)
    console = Console(width=140)
    console.print(table)
    console.print("in brackets: ours minus theirs, and its 95 % paired bootstrap interval")
    for network in figures:
        console.print(
            f"{network}: thresholds {figures[network]['thresholds']}"
            f", on recordings {figures[network].get('thresholds_real', 'not tuned')}"
        )


def print_timbres(figures: Figures) -> None:
    """Print the share of notes with the right label."""
    table = Table("timbres", *figures, title="Label accuracy, mean over mixtures")
    for timbres in figures[_OURS]:
        cells = []
        for network in figures:
            values = np.array(figures[network][timbres])
            cell = f"{values.mean():.3f}"
            if network != _OURS:
                ours = np.array(figures[_OURS][timbres])
                cell += "  ({:+.3f}, {:+.3f} … {:+.3f})".format(*bootstrap(ours, values))
            cells.append(cell)
        table.add_row(timbres, *cells)
    Console(width=140).print(table)


def _rows(figures: Figures) -> list[tuple[str, str]]:
    return [(name, score) for name in figures[_OURS]["scores"] for score in ("note", "frame")]


def _find(folder: Path, stem: str) -> Path:
    for suffix in (".safetensors", ".pth", ".pt"):
        if (folder / f"{stem}{suffix}").exists():
            return folder / f"{stem}{suffix}"
    raise FileNotFoundError(f"{folder} holds no {stem}.pth; give the published checkpoints' folder")
