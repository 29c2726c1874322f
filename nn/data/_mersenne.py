"""Mersenne Twister, seeded and read as NumPy's `RandomState` does: its numbers without NumPy.

Moons and circles have the points that scikit-learn's generators give for a seed, so that a result can be compared with
other people's, also where neither scikit-learn nor NumPy can be had, as in a browser.
"""

from __future__ import annotations

import math
import random

from nn.data.random_state import seed_number


class RandomState:
    """Permutations and normal numbers, as `numpy.random.RandomState(seed)` draws them.

    Source: Matsumoto & Nishimura 1998, "Mersenne Twister", doi:10.1145/272991.272995, which is Python's generator too;
    NumPy starts it by the recurrence of the authors' init_genrand.

    >>> state = RandomState(0)
    >>> state.permutation(5), round(state.normal(), 6)
    ([2, 0, 1, 3, 4], 0.978738)
    """

    def __init__(self, seed: int) -> None:
        words = [seed_number(seed, bits=32)]
        for i in range(1, 624):
            words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + i) % 2**32)
        self._bits = random.Random()
        self._bits.setstate((3, (*words, 624), None))
        self._spare: float | None = None

    def permutation(self, n: int) -> list[int]:
        """Return the numbers below n in random order: Fisher and Yates' shuffle, each index drawn by rejection."""
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            mask = (1 << i.bit_length()) - 1
            while (j := self._bits.getrandbits(32) & mask) > i:
                pass
            order[i], order[j] = order[j], order[i]
        return order

    def normal(self) -> float:
        """Return a number of the standard normal distribution: Marsaglia's polar method, which gives two at a time."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            return spare
        square = 0.0
        while not 0.0 < square < 1.0:
            a, b = 2.0 * self._bits.random() - 1.0, 2.0 * self._bits.random() - 1.0
            square = a * a + b * b
        length = math.sqrt(-2.0 * math.log(square) / square)
        self._spare = length * a
        return length * b
