# Trains the recipe's network with PyTorch on random pictures, with the recipe's augmentation, optimiser and average in the loop,
# and prints pictures per second, one line per group of steps. Arguments: threads, batch, groups, steps per group.
import math, sys, time
import torch
from torch import nn
import torch.nn.functional as F

threads, batch, groups, steps = (int(text) for text in sys.argv[1:5])
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


network = nn.Sequential(
    *unit(3, 32), *unit(32, 32, pool=True), Residual(32), *unit(32, 64, pool=True), *unit(64, 128, pool=True), Residual(128),
    nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(128, 2),
).to(memory_format=torch.channels_last)  # the faster layout of the two on a processor
optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
average = [parameter.detach().clone() for parameter in network.parameters()]
pictures = torch.randint(0, 256, (1000, 3, 32, 32), dtype=torch.uint8)
labels = torch.randint(0, 2, (1000,))
rows = torch.arange(32)


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
    centre = torch.randint(0, 32, (n, 2))
    inside = ((rows - centre[:, :1] + 4).clamp(0, 7) == rows - centre[:, :1] + 4, (rows - centre[:, 1:] + 4).clamp(0, 7) == rows - centre[:, 1:] + 4)
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return x.masked_fill(hole[:, None], 0).contiguous(memory_format=torch.channels_last)


for group in range(groups + 1):
    began = time.perf_counter()
    for _ in range(steps):
        index = torch.randint(0, 1000, (batch,))
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(augmented(index)), labels[index], label_smoothing=0.1)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            torch._foreach_mul_(average, 0.99)
            torch._foreach_add_(average, list(network.parameters()), alpha=0.01)
    if group > 0:  # the first group warms up
        print(batch * steps / (time.perf_counter() - began), flush=True)
