"""A neuron by hand and its picture, as the lecture on micrograd begins."""

from graphviz import Digraph

from tests.programs.micrograd import Value


def trace(root):
    nodes, edges = set(), set()

    def build(v):
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def draw_dot(root, format="svg", rankdir="LR"):
    assert rankdir in ["LR", "TB"]
    nodes, edges = trace(root)
    dot = Digraph(format=format, graph_attr={"rankdir": rankdir})
    for n in nodes:
        dot.node(name=str(id(n)), label=f"{{ {n.label} | data {n.data:.4f} | grad {n.grad:.4f} }}", shape="record")
        if n._op:
            dot.node(name=str(id(n)) + n._op, label=n._op)
            dot.edge(str(id(n)) + n._op, str(id(n)))
    for n1, n2 in edges:
        dot.edge(str(id(n1)), str(id(n2)) + n2._op)
    return dot


def neuron():
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    both = x1w1 + x2w2
    both.label = "x1*w1 + x2*w2"
    n = both + b
    n.label = "n"
    return n, [x1, x2, w1, w2, b, x1w1, x2w2, both]


def by_tanh():
    n, others = neuron()
    o = n.tanh()
    o.label = "o"
    o.backward()
    return o, [n, *others]


def by_exp():
    n, others = neuron()
    e = (2 * n).exp()
    o = (e - 1) / (e + 1)
    o.label = "o"
    o.backward()
    return o, [n, *others]


def run():
    found = []
    for o, others in (by_tanh(), by_exp()):
        found += [o.data, *[node.grad for node in others]]
    o, _ = by_tanh()
    source = draw_dot(o).source
    found += [source.count("shape=record"), source.count("->"), "x1*w1 | data -6.0000 | grad 0.5000" in source]
    return found
