"""Recording conditions: rooms, microphones, background noise, recorders.

Weights of an early study won on clean synthetic music and lost on recorded pianos; this simulates
the way from the strings to the file. All functions work on float32 waves at ``tones.RATE_HZ``.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

from train.music.tones import RATE_HZ, SmoothGain, Wave, damped_sines

_SOUND_METRES_PER_SECOND = 343.0


def draw_room(rng: np.random.Generator, wet: float | None = None) -> Wave:
    """An impulse response that starts with the direct sound (amplitude 1).

    Early reflections are image sources of a box, at most one along each axis; the tail is noise
    whose decay depends on frequency. ``wet`` is the tail's energy over the direct sound's (drawn
    between -26 and +3 dB when None). The direct sound stays at sample 0, so labels need no shift.
    """
    size = rng.uniform([3, 3, 2.3], [18, 25, 9])
    source, microphone = rng.uniform(0.1, 0.9, (2, 3)) * size
    absorption = rng.uniform(0.05, 0.6)
    steps = np.arange(-1, 2)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    positions = np.where(grid % 2 == 0, grid * size + source, (grid + 1) * size - source)
    distances = np.linalg.norm(positions - microphone, axis=1)
    direct = np.linalg.norm(source - microphone)
    order = np.abs(grid).sum(1)
    gains = (1 - absorption) ** (order / 2) * direct / np.maximum(distances, 0.3)
    gains *= rng.choice([-1, 1], len(gains)) * rng.uniform(0.3, 1, len(gains))
    delays = ((distances - direct) / _SOUND_METRES_PER_SECOND * RATE_HZ).astype(int)

    reverberation = float(np.exp(rng.uniform(np.log(0.15), np.log(2.5))))
    length = int(min(reverberation, 2.0) * RATE_HZ)
    response = np.zeros(length, np.float64)
    keep = (order > 0) & (order <= 2) & (delays > 0) & (delays < length)
    np.add.at(response, delays[keep], gains[keep] * 0.5)

    time = np.arange(length) / RATE_HZ
    tail = np.zeros(length)
    for low_hz, factor in ((0, rng.uniform(0.8, 1.4)), (1500, 1.0), (5000, rng.uniform(0.3, 0.8))):
        band = rng.normal(0, 1, length)
        keep_low = np.exp(-2 * np.pi * max(low_hz, 1500) / RATE_HZ)
        smooth = lfilter([1 - keep_low], [1, -keep_low], band)
        part = smooth if low_hz == 0 else band - smooth
        tail += part * np.exp(-6.9 * time / (reverberation * factor)) * (0.5 if low_hz else 1.0)
    tail *= 1 - np.exp(-time / rng.uniform(0.004, 0.03))
    level = 10 ** (rng.uniform(-26, 3) / 10) if wet is None else wet
    tail *= np.sqrt(level / (np.sum(tail**2) + 1e-12))
    response += tail
    response[0] = 1.0
    return response.astype(np.float32)


def draw_strings(rng: np.random.Generator, lowest: int = 24, highest: int = 88) -> Wave:
    """Impulse response, of unit energy, of the strings that ring under a piano's pedal."""
    pitches = np.repeat(np.arange(lowest, highest + 1), 5).astype(float)
    partial = np.tile(np.arange(1, 6), highest - lowest + 1)
    frequencies = 440 * 2 ** ((pitches - 69 + rng.normal(0, 0.04, len(pitches))) / 12) * partial
    decays = rng.uniform(0.3, 2.5) * 2 ** (-(pitches - 60) / 24) / partial**0.5
    levels = rng.uniform(0.1, 1, len(pitches)) / partial
    wave = damped_sines(frequencies, decays, levels, rng.uniform(0, 6.28, len(pitches)), 2.0)
    return np.asarray(wave / np.sqrt(np.sum(wave**2)), dtype=np.float32)


def reverberate(wave: Wave, response: Wave) -> Wave:
    """``wave`` heard through ``response``, cut to the same length."""
    return np.asarray(fftconvolve(wave, response)[: len(wave)], dtype=np.float32)


def colour(wave: Wave, rng: np.random.Generator) -> Wave:
    """A microphone's and a recorder's random response: bumps, a tilt, low and high cut."""
    size = 1 << int(np.ceil(np.log2(len(wave) + RATE_HZ // 10)))
    frequencies = np.fft.rfftfreq(size, 1 / RATE_HZ)
    gain = SmoothGain(rng, rng.uniform(0.5, 4.5))(frequencies)
    gain *= 10 ** (rng.uniform(-3, 2) * np.log2(np.maximum(frequencies, 50) / 500) / 20)
    low_hz, high_hz = rng.uniform(10, 90), rng.uniform(3500, 14_000)
    gain /= np.sqrt(1 + (low_hz / np.maximum(frequencies, 1)) ** 4)
    gain /= np.sqrt(1 + (frequencies / high_hz) ** rng.choice([2, 4, 8]))
    return np.fft.irfft(np.fft.rfft(wave, size) * gain, size)[: len(wave)].astype(np.float32)


def draw_noise(rng: np.random.Generator, length: int) -> Wave:
    """Background of unit power: coloured noise, sometimes with mains hum."""
    spectrum = rng.normal(0, 1, length // 2 + 1) + 1j * rng.normal(0, 1, length // 2 + 1)
    frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
    spectrum = spectrum * np.maximum(frequencies, 20) ** -rng.uniform(0, 1.4)
    spectrum = spectrum * SmoothGain(rng, 4)(frequencies)
    noise = np.fft.irfft(spectrum, length)
    noise /= np.std(noise) + 1e-12
    if rng.random() < 0.25:
        mains = rng.choice([50, 60]) * np.arange(1, 6)
        time = np.arange(length) / RATE_HZ
        hum = (rng.uniform(0, 1, 5)[:, None] * np.sin(2 * np.pi * mains[:, None] * time)).sum(0)
        noise += hum * rng.uniform(0, 1)
    return (noise / (np.std(noise) + 1e-12)).astype(np.float32)


def degrade(wave: Wave, rng: np.random.Generator) -> Wave:
    """A poor copy for the tests: a live room, a dull microphone, noise at 25 dB below the music."""
    wave = reverberate(wave, draw_room(rng, wet=0.5))
    keep = np.exp(-2 * np.pi * 2500 / RATE_HZ)
    wave = lfilter([1 - keep], [1, -keep], wave).astype(np.float32)
    noise = draw_noise(rng, len(wave)) * np.std(wave) * 10 ** (-25 / 20)
    return (wave + noise).astype(np.float32)
