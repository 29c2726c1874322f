"""A GPT of characters in scalars, trained by Adam and then asked for names: a program in the way of microgpt."""

import math
import random

from tests.programs.micrograd import Value

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "ella"]


class GPT:
    def __init__(self, letters, n_embd=8, n_head=2, n_layer=1, block_size=6):
        self.n_head, self.n_layer, self.block_size, self.head_dim = n_head, n_layer, block_size, n_embd // n_head

        def matrix(nout, nin, std=0.2):
            return [[Value(random.gauss(0, std)) for _ in range(nin)] for _ in range(nout)]

        self.weights = {
            "wte": matrix(letters, n_embd),
            "wpe": matrix(block_size, n_embd),
            "head": matrix(letters, n_embd),
        }
        for i in range(n_layer):
            for name in "qkvo":
                self.weights[f"{i}.{name}"] = matrix(n_embd, n_embd)
            self.weights[f"{i}.up"] = matrix(2 * n_embd, n_embd)
            self.weights[f"{i}.down"] = matrix(n_embd, 2 * n_embd)
        self.params = [p for mat in self.weights.values() for row in mat for p in row]

    def __call__(self, token, position, keys, values):
        x = [t + p for t, p in zip(self.weights["wte"][token], self.weights["wpe"][position])]
        x = rmsnorm(x)
        for i in range(self.n_layer):
            residual, x = x, rmsnorm(x)
            q, k, v = (linear(x, self.weights[f"{i}.{name}"]) for name in "qkv")
            keys[i].append(k)
            values[i].append(v)
            mixed = []
            for start in range(0, self.head_dim * self.n_head, self.head_dim):
                head = slice(start, start + self.head_dim)
                scores = [sum(a * b for a, b in zip(q[head], key[head])) / self.head_dim**0.5 for key in keys[i]]
                weights = softmax(scores)
                mixed += [sum(w * value[head][j] for w, value in zip(weights, values[i])) for j in range(self.head_dim)]
            x = [a + b for a, b in zip(linear(mixed, self.weights[f"{i}.o"]), residual)]
            residual, x = x, rmsnorm(x)
            x = [h.relu() for h in linear(x, self.weights[f"{i}.up"])]
            x = [a + b for a, b in zip(linear(x, self.weights[f"{i}.down"]), residual)]
        return linear(x, self.weights["head"])


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def softmax(logits):
    largest = max(logit.data for logit in logits)
    exps = [(logit - largest).exp() for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rmsnorm(x):
    ms = sum(xi * xi for xi in x) / len(x)
    scale = (ms + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def run():
    random.seed(42)
    letters = sorted(set("".join(NAMES)))
    end = len(letters)
    model = GPT(end + 1)
    m, v = [0.0] * len(model.params), [0.0] * len(model.params)
    lr, beta1, beta2, eps = 0.02, 0.9, 0.95, 1e-8
    found = []
    for step in range(4):
        tokens = [end, *[letters.index(ch) for ch in NAMES[step % len(NAMES)]], end]
        n = min(model.block_size, len(tokens) - 1)
        keys, values = [[] for _ in range(model.n_layer)], [[] for _ in range(model.n_layer)]
        losses = []
        for position in range(n):
            probs = softmax(model(tokens[position], position, keys, values))
            losses.append(-probs[tokens[position + 1]].log())
        loss = (1 / n) * sum(losses)
        loss.backward()
        lr_t = lr * (1 - step / 4)
        for i, p in enumerate(model.params):
            m[i] = beta1 * m[i] + (1 - beta1) * p.grad
            v[i] = beta2 * v[i] + (1 - beta2) * p.grad**2
            m_hat, v_hat = m[i] / (1 - beta1 ** (step + 1)), v[i] / (1 - beta2 ** (step + 1))
            p.data -= lr_t * m_hat / (math.sqrt(v_hat) + eps)
            p.grad = 0
        found.append(loss.data)
    keys, values = [[] for _ in range(model.n_layer)], [[] for _ in range(model.n_layer)]
    token, name = end, ""
    for position in range(model.block_size):
        probs = softmax([logit / 0.5 for logit in model(token, position, keys, values)])
        token = random.choices(range(end + 1), weights=[p.data for p in probs])[0]
        if token == end:
            break
        name += letters[token]
    return [*found, name, len(model.params)]
