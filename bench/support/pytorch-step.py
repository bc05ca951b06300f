# Trains a network of Scones with PyTorch on random pictures, with the recipe's augmentation, optimiser and average in the loop,
# and prints pictures per second, one line per group of steps. Arguments: threads, batch, groups, steps per group, network (resnet9,
# resnet18, resnet20), side of the pictures.
import math, sys, time
import torch
from torch import nn
import torch.nn.functional as F

threads, batch, groups, steps = (int(text) for text in sys.argv[1:5])
name, side = sys.argv[5], int(sys.argv[6])
torch.set_num_threads(threads)
torch.manual_seed(1)


def unit(inputs, outputs, pool=False):
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
    layers += [nn.MaxPool2d(2)] if pool else []
    return layers + [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(*unit(channels, channels), *unit(channels, channels))

    def forward(self, x):
        return x + self.body(x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        first, second = (nn.Conv2d(a, outputs, 3, s, 1, bias=False) for a, s in ((inputs, stride), (outputs, 1)))
        self.body = nn.Sequential(first, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), second, nn.BatchNorm2d(outputs))
        isSame = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if isSame else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.body(x), inplace=True)


def resnet9():
    yield from (*unit(3, 32), *unit(32, 32, pool=True), Residual(32), *unit(32, 64, pool=True), *unit(64, 128, pool=True), Residual(128))
    yield from (nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(128, 2))


def residual(width, blocks):
    isLarge = side > 64
    yield nn.Conv2d(3, width, *((7, 2, 3) if isLarge else (3, 1, 1)), bias=False)
    yield from (nn.BatchNorm2d(width), nn.ReLU(inplace=True), *([nn.MaxPool2d(2)] if isLarge else []))
    inputs = width
    for stage, count in enumerate(blocks):
        for block in range(count):
            yield Block(inputs, width << stage, 2 if stage > 0 and block == 0 else 1)
            inputs = width << stage
    yield from (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 2))


layers = {"resnet9": resnet9, "resnet18": lambda: residual(64, [2, 2, 2, 2]), "resnet20": lambda: residual(16, [3, 3, 3])}[name]()
network = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # the faster layout of the two on a processor
optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
average = [parameter.detach().clone() for parameter in network.parameters()]
pictures = torch.randint(0, 256, (1000 if side == 32 else 200, 3, side, side), dtype=torch.uint8)
labels = torch.randint(0, 2, (len(pictures),))
rows = torch.arange(side)


def between(*shape):
    return torch.rand(*shape) * 2 - 1


def augmented(index):
    x = (pictures[index].float() - 120) / 60
    n = len(index)
    angle, scale = between(n) * math.pi / 18, torch.exp(between(n) * 0.15)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([cosine * flip, -sine, between(n) * 0.25, sine * flip, cosine, between(n) * 0.25], 1).view(n, 2, 3)
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    x = x * (1 + between(n, 1, 1, 1) * 0.2) * (1 + between(n, 3, 1, 1) * 0.06) + between(n, 1, 1, 1) * 0.2
    centre = torch.randint(0, side, (n, 2))
    from_edge = (rows - centre[:, :1] + side // 8, rows - centre[:, 1:] + side // 8)
    inside = [one.clamp(0, side // 4 - 1) == one for one in from_edge]
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x.masked_fill(hole[:, None], 0).contiguous(memory_format=torch.channels_last)


for group in range(groups + 1):
    began = time.perf_counter()
    for _ in range(steps):
        index = torch.randint(0, len(pictures), (batch,))
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(augmented(index)), labels[index], label_smoothing=0.1)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            torch._foreach_mul_(average, 0.99)
            torch._foreach_add_(average, list(network.parameters()), alpha=0.01)
    if group > 0:  # the first group warms up
        print(batch * steps / (time.perf_counter() - began), flush=True)
