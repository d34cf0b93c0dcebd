"""``python -m workers.measure``: what this machine trains on, and how fast, as one line of JSON.

The same small convolutional network everywhere, so that the numbers of two machines can be compared.
"""

import json
import sys
import time

import torch
from torch.nn import functional

from workers.device import Device, choose_device

SECONDS = 2.0
BATCH = 64


def measure_steps(device: Device, seconds: float = SECONDS) -> float:
    """Training steps a second of the trial network, after a few to warm up."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(BATCH, 1, 8, 8, generator=generator).to(device.torch)
    labels = torch.randint(0, 10, (BATCH,), generator=generator).to(device.torch)
    shapes = ((16, 1, 3, 3), (32, 16, 3, 3), (10, 32 * 8 * 8))
    weights = [
        (0.1 * torch.randn(shape, generator=generator)).to(device.torch).requires_grad_() for shape in shapes
    ]

    def step() -> float:
        hidden = functional.relu(functional.conv2d(inputs, weights[0], padding=1))
        hidden = functional.relu(functional.conv2d(hidden, weights[1], padding=1))
        loss = functional.cross_entropy(hidden.flatten(1) @ weights[2].T, labels)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= 0.01 * gradient
        return loss.item()  # waits for the device

    for _ in range(5):
        step()
    steps, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        step()
        steps += 1
    return steps / elapsed


def main() -> None:
    device = choose_device()
    measured = {
        "device": device.name,
        "kind": device.torch.type,
        "threads": device.threads,
        "gpu": device.gpu,
        "steps_per_second": round(measure_steps(device), 1),
    }
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
