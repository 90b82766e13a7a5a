"""A number of 32 bits as 768 chips of +1 and -1, and back from chips that are noisy.

The number and its CRC-16 are six bytes. A byte is one of 256 biorthogonal Walsh words of 128 chips, the first-order
Reed-Muller code RM(1, 7): the best match is found by one Hadamard transform, and its distance from the others is
the largest that 128 chips allow.
"""

from __future__ import annotations

import binascii
import hashlib
import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

BYTES = 6
CHIPS_A_BYTE = 128
CHIPS = BYTES * CHIPS_A_BYTE
IDS = 2**32

_TRIED_A_BYTE = 3


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """id: the number read, its CRC right. score: how far the chips agree with it, in standard deviations of noise."""

    id: int
    score: float


def encode(id: int) -> Floats:
    """The (768,) chips of a number in 0 .. 2**32 - 1. Raises ValueError."""
    if not 0 <= id < IDS:
        raise ValueError(f"{id} does not fit into 32 bits")
    words = [_word(byte) for byte in _bytes_of(id)]
    return np.concatenate(words)[_order()] * _whitening()


def decode(chips: Floats) -> Decoded | None:
    """The number whose chips agree best with (768,) noisy ones; None where no likely one has a right CRC.

    The scale of the chips does not matter. Each byte's best three readings are tried, the likeliest whole first.
    """
    spread = np.empty(CHIPS)
    spread[_order()] = np.asarray(chips, np.float64) * _whitening()
    match = spread.reshape(BYTES, CHIPS_A_BYTE) @ _walsh().T
    both = np.concatenate([match, -match], axis=1)  # Byte b: Walsh word b % 128, sent negative from 128 on.
    best = np.argsort(-both, axis=1)[:, :_TRIED_A_BYTE]
    value = np.take_along_axis(both, best, axis=1)
    power = float(np.sqrt(np.square(spread).sum()))
    if power == 0:
        return None
    rows = np.arange(BYTES)
    agreement = value[rows, _picks()].sum(axis=1)
    for number in np.argsort(-agreement):
        data = best[rows, _picks()[number]].astype(np.uint8).tobytes()
        if _check(data[:4]) == data[4:]:
            return Decoded(id=int.from_bytes(data[:4], "big"), score=float(agreement[number]) / power)
    return None


@cache
def _picks() -> npt.NDArray[np.intp]:
    """(729, 6): every choice among the best readings of each byte."""
    return np.array(list(itertools.product(range(_TRIED_A_BYTE), repeat=BYTES)))


def _bytes_of(id: int) -> bytes:
    data = id.to_bytes(4, "big")
    return data + _check(data)


def _check(data: bytes) -> bytes:
    """CRC-16/CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _word(byte: int) -> Floats:
    return _walsh()[byte % CHIPS_A_BYTE] * (1 if byte < CHIPS_A_BYTE else -1)


@cache
def _walsh() -> Floats:
    from scipy.linalg import hadamard

    return hadamard(CHIPS_A_BYTE).astype(np.float64)


@cache
def _order() -> npt.NDArray[np.intp]:
    """(768,) where each chip goes: bytes lie all over the frequencies, and what harms some harms all a little."""
    return np.argsort(uniform("order", CHIPS))


@cache
def _whitening() -> Floats:
    return np.where(uniform("whitening", CHIPS) < 0.5, -1.0, 1.0)


def uniform(name: str, count: int) -> Floats:
    """`count` numbers in 0 .. 1 that follow from the name alone, today and in ten years: SHA-256 in counter mode."""
    blocks = [hashlib.sha256(f"scan3d watermark 1 {name} {k}".encode()).digest() for k in range(-(-count // 4))]
    return np.frombuffer(b"".join(blocks), ">u8")[:count].astype(np.float64) / 2.0**64
