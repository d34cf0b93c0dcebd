"""One run from beginning to end."""

import math
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.keepers.census import Sample, summarise
from benchmarks.keepers.files import UniformFile
from benchmarks.keepers.scenario import DAYS, Scenario
from benchmarks.keepers.world import World
from protocol.transactions import Propose

SAMPLES = 240
TELL_EVERY = 10  # samples
LABEL_BYTES = 2
DESCRIPTION_BYTES = 400
"""What a data-set file holds besides inputs and labels."""


def play(
    scenario: Scenario,
    tell: Callable[[str], None] = lambda _: None,
    save: Callable[[dict[str, Any]], None] = lambda _: None,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """Play all blocks; return the results (`summarise`). ``tell`` gets a line of progress now and then, and
    ``save`` the results so far; from ``checkpoint`` a run that was broken off goes on.
    """
    world, spent = begin(scenario, checkpoint)
    began = time.process_time() - spent
    every = max(1, scenario.blocks // SAMPLES)
    while (height := world.step()) < scenario.blocks:
        if height % every == 0:
            world.census.samples.append(take_sample(world))
        if height % (TELL_EVERY * every) == 0:
            spent = time.process_time() - began
            tell(f"block {height} of {scenario.blocks}, {1000 * spent / height:.1f} ms of CPU a block")
            save(describe(world, spent))
            keep(world, spent, checkpoint)
    world.census.samples.append(take_sample(world))
    return describe(world, time.process_time() - began)


def begin(scenario: Scenario, checkpoint: Path | None) -> tuple[World, float]:
    """A new world, or the one that an earlier run left, and the seconds of CPU that it has cost."""
    if checkpoint is not None and checkpoint.exists():
        with checkpoint.open("rb") as file:
            world, spent = pickle.load(file)  # written by `keep`, in the operator's own folder
        return world, float(spent)
    world = World(scenario)
    world.step()  # those of the beginning register
    world.begin_joining()
    plan_proposals(world)
    return world, 0.0


def keep(world: World, spent: float, checkpoint: Path | None) -> None:
    """Write down the whole world, so that a run may be broken off and go on."""
    if checkpoint is None:
        return
    fresh = checkpoint.with_suffix(".new")
    with fresh.open("wb") as file:
        pickle.dump((world, spent), file)
    fresh.replace(checkpoint)


def describe(world: World, cpu_seconds: float) -> dict[str, Any]:
    """The results up to now."""
    world.chain.check()
    played = replace(world.scenario, blocks=world.chain.height)
    records = list(world.records.values())
    results = summarise(played, world.census, records, list_load(world), count_totals(world))
    return {**results, "planned_blocks": world.scenario.blocks, "cpu_seconds": round(cpu_seconds, 1)}


def plan_proposals(world: World) -> None:
    """Data sets are proposed at even distances."""
    scenario = world.scenario
    distance = scenario.year / scenario.data_sets
    number = 0
    while (moment := 50 + number * distance) < scenario.blocks:
        size = min(scenario.params.max_data_bytes, world.draw_size(scenario.data, scenario.data_spread))
        world.plan(moment, partial(propose, world), number, size)
        number += 1


def propose(world: World, _time: float, number: int, size: float) -> None:
    """A data set of about ``size`` bytes comes with the next block."""
    chain, problem = world.chain, world.chain.problem
    example = math.prod(problem.shape) + LABEL_BYTES
    train = max(1000, int(size / example) - problem.validation)
    file = UniformFile(
        f"{chain.name} data {number}", (train + problem.validation) * example + DESCRIPTION_BYTES
    )
    manifest = replace(problem, title=f"Data set {number}", train=train, data=file.id, data_bytes=file.size)
    world.acts.append((world.proposer, Propose("problem", manifest.to_bytes().decode())))
    world.name_object(file, chain.height + 1, is_data=True)


def list_load(world: World) -> list[tuple[int, int, int]]:
    """(capacity, used, blocks since it joined) of each keeper that serves, as the ledger says."""
    found = []
    for key, keeper in world.chain.state.scan("keeper/"):
        if not keeper["leaving"]:
            joined = world.hosts[key.partition("/")[2]].joined
            capacity, used = int(str(keeper["capacity"])), int(str(keeper["used"]))
            found.append((capacity, used, world.chain.height - int(joined)))
    return found


def take_sample(world: World) -> Sample:
    """The network as it is now."""
    load, census = list_load(world), world.census
    params = world.scenario.params
    below = sum(count for copies, count in census.copies[False].items() if copies < params.model_replicas)
    below += sum(count for copies, count in census.copies[True].items() if copies < params.data_replicas)
    return Sample(
        day=round(world.chain.height / world.scenario.year * DAYS, 2),
        keepers=len(load),
        objects=sum(sum(counts.values()) for counts in census.copies.values()),
        below=below,
        lost=census.events["lost"],
        used=sum(used for _, used, _ in load),
        capacity=sum(capacity for capacity, _, _ in load),
        ejected=census.events["ejected"],
        repaired=census.bytes_moved["repair"],
    )


def count_totals(world: World) -> dict[str, int]:
    """Coins at the end, in base units."""
    chain = world.chain
    return {
        "burned": chain.count("supply", "burned"),
        "pool": chain.count("keeper_pool", "amount"),
        "bonds": sum(int(str(keeper["bond"])) for _, keeper in chain.state.scan("keeper/")),
    }
