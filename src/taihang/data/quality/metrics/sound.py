"""Sound: decoded samples with what its container says, and drawn sounds for examples."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
FRAME_S = 0.02


@dataclasses.dataclass(frozen=True)
class Sound:
    """Samples (channels, n) in -1 to 1, at `rate` a second; `bits` a sample and `bit_rate` a second as stored.

    `duration_s` is the whole file's; the samples may be parts of it. 0 bits: the codec keeps none.
    """

    samples: Samples
    rate: int
    bits: int = 16
    bit_rate: float | None = None
    duration_s: float | None = None

    @functools.cached_property
    def mono(self) -> Samples:
        """Mean of the channels."""
        return np.asarray(self.samples.mean(axis=0, dtype=np.float32))

    @functools.cached_property
    def powers(self) -> npt.NDArray[np.float64]:
        """Mean square of each frame of 20 ms; the last, shorter one is left out unless it is the only one."""
        size = max(1, int(self.rate * FRAME_S))
        count = max(1, self.mono.size // size)
        some = self.mono[: count * size] if self.mono.size >= size else self.mono
        if not some.size:
            return np.zeros(0)
        return np.asarray((some.reshape(count, -1).astype(np.float64) ** 2).mean(axis=1))

    @functools.cached_property
    def spectrum(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Frequencies in Hz and the mean power at each, over windows of 4,096 samples (Hann)."""
        size = 4096
        count = max(1, min(self.mono.size // size, 256))
        if self.mono.size < size:
            return np.zeros(0), np.zeros(0)
        starts = np.linspace(0, self.mono.size - size, count).astype(int)
        window = np.hanning(size)
        total = np.zeros(size // 2 + 1)
        for start in starts:
            total += np.abs(np.fft.rfft(self.mono[start : start + size] * window)) ** 2
        return np.asarray(np.fft.rfftfreq(size, 1 / self.rate), np.float64), np.asarray(total / count)


def speech(seconds: float = 4.0, rate: int = 16_000, seed: int = 3) -> Sound:
    """Drawn speech: a voice of harmonics in syllables, with pauses of faint noise between words."""
    chance = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    pitch = 140 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(n * phase) / n for n in range(1, 24)) + 0.3 * np.sin(19 * phase) * np.sin(11 * time)
    gate = (np.sin(2 * np.pi * 3.1 * time) > -0.3) & (np.sin(2 * np.pi * 0.45 * time) > -0.75)
    smooth = np.convolve(gate, np.ones(rate // 100) / (rate // 100), mode="same")
    made = 0.25 * voice * smooth + chance.normal(0, 0.0005, time.size)
    return Sound((made * 0.6).astype(np.float32)[None], rate)


def mixed(one: Sound, sigma: float, seed: int = 9) -> Sound:
    """White noise of this standard deviation added."""
    noise = np.random.default_rng(seed).normal(0, 1, one.samples.shape) * sigma
    return dataclasses.replace(one, samples=(one.samples + noise).astype(np.float32))


def clipped(one: Sound, gain: float) -> Sound:
    """Amplified and cut off at full scale."""
    return dataclasses.replace(one, samples=np.clip(one.samples * gain, -1, 1).astype(np.float32))


def muted(one: Sound, share: float) -> Sound:
    """The end of it replaced by zeros."""
    made = one.samples.copy()
    made[:, int(made.shape[1] * (1 - share)) :] = 0
    return dataclasses.replace(one, samples=made)


def hummed(one: Sound, amplitude: float) -> Sound:
    """A hum of the mains, 50 Hz with harmonics, added."""
    time = np.arange(one.samples.shape[1]) / one.rate
    hum = sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3))
    return dataclasses.replace(one, samples=(one.samples + amplitude * hum).astype(np.float32))


def low_passed(one: Sound, hertz: float) -> Sound:
    """Nothing left above a frequency."""
    planes = np.fft.rfft(one.samples, axis=1)
    planes[:, np.fft.rfftfreq(one.samples.shape[1], 1 / one.rate) > hertz] = 0
    return dataclasses.replace(one, samples=np.fft.irfft(planes, one.samples.shape[1]).astype(np.float32))


def cut(one: Sound, share: float, seed: int = 4) -> Sound:
    """Pieces of 10 ms lost: zeros in their places, this share of the time."""
    made, size = one.samples.copy(), one.rate // 100
    places = np.random.default_rng(seed).permutation(made.shape[1] // size)
    for place in places[: round(share * places.size)]:
        made[:, place * size : (place + 1) * size] = 0
    return dataclasses.replace(one, samples=made)
