"""FarmHash's Fingerprint64 of byte strings of one length, as arrays of unsigned 64-bit integers.

LSH projections are defined by this function. Follows farmhashna::Hash64 of FarmHash 1.1; additions and products wrap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Words = np.ndarray[Any, Any]
"""uint64 values, one per byte string."""

_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)


def fingerprint64(keys: np.ndarray[Any, Any]) -> Words:
    """The fingerprints of `keys`, uint8 [..., length]; the result is uint64 [...]."""
    length = keys.shape[-1]
    with np.errstate(over="ignore"):
        if length <= 16:
            return _up_to_16(keys, length)
        if length <= 32:
            return _up_to_32(keys, length)
        if length <= 64:
            return _up_to_64(keys, length)
        return _longer(keys, length)


def _word(keys: Words, at: int, size: int = 8) -> Words:
    """The little-endian integer of `size` bytes from `at` on (from the end where negative)."""
    start = at % keys.shape[-1]
    part = np.ascontiguousarray(keys[..., start : start + size])
    return part.view(f"<u{size}")[..., 0].astype(np.uint64)


def _rotate(value: Words, bits: int) -> Words:
    return (value >> np.uint64(bits)) | (value << np.uint64(64 - bits))


def _shift_mix(value: Words) -> Words:
    return value ^ (value >> np.uint64(47))


def _hash_16(low: Words, high: Words, factor: Words) -> Words:
    mixed = _shift_mix((low ^ high) * factor)
    return _shift_mix((high ^ mixed) * factor) * factor


def _factor(length: int) -> Words:
    return _K2 + np.uint64(2 * length)


def _up_to_16(keys: Words, length: int) -> Words:
    factor, count = _factor(length), np.uint64(length)
    if length >= 8:
        first, last = _word(keys, 0) + _K2, _word(keys, -8)
        return _hash_16(_rotate(last, 37) * factor + first, (_rotate(first, 25) + last) * factor, factor)
    if length >= 4:
        return _hash_16(count + (_word(keys, 0, 4) << np.uint64(3)), _word(keys, -4, 4), factor)
    if length > 0:
        first, middle, last = (keys[..., at].astype(np.uint64) for at in (0, length >> 1, length - 1))
        low, high = first + (middle << np.uint64(8)), count + (last << np.uint64(2))
        return _shift_mix(low * _K2 ^ high * _K0) * _K2
    return np.full(keys.shape[:-1], _K2)


def _up_to_32(keys: Words, length: int) -> Words:
    factor = _factor(length)
    a, b = _word(keys, 0) * _K1, _word(keys, 8)
    c, d = _word(keys, -8) * factor, _word(keys, -16) * _K2
    return _hash_16(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, factor)


def _up_to_64(keys: Words, length: int) -> Words:
    factor = _factor(length)
    a, b = _word(keys, 0) * _K2, _word(keys, 8)
    c, d = _word(keys, -8) * factor, _word(keys, -16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _hash_16(y, a + _rotate(b + _K2, 18) + c, factor)
    e, f = _word(keys, 16) * factor, _word(keys, 24)
    g, h = (y + _word(keys, -32)) * factor, (z + _word(keys, -24)) * factor
    return _hash_16(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


def _longer(keys: Words, length: int) -> Words:
    """Blocks of 64 bytes one after the other; the last block is the last 64 bytes, whatever it shares."""
    seed = np.uint64(81)
    x = seed * _K2 + _word(keys, 0)
    y = np.full(x.shape, seed * _K1 + np.uint64(113))
    z = _shift_mix(y * _K2 + np.uint64(113)) * _K2
    zero = np.zeros(x.shape, np.uint64)
    v, w = (zero, zero), (zero, zero)
    for at in range(0, (length - 1) // 64 * 64, 64):
        x = _rotate(x + y + v[0] + _word(keys, at + 8), 37) * _K1
        y = _rotate(y + v[1] + _word(keys, at + 48), 42) * _K1
        x ^= w[1]
        y += v[0] + _word(keys, at + 40)
        z = _rotate(z + w[0], 33) * _K1
        v = _weak_32(keys, at, v[1] * _K1, x + w[0])
        w = _weak_32(keys, at + 32, z + w[1], y + _word(keys, at + 16))
        x, z = z, x
    factor, at = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1)), length - 64
    w = (w[0] + np.uint64((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _rotate(x + y + v[0] + _word(keys, at + 8), 37) * factor
    y = _rotate(y + v[1] + _word(keys, at + 48), 42) * factor
    x ^= w[1] * np.uint64(9)
    y += v[0] * np.uint64(9) + _word(keys, at + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _weak_32(keys, at, v[1] * factor, x + w[0])
    w = _weak_32(keys, at + 32, z + w[1], y + _word(keys, at + 16))
    x, z = z, x
    low = _hash_16(v[0], w[0], factor) + _shift_mix(y) * _K0 + z
    return _hash_16(low, _hash_16(v[1], w[1], factor) + x, factor)


def _weak_32(keys: Words, at: int, a: Words, b: Words) -> tuple[Words, Words]:
    """Two words of 32 bytes and two seeds."""
    first, second, third, fourth = (_word(keys, at + 8 * i) for i in range(4))
    a = a + first
    b = _rotate(b + a + fourth, 21)
    c = a
    a = a + second + third
    return a + fourth, b + _rotate(a, 44) + c
