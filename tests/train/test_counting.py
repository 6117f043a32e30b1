"""The network that counts timbres, on drawn sounds; the pieces it learns from; and its table."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.stand_in import TUNE, make_tune, write_models
from train.judge import players
from train.judge.counted import hear_counts, write_counts
from train.judge.listen import Heard, hear
from train.judge.pieces import Piece
from train.learn import counting
from train.learn.counting import CERTAIN, FOLDS, Ear, folds_of, settle, teach, train, verdicts
from train.learn.sounds import (
    BELOW,
    BESIDES,
    BINS,
    SPECTRA,
    TRAITS,
    Example,
    example_of,
    read_shard,
    write_shard,
)
from train.music import sampled
from train.music.scores import write_ensemble, write_piano
from train.music.stems import perform
from train.music.tones import RATE_HZ, ModelledPiano, RandomTimbre

VALUES = SPECTRA * BINS + BESIDES + TRAITS
SILENT = np.zeros(9, np.float32)
NONE = np.zeros((0, 3))


def draw(apart: float, seed: int = 1, count: int = 160) -> list[Example]:
    """Pieces in turns of one and of two of twelve instruments, whose sounds are ``apart``."""
    rng = np.random.default_rng(seed)
    tones = apart * np.random.default_rng(0).normal(size=(12, VALUES))
    made = []
    for index in range(count):
        names = rng.choice(12, 1 + index % 2, replace=False)
        player = rng.integers(0, len(names), 20)
        sounds = rng.normal(0, 1, (20, VALUES)) + tones[names[player]]
        start = np.sort(rng.integers(0, 900, 20))
        notes = np.stack([start, start + 20, rng.integers(40, 80, 20)], 1)
        instruments = tuple(f"instrument {name}" for name in names)
        made.append(Example(sounds.astype(np.float16), notes, player, instruments))
    return made


def separation(apart: float, steps: int) -> float:
    """How often the network gives a mixture more than a single instrument."""
    ear = train(draw(apart), steps)
    own = draw(apart, seed=2)
    odds = verdicts(ear, own)
    two = np.array([len(one.instruments) > 1 for one in own])
    return float(np.mean(odds[two][:, None] > odds[~two]))


def test_the_network_learns_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "EQUALISER", 0.01)  # of noise, a curve would leave nothing
    assert separation(1.0, 60) > 0.9
    assert 0.3 < separation(0.0, 60) < 0.7, "the check sees sounds that say nothing"


def test_a_settled_network_says_what_it_said() -> None:
    torch.manual_seed(0)
    ear, told = Ear(), torch.randn(200, VALUES)
    with torch.no_grad():
        ear.norm.weight.uniform_(0.5, 2)
        ear.hear(3 * told + 1)  # so that the norm has seen something
        before = ear.eval().hear(told)
        after = settle(ear).hear(told)
        assert (after - before).abs().max() < 0.03 * before.abs().max()
        assert (after - before).abs().max() > 1e-5, "the check sees weights rounded"
        torch.testing.assert_close(settle(ear).hear(told), after)


def test_instruments_are_judged_by_what_others_taught() -> None:
    pieces = draw(1.0)
    judged: set[str] = set()
    for others, own in folds_of(pieces):
        inside = {name for one in own for name in one.instruments}
        assert inside
        assert not inside & {name for one in others for name in one.instruments}
        assert not inside & judged
        judged |= inside
    assert len(judged) == 12


def test_limits_are_what_single_instruments_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = draw(1.0)
    told = {id(one): float(i) for i, one in enumerate(pieces)}
    ear = Ear()
    monkeypatch.setattr(counting, "train", lambda *_: ear)
    monkeypatch.setattr(counting, "verdicts", lambda _, own: [told[id(one)] for one in own])
    taught = teach(pieces)
    assert taught.ears == [ear] * FOLDS
    alone = np.array([told[id(one)] for one in pieces if len(one.instruments) == 1])
    assert abs(np.mean(alone < taught.certain) - CERTAIN) < 0.01
    assert taught.likely < taught.certain
    assert 0 <= taught.found <= 1


def test_a_coloured_piece_keeps_what_a_note_is_compared_with() -> None:
    (one,) = draw(1.0, count=1)
    spectra = slice(0, SPECTRA * BINS)
    one.sounds[:, spectra] = np.clip(one.sounds[:, spectra], -3, 2)
    one.sounds[:, BINS - 1] = -7  # beyond the highest semitone
    flat, rising = one.coloured(np.full(12, 0.5)), one.coloured(np.linspace(0, 12, 12))
    np.testing.assert_allclose(flat.sounds, one.sounds, atol=2e-3)
    assert (rising.sounds[:, BINS - 1] == -7).all()
    change = (rising.sounds - one.sounds)[:, spectra].reshape(-1, SPECTRA, BINS).astype(float)
    assert np.abs(change[:, :, BELOW]).max() < 2e-3
    # 12 values are 11 steps over 126 semitones, -2 to 124 from the lowest
    octave = np.clip(one.sounds[:, BELOW + 12].astype(float) + 12 * 12 / 124, -7, 3)
    np.testing.assert_allclose(rising.sounds[:, BELOW + 12], octave, atol=0.02)
    np.testing.assert_array_equal(rising.sounds[:, spectra.stop :], one.sounds[:, spectra.stop :])


def test_notes_are_given_to_those_who_played_them() -> None:
    score = np.array([[0.5, 1, 60], [0.52, 1, 60], [0.5, 1, 64], [2, 3, 64]], float)
    piece = Piece(
        *("one", "made", SILENT, RATE_HZ, score, 2),
        instruments=("flute", "harp"),
        played_by=np.array([0.0, 1, 1, 0]),
    )
    found = np.array([[0.51, 1, 60], [0.51, 1, 64], [1.9, 3, 64], [2.01, 3, 64], [2, 3, 65]])
    sounds = np.random.default_rng(0).random((5, VALUES)).astype(np.float32)
    places = [[round(100 * start), round(100 * end), int(p)] for start, end, p in found]
    packed = base64.b64encode(sounds.tobytes()).decode()
    example = example_of(piece, Heard(found, {"places": places, "sounds": packed}))
    assert example.players.tolist() == [-1, 1, -1, 0, -1]
    assert example.instruments == ("flute", "harp")
    np.testing.assert_array_equal(example.sounds, sounds.astype(np.float16))
    assert example.notes.tolist() == places


def test_the_library_tells_what_it_hears(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    piece = Piece(
        *("a tune", "made", make_tune(), 44_100),
        np.array([(start, end, pitch) for start, end, pitch, _ in TUNE], float),
        instruments=("sine",),
        played_by=np.zeros(len(TUNE)),
    )
    options: dict[str, object] = {"describeSounds": True}
    (heard,) = hear([piece], models, tmp_path, "septimbre", options)
    example = example_of(piece, heard)
    assert len(example.notes) == len(heard.notes) > 6
    assert (example.players == 0).all()
    own = example.sounds[:, 6 * BINS + BELOW].astype(float)
    assert np.abs(own).max() < 1, "a held note is as loud as itself"


def test_who_joins_a_piano_is_heard(models: Path, tmp_path: Path) -> None:
    """On instruments that need no soundfont: such as taught the networks."""
    pieces = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        piano, other = ModelledPiano(rng), RandomTimbre(rng)
        wave, _ = perform(piano, write_piano(rng, 8, plain=True), 8, rng)
        line = write_ensemble(rng, 8, [(other.lowest, other.highest)])[0]
        joined, _ = perform(other, line, 8, rng)
        joined *= np.std(wave) / np.std(joined)
        for count, both in ((1, wave), (2, wave + joined)):
            sound = (0.5 * both / np.abs(both).max()).astype(np.float32)
            pieces.append(Piece(f"{seed} {count}", "made", sound, RATE_HZ, NONE, count))
    counts: dict[int, list[int]] = {1: [], 2: []}
    for piece, heard in zip(pieces, hear_counts(pieces, models, tmp_path), strict=True):
        counts[piece.timbres].append(heard.answer["timbres"])
    assert counts[2].count(2) >= counts[1].count(2) + 3, counts


def test_shards_hold_what_has_notes_enough(tmp_path: Path) -> None:
    pieces = draw(1.0, count=3)
    one = pieces[0]
    few = Example(one.sounds[:5], one.notes[:5], one.players[:5], ("few",))
    path = tmp_path / "00000.npz"
    write_shard([few, *pieces], path)
    again = read_shard(path)
    assert [one.instruments for one in again] == [one.instruments for one in pieces]
    for one, other in zip(again, pieces, strict=True):
        for name in ("sounds", "notes", "players"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("families", "name"),
    [
        ([3], "one"),
        ([None], "one"),
        ([3, 3], "two of a family"),
        ([3, 4], "two families"),
        ([3, None], "two"),
        ([None, None], "two"),
    ],
)
def test_groups_of_pieces_tell_families(families: list[int | None], name: str) -> None:
    assert players.name_group(families) == name


def test_what_judges_did_not_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(players, "Soundfont", str)
    none = Path("none")
    choosing, judging = players.choosing_band(none, none), players.judging_bands(none)
    for one in judging.values():
        assert not set(choosing.fonts) & set(one.fonts)
        assert not set(choosing.recorded) & set(one.recorded)
        assert one.programs or one.recorded
    assert not set(choosing.programs) & set(judging["new"].programs)
    assert len({one.salt for one in (choosing, *judging.values())}) == 4
    assert set(choosing.recorded) | players.HELD_BACK == set(sampled.RECORDED)


def test_two_instruments_differ_and_two_pianos_are_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    tone = (8000 * np.sin(np.arange(20_000) / 30)).astype(np.int16)
    samples = tmp_path / "recorded.npz"
    np.savez(samples, piano_60=tone, harp_60=tone, flute_72=tone)
    band = players.Band(1, recorded=("piano", "harp"), samples=samples, recorded_share=1.0)
    monkeypatch.setattr(players, "SECONDS", (8.0, 8.5))
    one, two = players.render_players(band, 2)
    assert len(one.instruments) == 1
    assert set(two.instruments) == {"piano", "harp"}
    assert two.played_by is not None
    assert set(two.played_by) == {0, 1}
    assert len(two.played_by) == len(two.notes)
    harp = sampled.Recorded(samples, "harp", rng)
    assert (harp.lowest, harp.highest) == (57, 63)
    assert abs(len(harp.tone(63, 100)) / 20_000 - 2 ** (-3 / 12)) < 0.01
    kinds = [players.Part(SILENT, [], name, None).kind for name in ("piano", "program 2", "harp")]
    assert kinds == ["piano", "piano", "harp"]


def test_the_table_of_counts() -> None:
    pieces = [Piece(f"{k}", "made", SILENT, 44_100, NONE, timbres=k) for k in (1, 1, 2, 2)]
    told = [(1, 1), (1, 2), (2, 2), (1, 1)]
    heard = [Heard(NONE, {"timbres": count, "perhaps": most}) for count, most in told]
    lines = list(write_counts(pieces, {"ours": heard}))
    assert lines[2:] == [
        "| ours | made, 2 | 1 | 0.50 | 0.50 | 0.00 |",
        "| ours | made, 2 | 2 | 0.50 | 0.00 | 0.50 |",
    ]
