"""Audio metrics: of one `sound.Sound`."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from taihang.data.quality.metrics import sound
from taihang.data.quality.metrics.registry import metric
from taihang.data.quality.metrics.sound import Sound

_TINY = 1e-12


@metric(
    "audio.sample_rate", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="Hz", direction="higher",
    bound=16_000, cost="header", failing=lambda: sound.speech(rate=8000), passing=sound.speech,
)  # fmt: skip
def sample_rate(one: Sound) -> float:
    """Samples a second."""
    return float(one.rate)


@metric(
    "audio.bit_depth", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="bit", direction="higher",
    bound=16, cost="header", failing=lambda: dataclasses.replace(sound.speech(), bits=8), passing=sound.speech,
)  # fmt: skip
def bit_depth(one: Sound) -> float | None:
    """Bits a sample as stored; None where the codec keeps none, as lossy ones do."""
    return float(one.bits) if one.bits else None


@metric(
    "audio.bit_rate", dimension="resolution", source="TC609-5-2025-04 (secondary)", unit="kbit/s",
    direction="higher", bound=32, cost="header",
    failing=lambda: dataclasses.replace(sound.speech(), bit_rate=8e3),
    passing=lambda: dataclasses.replace(sound.speech(), bit_rate=256e3),
)  # fmt: skip
def bit_rate(one: Sound) -> float | None:
    """Stored bits a second, in thousands."""
    return one.bit_rate / 1000 if one.bit_rate else None


@metric(
    "audio.duration", dimension="completeness", source="TC609-5-2025-04 (secondary)", unit="s", direction="higher",
    bound=1.0, cost="header", failing=lambda: sound.speech(0.4), passing=sound.speech,
)  # fmt: skip
def duration(one: Sound) -> float:
    """Length in seconds."""
    return one.duration_s if one.duration_s is not None else one.samples.shape[1] / one.rate


@metric(
    "audio.channels", dimension="resolution", source="—", direction="within", bound=(1, 2), cost="header",
    failing=lambda: Sound(np.zeros((0, 0), np.float32), 16_000), passing=sound.speech,
)  # fmt: skip
def channels(one: Sound) -> float:
    """How many channels it has."""
    return float(one.samples.shape[0])


@metric(
    "audio.snr", dimension="noise", source="percentiles of frame power (blind estimate)", unit="dB",
    direction="higher", bound=15.0, cost="decode", failing=lambda: sound.mixed(sound.speech(), 0.1),
    passing=sound.speech,
)  # fmt: skip
def snr(one: Sound) -> float | None:
    """Blind estimate: noise is the power of the quietest tenth of the frames, signal what the mean has beyond it."""
    heard = one.powers[one.powers > _TINY]
    if heard.size < 20:
        return None
    noise = float(np.sort(heard)[: max(1, heard.size // 10)].mean())
    return 10 * math.log10(max(float(heard.mean()) - noise, _TINY) / noise)


@metric(
    "audio.sdr", dimension="noise", source="10·log10 of the power of the reference over that of the difference",
    unit="dB", direction="higher", bound=15.0, cost="decode", of="set",
    failing=lambda: (sound.speech(), sound.mixed(sound.speech(), 0.1)),
    passing=lambda: (sound.speech(), sound.mixed(sound.speech(), 0.001)),
)  # fmt: skip
def sdr(both: tuple[Sound, Sound]) -> float | None:
    """Signal-to-distortion ratio of the second sound against the first, its reference, sample by sample."""
    reference, one = (b.samples.astype(np.float64) for b in both)
    if reference.shape != one.shape or not (power := float((reference**2).sum())):
        return None
    return 10 * math.log10(power / max(float(((one - reference) ** 2).sum()), _TINY * power))


@metric(
    "audio.clipping", dimension="noise", source="runs of three and more samples at full scale", direction="lower",
    bound=0.001, cost="decode", failing=lambda: sound.clipped(sound.speech(), 20), passing=sound.speech,
)  # fmt: skip
def clipping(one: Sound) -> float | None:
    """Share of the samples that stand at full scale beside two others that do."""
    if not one.samples.size:
        return None
    full = np.abs(one.samples) >= 0.999
    runs = full[:, 1:-1] & full[:, :-2] & full[:, 2:]
    return float(runs.sum() / one.samples.size)


@metric(
    "audio.silence", dimension="information", source="frames below -60 dBFS", direction="lower", bound=0.5,
    cost="decode", failing=lambda: sound.muted(sound.speech(), 0.8), passing=sound.speech,
)  # fmt: skip
def silence(one: Sound) -> float | None:
    """Share of the frames of 20 ms whose power is below -60 dB of full scale."""
    return float((one.powers < 1e-6).mean()) if one.powers.size else None


@metric(
    "audio.level", dimension="exposure", source="RMS of full scale", unit="dBFS", direction="within",
    bound=(-40.0, -6.0), cost="decode", failing=lambda: sound.clipped(sound.speech(), 0.01), passing=sound.speech,
)  # fmt: skip
def level(one: Sound) -> float | None:
    """Root mean square of the samples in decibels of full scale; None of digital silence."""
    power = float(one.powers.mean()) if one.powers.size else 0.0
    return 10 * math.log10(power) if power > _TINY else None


@metric(
    "audio.peak", dimension="exposure", source="greatest sample of full scale", unit="dBFS", direction="lower",
    bound=-0.1, cost="decode", failing=lambda: sound.clipped(sound.speech(), 4), passing=sound.speech,
)  # fmt: skip
def peak(one: Sound) -> float | None:
    """The greatest absolute sample in decibels of full scale."""
    most = float(np.abs(one.samples).max()) if one.samples.size else 0.0
    return 20 * math.log10(most) if most > 0 else None


@metric(
    "audio.offset", dimension="noise", source="mean sample (DC)", direction="lower", bound=0.01, cost="decode",
    failing=lambda: dataclasses.replace(sound.speech(), samples=sound.speech().samples + np.float32(0.05)),
    passing=sound.speech,
)  # fmt: skip
def offset(one: Sound) -> float | None:
    """Absolute mean of the samples: a direct current."""
    return abs(float(one.samples.mean())) if one.samples.size else None


@metric(
    "audio.bandwidth", dimension="resolution", source="highest frequency within 60 dB of the strongest", unit="Hz",
    direction="higher", bound=3000, cost="decode", failing=lambda: sound.low_passed(sound.speech(), 1000),
    passing=sound.speech,
)  # fmt: skip
def bandwidth(one: Sound) -> float | None:
    """The highest frequency whose power is within 60 dB of the strongest."""
    hertz, power = one.spectrum
    if not power.size or power.max() <= _TINY:
        return None
    return float(hertz[np.flatnonzero(power >= power.max() * 1e-6)[-1]])


@metric(
    "audio.hum", dimension="noise", source="power at the mains frequency", direction="lower", bound=0.05,
    cost="decode", failing=lambda: sound.hummed(sound.speech(), 0.2), passing=sound.speech,
)  # fmt: skip
def hum(one: Sound) -> float | None:
    """Share of the power within 4 Hz of 50 Hz, the mains."""
    hertz, power = one.spectrum
    if not power.size or power.sum() <= _TINY:
        return None
    width = max(4.0, 1.5 * float(hertz[1]))
    return float(power[np.abs(hertz - 50) <= width].sum() / power.sum())


@metric(
    "audio.dropouts", dimension="completeness", source="runs of exact zeros of 5 ms and more between sound",
    direction="lower", bound=0.005, cost="decode", failing=lambda: sound.cut(sound.speech(), 0.1),
    passing=sound.speech,
)  # fmt: skip
def dropouts(one: Sound) -> float | None:
    """Share of the samples in runs of exact zeros from 5 ms to 500 ms long."""
    if not one.samples.size:
        return None
    zero = np.concatenate([[False], (one.samples == 0).all(axis=0), [False]])
    edges = np.flatnonzero(np.diff(zero.astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    lost = lengths[(lengths >= one.rate * 0.005) & (lengths <= one.rate * 0.5)]
    return float(lost.sum() / one.samples.shape[1])


@metric(
    "audio.balance", dimension="consistency", source="powers of the channels", unit="dB", direction="lower",
    bound=12.0, cost="decode",
    failing=lambda: Sound(np.vstack([sound.speech().samples, 0.01 * sound.speech().samples]), 16_000),
    passing=lambda: Sound(np.vstack([sound.speech().samples, sound.speech().samples]), 16_000),
)  # fmt: skip
def balance(one: Sound) -> float | None:
    """Power of the loudest channel over that of the faintest; None of one channel."""
    if one.samples.shape[0] < 2 or not one.samples.size:
        return None
    powers = (one.samples.astype(np.float64) ** 2).mean(axis=1)
    return 10 * math.log10(max(powers.max(), _TINY) / max(powers.min(), _TINY))
