"""The training loop: one network, one time box, a one-cycle learning rate that ends exactly when the box
does.

What makes it fast on small networks, by measured effect: a one-cycle schedule with a short, steep warm-up;
giving up early on curves that will not reach the target; one thread; examples resident in memory instead of a
DataLoader; all parameters in one flat tensor, so that the optimizer is one call; label smoothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workers.forecast import LEAST_STEPS, compute_hope
from workers.network import Network, Weights

PREVIEW_EXAMPLES = 1000  # validation examples behind a curve point; the whole set would cost a second
LOSS_MEMORY = 0.95  # of the smoothed loss that the page shows
CHECKPOINTS = (0.15, 0.33, 0.5, 0.7, 0.85, 1.0)  # shares of a run at which it may be given up
PREVIEW_DEVIATIONS = 1.5  # by so many standard deviations the whole set may be better than the preview


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How to train. Errors are shares in ppm, as on the chain."""

    seconds: float  # wall clock; the schedule is stretched to end with it
    max_epochs: float = 24.0  # enough for small data sets, which end before their time
    batch: int = 64
    peak_rate: float = 1e-2
    warm_up: float = 0.25  # share of the run in which the rate rises
    final_rate: float = 0.02  # of the peak
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    target_error: int = 1_000_000  # give up on curves that will not get below
    point_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a learning curve; ``error`` in ppm, on a part of the validation set."""

    seconds: float
    step: int
    loss: float
    error: int


@dataclass(frozen=True, slots=True)
class Examples:
    """Everything a run reads, resident on the device: inputs as made by prepare_inputs, labels int64."""

    train_x: Tensor
    train_y: Tensor
    validation_x: Tensor
    validation_y: Tensor


@dataclass(frozen=True, slots=True)
class Outcome:
    """``state`` is ``finished``, ``abandoned`` or ``cancelled``."""

    state: str
    steps: int
    seconds: float


class FlatAdamW:
    """AdamW (decoupled weight decay) over one flat tensor that all parameters are views of.

    torch.optim is left out on purpose: its first use imports torch._dynamo, two to five seconds in every
    process.
    """

    def __init__(
        self, network: Network, weight_decay: float, betas: tuple[float, float] = (0.9, 0.95)
    ) -> None:
        parameters = list(network.parameters())
        self.value = torch.cat([_stored(p.data).reshape(-1) for p in parameters])
        self.gradient = torch.zeros_like(self.value)
        self.mask = torch.ones_like(self.value)
        masks = {
            id(module.weight): module.mask for module in network.modules() if isinstance(module, Weights)
        }
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            if id(parameter) in masks:
                _view(self.mask[start:end], parameter).copy_(masks[id(parameter)])
            view, gradient = (
                _view(self.value[start:end], parameter),
                _view(self.gradient[start:end], parameter),
            )
            parameter.data, parameter.grad = view, gradient
            start = end
        self.first, self.second = torch.zeros_like(self.value), torch.zeros_like(self.value)
        self.weight_decay, self.betas = weight_decay, betas
        # The fused kernel reads it where the parameters are.
        self.steps = torch.zeros((), device=self.value.device)

    def step(self, rate: float) -> None:
        """Apply the gradients (those of missing connections dropped) and clear them."""
        self.gradient.mul_(self.mask)
        self.steps += 1
        torch._fused_adamw_(
            [self.value],
            [self.gradient],
            [self.first],
            [self.second],
            [],
            [self.steps],
            lr=rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=self.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        self.gradient.zero_()


def compute_rate(plan: TrainingPlan, progress: float) -> float:
    """One cycle: linear up to the peak during the warm-up, then linear down to the final rate."""
    if progress < plan.warm_up:
        return plan.peak_rate * max(progress / plan.warm_up, 0.02)
    rest = (1.0 - progress) / (1.0 - plan.warm_up)
    return plan.peak_rate * (plan.final_rate + (1.0 - plan.final_rate) * max(rest, 0.0))


def train(
    network: Network,
    examples: Examples,
    plan: TrainingPlan,
    *,
    seed: int,
    is_cancelled: Callable[[], bool],
    report: Callable[[Point, int], None],
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Train ``network`` in place. ``report`` gets each curve point and the expected number of steps of the
    whole run.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = FlatAdamW(network, plan.weight_decay)
    count = len(examples.train_y)
    max_steps = max(1, round(plan.max_epochs * count / plan.batch))
    started = last_point = clock()
    step, order, smoothed, elapsed, progress = 0, torch.empty(0, dtype=torch.long), 0.0, 0.0, 0.0
    pending = list(CHECKPOINTS)
    network.train()
    while progress < 1.0:
        if is_cancelled():
            return Outcome("cancelled", step, elapsed)
        if len(order) < plan.batch:
            order = torch.randperm(count, generator=generator).to(examples.train_x.device)
        batch, order = order[: plan.batch], order[plan.batch :]
        logits = network(examples.train_x[batch])
        loss = functional.cross_entropy(logits, examples.train_y[batch], label_smoothing=plan.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(compute_rate(plan, progress))
        step += 1
        smoothed += (loss.item() - smoothed) * max(1.0 - LOSS_MEMORY, 1.0 / step)
        now = clock()
        elapsed = now - started
        progress = max(step / max_steps, elapsed / plan.seconds)
        is_due = progress >= 1.0 or (step >= LEAST_STEPS and progress >= pending[0])
        if is_due or now - last_point >= plan.point_seconds:
            last_point = now
            if not math.isfinite(smoothed):
                return Outcome("abandoned", step, elapsed)
            error = preview_error(network, examples)
            report(Point(elapsed, step, smoothed, error), round(step / min(progress, 1.0)))
            if is_due and is_hopeless(error, plan, min(progress, 1.0), step, examples):
                return Outcome("abandoned", step, elapsed)
        if is_due:
            pending = [share for share in pending if share > progress]
    network.eval()
    return Outcome("finished", step, elapsed)


def is_hopeless(error: int, plan: TrainingPlan, progress: float, steps: int, examples: Examples) -> bool:
    """Whether a run with a preview of ``error`` ppm will miss the target. At its end that spares it
    quantization and scoring.
    """
    hope = compute_hope(progress, steps)
    if progress >= 1.0:
        wrong = error * min(PREVIEW_EXAMPLES, len(examples.validation_y)) / 1_000_000
        hope += PREVIEW_DEVIATIONS / math.sqrt(max(1.0, wrong))
    return error > plan.target_error * hope


def preview_error(network: Network, examples: Examples) -> int:
    """Error in ppm of the float network on the first PREVIEW_EXAMPLES of the validation set; the chain scores
    all, exactly.
    """
    x, y = examples.validation_x[:PREVIEW_EXAMPLES], examples.validation_y[:PREVIEW_EXAMPLES]
    network.eval()
    with torch.no_grad():
        wrong = sum(
            int((network(x[start : start + 250]).argmax(1) != y[start : start + 250]).sum())
            for start in range(0, len(y), 250)
        )
    network.train()
    return -(-1_000_000 * wrong // len(y))


def _stored(x: Tensor) -> Tensor:
    """The values of a parameter in the order in which it lies in memory."""
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def _view(flat: Tensor, parameter: Tensor) -> Tensor:
    """A piece of the flat tensor in the shape and memory order of a parameter."""
    if parameter.dim() != 4:
        return flat.view(parameter.shape)
    outputs, inputs, height, width = parameter.shape
    return flat.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
