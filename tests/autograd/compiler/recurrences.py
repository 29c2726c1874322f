"""Random recurrences: blocks of operations, repeated, whose operands come from all places that there are."""

from hypothesis import strategies as st

from autograd import Value, fsum, maximum, sin, tanh

BLOCK = {
    "sin": lambda a, b: sin(a), "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b * 0.5,
    "fsum": lambda a, b: fsum([a, b, a]) * 0.3, "maximum": maximum, "square": lambda a, b: tanh(a) ** 2,
}  # fmt: skip
OPERANDS = st.tuples(
    st.sampled_from(["now", "before", "long before", "fixed", "number", "input", "first"]), st.integers(0, 5)
)
BLOCKS = st.lists(st.tuples(st.sampled_from(list(BLOCK)), OPERANDS, OPERANDS), min_size=1, max_size=6)


def leaf_count(repetitions):
    return 6 + repetitions + 12


def recurrence(block, numbers, every, leaves):
    """The root of a block repeated with each of these numbers: of all results, or of the last repetition's."""
    repetitions = len(numbers)
    fixed, inputs, start = leaves[:6], leaves[6 : 6 + repetitions], leaves[6 + repetitions :]
    done = [start[:6], start[6:]]
    for k in range(repetitions):
        now = []
        for op, *operands in block:
            chosen = []
            for kind, i in operands:
                source = {
                    "now": now or done[-1], "before": done[-1], "long before": done[-2], "fixed": fixed,
                    "number": [numbers[k]], "input": [inputs[k]], "first": done[min(2, len(done) - 1)],
                }[kind]  # fmt: skip
                chosen.append(source[i % len(source)])
            if not isinstance(chosen[0], Value):
                chosen[0] = chosen[0] * fixed[0]
            now.append(sin(BLOCK[op](*chosen)))
        done.append(now)
    used = [y for row in done for y in row] if every else done[-1]
    return fsum([y * y for y in used])
