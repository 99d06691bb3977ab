"""Training: SGD with a schedule, a checkpoint per listed epoch, and a resume that changes no bit.

Everything random derives from (seed, epoch) or (seed, epoch, step), so that an epoch can be repeated without the ones
before it, and gone on with from any step. Where torch.distributed runs, every process takes its share of every batch,
and all of them hold the same weights.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from strata import store
from strata.config.keys import Model, Training
from strata.device import compute_device
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks.build import build
from strata.networks.owner import owned
from strata.networks.preemption import Postponed
from strata.networks.preprocessing import normalised
from strata.progress import progress

Batch = tuple[Tensor, Tensor]


def train(
    shards: Sequence[str | Path],
    model: Model,
    *,
    training: Training,
    epochs_kept: Sequence[int],
    seed: int,
    state: str | Path,
    postponed: Postponed | None = None,
) -> pd.DataFrame:
    """Train a network and keep checkpoints.

    Parameters
    ----------
    shards
        Image shards.
    model, training
        The sections `model` and `training` of the configuration.
    epochs_kept
        Epochs after which a checkpoint is kept; 0 is the untrained network.
    seed
        Of weights, order and augmentation.
    state
        A folder for checkpoints, as epoch-<epoch>.pt, and for what an interrupted run needs to go on. Of several
        processes the first one writes it, and owns it meanwhile.
    postponed
        Signals that wait for the end of a step: the state is saved, then they are handed on.

    Returns
    -------
    DataFrame
        One row an epoch: epoch, loss and accuracy (both on test images), learning_rate.

    Raises
    ------
    StrataError
        If training diverges, a batch has fewer images than there are processes, or another training owns the state.
    """
    with _owned(Path(state)):
        return _trained(shards, model, training, epochs_kept, seed, Path(state), postponed)


def _trained(
    shards: Sequence[str | Path],
    model: Model,
    training: Training,
    epochs_kept: Sequence[int],
    seed: int,
    state: Path,
    postponed: Postponed | None,
) -> pd.DataFrame:
    """Train; see `train`."""
    device, first = compute_device(), _rank() == 0
    classes, steps, images = _census(shards, training.batch_size)
    labels = shuffled_labels(shards, seed) if training.shuffle_labels else None
    network = build(model, classes, seed=seed).to(device)
    if _processes() > 1 and device.type == "cuda":  # there is none for the CPU
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )
    schedule = _schedule(optimiser, training, steps)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    parts: dict[str, Any] = {"model": network, "optimiser": optimiser, "schedule": schedule, "scaler": scaler}
    identity = store.digest([repr(model), repr(training), repr(list(epochs_kept)), str(seed), *images])
    history, taken = _resume(state, identity, parts, epochs_kept)
    replica = DistributedDataParallel(network) if _processes() > 1 else network

    def save(taken: int) -> None:
        if first:
            saved = {name: part.state_dict() for name, part in parts.items()}
            content = {"identity": identity, "history": history, "taken": taken, **saved}
            store.write_bytes(state / "last.pt", checkpoints.packed(content))

    def update(x: Tensor, target: Tensor, whole: int) -> None:
        """Take one step; `whole` is the size of the batch of which these images are this process's share."""
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, enabled=device.type == "cuda"):
            loss = functional.cross_entropy(replica(x), target)
        # Processes average their gradients; so weighted, the average is the gradient of the mean over the batch.
        scaler.scale(loss * (len(target) * _processes() / whole)).backward()
        scaler.step(optimiser)
        scaler.update()
        schedule.step()

    for epoch in range(len(history), training.epochs + 1):
        began = time.perf_counter()
        replica.train()
        batches = _augmented_batches(shards, labels, model, training, seed, epoch, taken) if epoch else []
        for step, share in progress(batches, f"epoch {epoch}/{training.epochs}", total=steps, initial=taken):
            update(*share)
            if postponed and postponed.waiting:
                save(step + 1)
                postponed.hand_on()
        taken = 0
        loss, accuracy = evaluate(network, shards, model=model, batch_size=training.batch_size)
        if not np.isfinite(loss):
            raise StrataError(f"training diverged in epoch {epoch}; lower training.learning_rate")
        history.append(
            {
                "epoch": epoch,
                "loss": loss,
                "accuracy": accuracy,
                "learning_rate": optimiser.param_groups[0]["lr"],
            }
        )
        if epoch in epochs_kept and first:
            checkpoints.save(_checkpoint(state, epoch), network, epoch=epoch)
        save(taken)
        if first:
            spent = time.perf_counter() - began
            print(f"epoch {epoch:3d}  test loss {loss:.4f}  test accuracy {accuracy:.4f}  {spent:.1f} s", flush=True)
    return pd.DataFrame(history)


