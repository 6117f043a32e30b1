"""Synthetic instruments: a modelled piano and random timbres, one tone at a time.

Every ``rng`` gives another instrument. A tone is a sum of damped sinusoids wherever possible,
because a matrix product makes those a hundred times quicker than a sine per sample.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE_HZ = 22_050
"""Rate of every training waveform, and of the networks."""
_BLOCK = 256
_SILENT = 1e-9

Wave = NDArray[np.float32]


class Instrument(Protocol):
    """An instrument for ``stems.perform``."""

    lowest: int
    highest: int
    release_seconds: float
    """Time constant of a tone's decay once its damper has fallen."""

    def tone(self, pitch: int, velocity: int) -> Wave:
        """The undamped tone at RATE_HZ, beginning with its attack; loud ones peak near 1."""
        ...


def damped_sines(
    frequencies_hz: NDArray[np.float64],
    decays_seconds: NDArray[np.float64],
    amplitudes: NDArray[np.float64],
    phases: NDArray[np.float64],
    duration_seconds: float,
) -> Wave:
    """Sum of a·exp(-t/τ)·cos(2πft + φ) at RATE_HZ; partials above 0.47·RATE_HZ are left out."""
    keep = frequencies_hz < 0.47 * RATE_HZ
    rates = (2j * np.pi * frequencies_hz - 1 / decays_seconds)[keep] / RATE_HZ
    start = (amplitudes * np.exp(1j * phases))[keep]
    blocks = max(1, int(duration_seconds * RATE_HZ / _BLOCK))
    # exp(λ(256k + j)) = exp(256λk)·exp(λj): (blocks, partials) @ (partials, 256)
    coarse = np.exp(np.arange(blocks)[:, None] * (_BLOCK * rates)) * start
    fine = np.exp(rates[:, None] * np.arange(_BLOCK))
    coarse[np.abs(coarse) < _SILENT] = 0  # subnormal numbers are slow
    left = np.concatenate([coarse.real, -coarse.imag], axis=1).astype(np.float32)
    right = np.concatenate([fine.real, fine.imag]).astype(np.float32)
    return np.asarray((left @ right).reshape(-1), dtype=np.float32)


class SmoothGain:
    """A random response over log-frequency, in decibels: a body, a microphone, a room's colour."""

    def __init__(self, rng: np.random.Generator, depth_db: float, bumps: int = 8) -> None:
        self._centres = rng.uniform(np.log2(40), np.log2(10_000), bumps)
        self._widths = rng.uniform(0.15, 1.5, bumps)
        self._gains = rng.normal(0, depth_db, bumps)

    def decibels(self, frequencies_hz: NDArray[np.floating]) -> NDArray[np.float64]:
        """Gain in dB at each frequency (any shape)."""
        octaves = np.log2(np.maximum(frequencies_hz, 20))[..., None]
        bells = np.exp(-0.5 * ((octaves - self._centres) / self._widths) ** 2)
        return np.asarray(bells @ self._gains, dtype=np.float64)

    def __call__(self, frequencies_hz: NDArray[np.floating]) -> NDArray[np.float64]:
        """Linear gain at each frequency."""
        return np.asarray(10 ** (self.decibels(frequencies_hz) / 20))


