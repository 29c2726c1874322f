"""One noisy descent for all optimisers: the same gradients go to ours and to PyTorch's, for 200 steps."""

import math

import nn
from autograd import Value
from nn.schedules import Constant, Cosine, Exponential, Step

START = [1.0, -2.0, 0.5]
STEPS = 200
RATE = 0.05

# Names and options are those of torch.optim.
OPTIMIZERS = {
    "SGD": ("SGD", {}),
    "SGD, weight decay": ("SGD", {"weight_decay": 0.03}),
    "SGD, momentum": ("SGD", {"momentum": 0.9}),
    "SGD, momentum, weight decay": ("SGD", {"momentum": 0.8, "weight_decay": 0.03}),
    "SGD, Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "SGD, Nesterov, weight decay": ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.03}),
    "Adagrad": ("Adagrad", {}),
    "Adagrad, eps": ("Adagrad", {"eps": 0.1}),
    "Adagrad, weight decay": ("Adagrad", {"weight_decay": 0.03}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop, alpha, eps": ("RMSprop", {"alpha": 0.9, "eps": 0.1}),
    "RMSprop, momentum": ("RMSprop", {"momentum": 0.9}),
    "RMSprop, momentum, weight decay": ("RMSprop", {"momentum": 0.5, "weight_decay": 0.03}),
    "Adam": ("Adam", {}),
    "Adam, betas, eps": ("Adam", {"betas": (0.8, 0.95), "eps": 0.1}),
    "Adam, weight decay": ("Adam", {"weight_decay": 0.03}),
    "AdamW": ("AdamW", {}),
    "AdamW, betas, eps, weight decay": ("AdamW", {"betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.3}),
}

SCHEDULES = {
    "constant": Constant(RATE),
    "constant, warm-up": Constant(RATE, warmup=20),
    "step": Step(RATE, every=30, factor=0.5),
    "step, warm-up": Step(RATE, every=30, factor=0.5, warmup=7),
    "exponential": Exponential(RATE, factor=0.98),
    "exponential, warm-up": Exponential(RATE, factor=0.98, warmup=1),
    "cosine": Cosine(RATE, steps=STEPS),
    "cosine, warm-up": Cosine(RATE, steps=STEPS, minimum=0.002, warmup=20),
}


def gradient(p, t):
    """Return the gradient of a bowl around (0.3, 1, -1), with noise of its own at every step."""
    bowl = zip((1.0, 8.0, 0.1), (0.3, 1.0, -1.0), p, strict=True)
    return [h * (x - c) + 0.5 * math.sin(1.0 + (i + 1) * t) for i, (h, c, x) in enumerate(bowl)]


def by_values(optimizer, t):
    """Take a step by way of the parameters' gradients."""
    for parameter, slope in zip(optimizer.parameters, gradient([p.data for p in optimizer.parameters], t), strict=True):
        parameter.grad = slope
    optimizer.step()


def by_vectors(optimizer, t):
    """Take a step by way of vectors, and put them back."""
    theta = [p.data for p in optimizer.parameters]
    for parameter, number in zip(optimizer.parameters, optimizer.updated(theta, gradient(theta, t)), strict=True):
        parameter.data = number


def by_turns(optimizer, t):
    """Take steps both ways, changing over every third step."""
    (by_values if t // 3 % 2 else by_vectors)(optimizer, t)


def trajectory(kind, options, lr, way=by_values):
    """Return where the parameters are after each step."""
    optimizer = getattr(nn, kind)([Value(x) for x in START], lr=lr, **options)
    path = []
    for t in range(STEPS):
        way(optimizer, t)
        path.append([p.data for p in optimizer.parameters])
    return path


# Where PyTorch's parameters end, by optimiser and schedule, for machines without PyTorch; where it is, a test compares.
RECORDED = {
    "SGD / constant": [0.323270618511084, 0.992963592764393, -0.4643585054088386],
    "SGD, weight decay / constant": [0.31456180498546693, 0.989234273059059, -0.43854188884949674],
    "SGD, momentum / constant": [0.3012170772888602, 0.9902787568281404, -1.0054736118173737],
    "SGD, momentum, weight decay / constant": [0.29601870638443967, 0.9862641302700369, -0.7744180555729089],
    "SGD, Nesterov / constant": [0.327090876941479, 0.9827952003106564, -1.0156785826403998],
    "SGD, Nesterov, weight decay / constant": [0.32097535398266425, 0.9802778088240715, -0.7838931335114342],
    "Adagrad / constant": [0.3701460719569949, -0.7802520738811927, 0.033177829914603364],
    "Adagrad, eps / constant": [0.37622976929677077, -0.7813766081357788, 0.05409750079330844],
    "Adagrad, weight decay / constant": [0.3611836071797699, -0.7804293192817037, 0.017986393582235576],
    "RMSprop / constant": [0.37108319926163386, 0.9961078101692293, -1.0164215390806972],
    "RMSprop, alpha, eps / constant": [0.3515470457266862, 0.9922662123117546, -0.858418262825403],
    "RMSprop, momentum / constant": [0.3041301447906267, 0.9959962283337652, -1.0161916065001468],
    "RMSprop, momentum, weight decay / constant": [0.3416745939357891, 0.9892861333160522, -0.7899254321159918],
    "Adam / constant": [0.3002752589946649, 0.9996815527702597, -0.9488759602886631],
    "Adam, betas, eps / constant": [0.30176764956794017, 0.9968243067157545, -0.858167482845817],
    "Adam, weight decay / constant": [0.29153395674326205, 0.9959408883513861, -0.7586320665662156],
    "AdamW / constant": [0.29913785642122254, 0.9899261399483268, -0.9216175355938501],
    "AdamW, betas, eps, weight decay / constant": [0.2649404831585003, 0.9757018577262321, -0.42013206253692614],
    "SGD / constant, warm-up": [0.32328794980638925, 0.992963592764393, -0.43197979568486555],
    "SGD / step": [0.33262099973150505, 0.9998384217379737, 0.10441919672008108],
    "SGD / step, warm-up": [0.33017527167187505, 0.9997915278578342, 0.09229853992164977],
    "SGD / exponential": [0.35658328952178875, 0.9998599199547497, 0.16408135337860502],
    "SGD / exponential, warm-up": [0.3561585601028727, 0.9998570614058456, 0.1696781170025337],
    "SGD / cosine": [0.30403534916087255, 0.999999848913791, -0.09999868845962671],
    "SGD / cosine, warm-up": [0.30435857673362443, 0.9996878045930647, -0.10983781496780672],
}