@contextmanager
def _owned(state: Path) -> Iterator[None]:
    """Own the state; of several processes the first one does, and all end if it cannot."""
    with ExitStack() as held:
        told: list[str | None] = [None]
        if _rank() == 0:
            try:
                held.enter_context(owned(state))
            except StrataError as error:
                told = [str(error)]
        if _processes() > 1:
            distributed.broadcast_object_list(told)
        if told[0]:
            raise StrataError(told[0])
        yield


def publish(state: str | Path, paths: Sequence[str | Path]) -> None:
    """Write the checkpoints of a training that has ended to where they belong.

    Parameters
    ----------
    state
        The folder that training kept them in.
    paths
        Where they belong; each has the same name in `state`.

    Raises
    ------
    StrataError
        If one of them is damaged.
    """
    for path in paths:
        try:
            content = checkpoints.whole(Path(state) / Path(path).name)
        except (OSError, ValueError) as error:
            raise StrataError(f"{error}; rerun, and training starts again from the first epoch") from error
        store.write_bytes(path, content)


@torch.no_grad()
def evaluate(network: nn.Module, shards: Sequence[str | Path], *, model: Model, batch_size: int) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy on the test images, of which every process takes some shards.

    Parameters
    ----------
    network
        On its device; it is put in evaluation mode.
    shards
        Image shards.
    model
        The section `model` of the configuration.
    batch_size
        Images a forward pass.
    """
    network.eval()
    device = next(network.parameters()).device
    if _processes() > 1:
        for buffer in network.buffers():  # running statistics are each process's own
            distributed.broadcast(buffer, 0)
    totals = torch.zeros(3, dtype=torch.float64, device=device)  # loss, correct, images
    for images, labels in _batches(shards[_rank() :: _processes()], batch_size, train=False):
        x = normalised(images.to(device), model)
        logits, target = network(x).float(), labels.to(device)
        totals[0] += functional.cross_entropy(logits, target, reduction="sum")
        totals[1] += (logits.argmax(1) == target).sum()
        totals[2] += len(target)
    if _processes() > 1:
        distributed.all_reduce(totals)
    loss, correct, count = totals.tolist()
    return loss / count, correct / count


def shuffled_labels(shards: Sequence[str | Path], seed: int) -> list[np.ndarray]:
    """Return the labels of every shard, those of the training images permuted among them: a control.

    A label then tells nothing of what an image shows; every class keeps its number of images, test images their labels.

    Parameters
    ----------
    shards
        Image shards.
    seed
        Of the permutation.
    """
    labels, train = [], []
    for path in shards:
        with store.Shard(path, kind="images") as shard:
            labels.append(shard.read("labels"))
            train.append(shard.read("train"))
    everything, of_training = np.concatenate(labels), np.concatenate(train)
    rng = np.random.default_rng([seed, 0])  # epochs that draw an order begin at 1
    everything[of_training] = rng.permutation(everything[of_training])
    return np.split(everything, np.cumsum([len(own) for own in labels])[:-1])


def augmented(images: Tensor, scale: Sequence[float], *, flip: bool, draws: Tensor) -> Tensor:
    """Crop and mirror every image at random, with one affine resampling for the whole batch.

    Parameters
    ----------
    images
        n × channels × height × width, float.
    scale
        Range of the share of the area that a crop covers; its aspect ratio is kept.
    flip
        Whether half of the images are mirrored.
    draws
        4 × n, uniform in [0, 1): what decides every image's area, place (two) and mirroring.
    """
    n = len(images)
    area, x, y, mirror = draws
    side = (scale[0] + (scale[1] - scale[0]) * area).sqrt()
    direction = torch.where(mirror < 0.5, -1.0, 1.0) if flip else torch.ones(n)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = side * direction, side
    theta[:, 0, 2], theta[:, 1, 2] = (1 - side) * (2 * x - 1), (1 - side) * (2 * y - 1)
    grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _augmented_batches(
    shards: Sequence[str | Path],
    labels: Sequence[np.ndarray] | None,
    model: Model,
    training: Training,
    seed: int,
    epoch: int,
    first: int,
) -> Iterator[tuple[int, tuple[Tensor, Tensor, int]]]:
    """Yield steps of an epoch from the first wanted on: this process's images and labels, and the batch's size."""
    device = compute_device()
    order = np.random.default_rng([seed, epoch])
    dropout = int(order.integers(2**62))
    rng = torch.Generator().manual_seed(int(order.integers(2**62)))
    batches = _batches(shards, training.batch_size, train=True, order=order, labels=labels)
    for step, (images, target) in enumerate(batches):
        draws = torch.rand(4, len(images), generator=rng)  # on the CPU, so that every device draws the same
        if step < first:
            continue
        own = slice(_rank(), None, _processes())
        if len(target[own]) == 0:
            raise StrataError(
                f"config key training.batch_size: {len(images)} images in a batch are fewer than "
                f"{_processes()} processes; allowed: more, or fewer processes"
            )
        torch.manual_seed(dropout + _processes() * step + _rank())
        x = normalised(images[own].to(device), model)
        yield (
            step,
            (
                augmented(x, training.augment.scale, flip=training.augment.flip, draws=draws[:, own]),
                target[own].to(device),
                len(images),
            ),
        )


def _batches(
    shards: Sequence[str | Path],
    batch_size: int,
    train: bool,
    order: np.random.Generator | None = None,
    labels: Sequence[np.ndarray] | None = None,
) -> Iterator[Batch]:
    """Yield batches of uint8 images and labels (every shard's own, unless others are given).

    With `order`, shards and the images in them are shuffled.
    """
    ranks = order.permutation(len(shards)) if order else np.arange(len(shards))
    for rank in ranks:
        with store.Shard(shards[rank], kind="images") as shard:
            images = shard.read("images")
            target = shard.read("labels") if labels is None else labels[rank]
            rows = np.flatnonzero(shard.read("train") == train)
        if order:
            rows = order.permutation(rows)
        for part in np.array_split(rows, _steps(len(rows), batch_size)) if len(rows) else []:
            yield torch.from_numpy(images[part]), torch.from_numpy(target[part]).long()


def _steps(images: int, batch_size: int) -> int:
    return -(-images // batch_size)


def _census(shards: Sequence[str | Path], batch_size: int) -> tuple[int, int, list[str]]:
    """Return the number of classes, the steps of an epoch, and what identifies the images."""
    steps, identity, classes = 0, [], 0
    for path in shards:
        with store.Shard(path, kind="images") as shard:
            steps += _steps(int(shard.read("train").sum()), batch_size)
            identity += [shard.attributes["images"], str(shard.attributes["size"])]
            classes = len(shard.attributes["classes"])
    return classes, steps, identity


def _schedule(optimiser: torch.optim.Optimizer, training: Training, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    total = steps * training.epochs
    if training.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
    # One step more than there are, because the schedule also steps after the last update.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, training.learning_rate, total_steps=total + 1, cycle_momentum=False
    )


def _checkpoint(state: Path, epoch: int) -> Path:
    return state / f"epoch-{epoch:03d}.pt"


def _resume(
    state: Path, identity: str, parts: dict[str, Any], epochs_kept: Sequence[int]
) -> tuple[list[dict[str, float]], int]:
    """Load the last saved state if it belongs to this very training, and is whole with all that was kept before.

    Returns
    -------
    history, taken
        Of the epochs that have ended, and how many steps of the next one have been taken.
    """
    if not (state / "last.pt").exists():
        return [], 0
    try:
        saved = checkpoints.unpacked(checkpoints.whole(state / "last.pt"))
        if saved["identity"] != identity:
            return [], 0
        for epoch in range(len(saved["history"])):
            if epoch in epochs_kept:
                checkpoints.whole(_checkpoint(state, epoch))
    except Exception:  # torch.load raises nearly anything on a damaged file
        print(f"what was saved in {state} is damaged; starting from the first epoch", flush=True)
        return [], 0
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    print(f"resuming after epoch {len(saved['history']) - 1} and {saved['taken']} more steps", flush=True)
    return list(saved["history"]), saved["taken"]


def _processes() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0