class ModelledPiano:
    """Struck strings: inharmonic, velocity-dependent, decaying twice, with hammer and key noise."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.lowest, self.highest = 24, 105
        self.release_seconds = float(rng.uniform(0.04, 0.15))
        self._rng = rng
        self._inharmonicity = rng.uniform(1.5e-4, 9e-4)  # of C4
        self._strike = rng.uniform(0.08, 0.16)
        self._decay = rng.uniform(0.6, 1.8)  # of the slow sound at C4, time constant in seconds
        self._prompt = rng.uniform(0.55, 0.95)
        self._ratio = rng.uniform(2.5, 8)
        self._brightness_hz = rng.uniform(500, 2200)
        self._touch = rng.uniform(0.6, 1.5)
        self._damping_hz = rng.uniform(1500, 5000)
        self._detune = rng.uniform(0.1, 1.2)
        self._cents = rng.uniform(-15, 15)
        self._stretch = rng.uniform(0, 2)
        self._body = SmoothGain(rng, rng.uniform(2, 6))
        self._knock = 10 ** (rng.uniform(-55, -22) / 20)
        self._unevenness = rng.uniform(1, 5)
        self._dynamics = rng.uniform(25, 45)
        self._voice = {p: rng.normal(0, 1.5) for p in range(128)}

    def tone(self, pitch: int, velocity: int) -> Wave:
        """See Instrument."""
        rng = self._rng
        octave = (pitch - 60) / 12
        cents = self._cents + self._stretch * octave**3 + rng.normal(0, 0.5)
        base = 440 * 2 ** ((pitch - 69) / 12 + cents / 1200)
        stiffness = self._inharmonicity * 2 ** (1.5 * octave if octave > -1.5 else -2.25)
        n = np.arange(1, min(60, int(9500 / base) + 2))
        partials = n * base * np.sqrt(1 + stiffness * n**2)
        hardness = self._brightness_hz * (velocity / 70) ** self._touch * 2 ** (0.35 * octave)
        level = np.exp(-partials / hardness) + 0.02 * np.exp(-partials / (4 * hardness))
        level *= np.abs(np.sin(np.pi * n * self._strike)) + 0.03
        level *= self._body(partials) * 10 ** (rng.normal(0, self._unevenness, len(n)) / 20)
        slow = self._decay * 2 ** (-0.75 * octave) / (1 + (partials / self._damping_hz) ** 1.5)
        slow = np.maximum(slow * rng.uniform(0.6, 1.6, len(n)), 0.03)
        prompt = np.clip(self._prompt + rng.normal(0, 0.1, len(n)), 0.2, 0.98)
        apart = partials * 2 ** (rng.normal(0, self._detune, len(n)) / 1200)
        duration = float(np.clip(5 * slow.max(), 0.4, 9))
        wave = damped_sines(
            np.concatenate([partials, apart]),
            np.concatenate([slow / self._ratio, slow]),
            np.concatenate([level * prompt, level * (1 - prompt)]),
            rng.uniform(0, 2 * np.pi, 2 * len(n)),
            duration,
        )
        wave /= np.abs(wave).max() + 1e-9
        rise = max(2, int(RATE_HZ * rng.uniform(0.001, 0.004)))
        wave[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
        wave += self._knock * _thump(rng, len(wave), rng.uniform(0.008, 0.05))
        loud = self._dynamics * (velocity - 100) / 100 + self._voice[pitch]
        return (wave * 10 ** (loud / 20)).astype(np.float32)


class RandomTimbre:
    """Any other instrument: additive, frequency modulation, plucked, formants, breath."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.kind = str(rng.choice(["additive", "additive", "fm", "plucked", "vowel"]))
        self.lowest = int(rng.integers(28, 60))
        self.highest = min(107, self.lowest + int(rng.integers(24, 49)))
        self.sustained = self.kind != "plucked" and rng.random() < 0.65
        self.release_seconds = float(rng.uniform(0.02, 0.2))
        self._slope = rng.uniform(0.4, 2.6)  # amplitude of partial n is n^-slope
        self._even = 10 ** (rng.uniform(-30, 0) / 20) if rng.random() < 0.35 else 1.0
        self._shape = 10 ** (rng.normal(0, 6, 80) / 20)
        self._body = SmoothGain(rng, 10 if self.kind == "vowel" else 4)
        self._stiffness = rng.choice([0.0, 0.0, 10 ** rng.uniform(-5, -3)])
        self._attack = 10 ** rng.uniform(-3, -1.3)  # 1 to 50 ms
        self._decay = 10 ** rng.uniform(-0.6, 0.5)  # of the lowest tone, seconds
        self._vibrato_hz = rng.uniform(3.5, 7.5)
        self._vibrato_cents = rng.choice([0, 0, rng.uniform(5, 60)])
        self._tremolo = rng.choice([0, 0, rng.uniform(0.05, 0.5)])
        self._cents = rng.uniform(-20, 20)
        self._chorus = rng.choice([0, 0, rng.uniform(2, 14)])
        self._breath = 10 ** (rng.uniform(-50, -18) / 20) if rng.random() < 0.5 else 0.0
        self._click = 10 ** (rng.uniform(-50, -12) / 20)
        self._ratio = float(rng.choice([1, 1, 2, 3, 4]))
        self._index = rng.uniform(0.3, 5)
        self._dynamics = rng.uniform(8, 35)

    def tone(self, pitch: int, velocity: int) -> Wave:
        """See Instrument."""
        rng = self._rng
        base = 440 * 2 ** ((pitch - 69) / 12 + (self._cents + rng.normal(0, 3)) / 1200)
        decay = self._decay * 2 ** (-(pitch - self.lowest) / 36)
        duration = 4.5 if self.sustained else float(np.clip(5 * decay, 0.3, 5))
        if self.kind == "fm":
            wave = self._fm(base, velocity, decay, duration)
        else:
            wave = self._partials(base, velocity, decay, duration)
        wave = self._wobble(wave, base)
        time = np.arange(len(wave)) / RATE_HZ
        wave /= np.abs(wave).max() + 1e-9
        if self._breath:
            noise = lfilter([1, -0.9], [1, -1.6, 0.8], rng.normal(0, 1, len(wave)))
            fade = 1.0 if self.sustained else np.exp(-time / decay)
            wave = wave + self._breath * fade * noise / (np.abs(noise).max() + 1e-9)
        wave = wave * np.minimum(1, time / self._attack)
        wave = wave + self._click * _thump(rng, len(wave), 0.015)
        return (wave * 10 ** (self._dynamics * (velocity - 100) / 2000)).astype(np.float32)

    def _partials(self, base: float, velocity: int, decay: float, duration: float) -> Wave:
        rng = self._rng
        n = np.arange(1, min(60, int(9500 / base) + 2))
        partials = n * base * np.sqrt(1 + self._stiffness * n**2)
        level = n ** -(self._slope + (90 - velocity) / 90) * self._shape[: len(n)]
        level *= np.where(n % 2 == 0, self._even, 1.0) * self._body(partials)
        if self.kind == "plucked":
            level *= np.abs(np.sin(np.pi * n * rng.uniform(0.1, 0.5))) + 0.02
        if self.sustained:
            decays = np.where(rng.random(len(n)) < 0.3, rng.uniform(0.1, 1, len(n)), 60.0)
            decays[0] = 60.0
        else:
            decays = np.maximum(decay / (1 + (n - 1) * rng.uniform(0.02, 0.5)), 0.02)
        apart = partials * 2 ** (self._chorus / 1200)
        return damped_sines(
            np.concatenate([partials, apart]),
            np.concatenate([decays, decays]),
            np.concatenate([level, level * (0.7 if self._chorus else 0.0)]),
            rng.uniform(0, 2 * np.pi, 2 * len(n)),
            duration,
        )

    def _fm(self, base: float, velocity: int, decay: float, duration: float) -> Wave:
        time = np.arange(int(duration * RATE_HZ)) / RATE_HZ
        bright = min(self._index * (velocity / 90), 0.35 * RATE_HZ / (base * (self._ratio + 1)))
        index = bright * (0.3 + 0.7 * np.exp(-time / (0.3 * decay)))
        wave = np.sin(
            2 * np.pi * base * time + index * np.sin(2 * np.pi * base * self._ratio * time)
        )
        if not self.sustained:
            wave *= np.exp(-time / decay)
        return wave.astype(np.float32)

    def _wobble(self, wave: Wave, base: float) -> Wave:
        time = np.arange(len(wave)) / RATE_HZ
        if self._vibrato_cents:
            depth = self._vibrato_cents / 1200 * np.log(2) / (2 * np.pi * self._vibrato_hz)
            swing = np.minimum(1, time / 0.4) * np.sin(2 * np.pi * self._vibrato_hz * time)
            wave = np.interp(time + depth * swing, time, wave).astype(np.float32)
        if self._tremolo:
            wave = wave * (1 - self._tremolo * (0.5 + 0.5 * np.sin(2 * np.pi * 5.5 * time)))
        return wave.astype(np.float32)


def _thump(rng: np.random.Generator, length: int, decay_seconds: float) -> Wave:
    """A short coloured burst of noise, peak 1: a hammer, a key, a pick."""
    n = min(length, int(6 * decay_seconds * RATE_HZ))
    noise = lfilter([1], [1, -rng.uniform(0.3, 0.97)], rng.normal(0, 1, n))
    noise *= np.exp(-np.arange(n) / (decay_seconds * RATE_HZ))
    out = np.zeros(length, np.float32)
    out[:n] = noise / (np.abs(noise).max() + 1e-9)
    return out
