import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from strata import store
from strata.config.keys import Augment
from strata.errors import StrataError
from strata.networks import checkpoints
from strata.networks import train as training
from strata.networks.build import build
from strata.networks.preemption import Postponed
from strata.networks.preprocessing import normalised

EPOCHS = [0, 1, 2, 3, 4]


@pytest.fixture
def run(digit_shards, model_config, training_config, tmp_path):
    """Train once, into a folder of its own name; every argument can be changed."""

    def run(name, epochs_kept=EPOCHS, seed=0, state=None, shards=None, model=model_config, postponed=None, **changes):
        folder = tmp_path / name
        state = tmp_path / (state or f"{name}-state")
        history = training.train(
            shards or digit_shards,
            model,
            training=training_config.model_copy(update=changes),
            epochs_kept=epochs_kept,
            seed=seed,
            state=state,
            postponed=postponed,
        )
        training.publish(state, [folder / f"epoch-{epoch:03d}.pt" for epoch in epochs_kept])
        return history, kept_in(folder)

    run.shards = digit_shards
    return run


def kept_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))} if folder.exists() else {}


def test_the_loss_falls_and_the_digits_are_learned(run):
    history, _ = run("a", epochs_kept=[0, 16], epochs=16)
    assert history["loss"].iloc[-1] < 0.3 * history["loss"].iloc[0]
    assert history["accuracy"].iloc[-1] >= 0.9


def test_the_history_has_a_row_an_epoch_and_a_checkpoint_is_kept_of_each_listed_one(run, digit_shards, model_config):
    history, kept = run("a", epochs_kept=[0, 3, 4])
    assert list(history.columns) == ["epoch", "loss", "accuracy", "learning_rate"]
    assert list(history["epoch"]) == EPOCHS
    assert list(kept) == ["epoch-000.pt", "epoch-003.pt", "epoch-004.pt"]
    assert len(set(kept.values())) == 3


def test_loss_and_accuracy_are_those_of_the_checkpoint_on_test_images(run, digit_shards, model_config, tmp_path):
    history, _ = run("a")
    for epoch in (0, 4):
        network = build(model_config, 3, seed=99)
        checkpoints.load(tmp_path / "a" / f"epoch-{epoch:03d}.pt", network)
        network.eval()
        parts = [store.read(path)[0] for path in digit_shards]
        images, labels, train = (np.concatenate([p[k] for p in parts]) for k in ("images", "labels", "train"))
        with torch.no_grad():
            x = normalised(torch.from_numpy(images[~train]), model_config)
            logits, target = network(x), torch.from_numpy(labels[~train]).long()
        assert history["loss"][epoch] == pytest.approx(functional.cross_entropy(logits, target).item(), rel=1e-4)
        assert history["accuracy"][epoch] == (logits.argmax(1) == target).double().mean().item()


def test_the_first_checkpoint_is_the_untrained_network(run, model_config, tmp_path):
    run("a", seed=5)
    network = build(model_config, 3, seed=5)
    checkpoints.save(tmp_path / "untrained.pt", network, epoch=0)
    assert (tmp_path / "untrained.pt").read_bytes() == (tmp_path / "a" / "epoch-000.pt").read_bytes()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run):
    first, again, other = (run(name, seed=seed)[1] for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_the_cosine_schedule_falls_from_its_peak_to_zero(run):
    history, _ = run("a", schedule="cosine")
    expected = [0.1 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in EPOCHS]
    assert history["learning_rate"].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_one_cycle_schedule_rises_to_its_peak_and_falls_to_nothing(run):
    rates = run("a")[0]["learning_rate"].tolist()
    assert rates[0] == pytest.approx(0.1 / 25)
    assert 0.09 < rates[1] <= 0.1  # the peak is at 30 % of all steps
    assert rates[1] > rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.1 / 25 / 1e4)


@pytest.fixture
def stop_after(monkeypatch):
    """Let training stop in the evaluation of an epoch, as a kill would."""
    evaluate = training.evaluate

    def stop_after(calls):
        left = iter(range(calls))

        def stopping(*arguments, **more):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return evaluate(*arguments, **more)

        monkeypatch.setattr(training, "evaluate", stopping)

    yield stop_after
    monkeypatch.undo()


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
@pytest.mark.parametrize("evaluations", [[1], [3], [1, 1, 2]], ids=["early", "late", "thrice"])
def test_a_stopped_training_goes_on_to_the_same_bits(run, stop_after, monkeypatch, capsys, schedule, evaluations):
    whole, expected = run("whole", schedule=schedule)
    for calls in evaluations:
        stop_after(calls)
        with pytest.raises(KeyboardInterrupt):
            run("part", schedule=schedule)
        monkeypatch.undo()
    capsys.readouterr()
    history, found = run("part", schedule=schedule)
    assert f"resuming after epoch {sum(evaluations) - 1} and 0 more steps" in capsys.readouterr().out
    assert found == expected
    assert history.equals(whole)


@pytest.fixture
def elsewhere(digit_shards, model_config, training_config, tmp_path):
    """Start the training "part" in a process of its own, which runs some code in its ninth step, in the third epoch."""

    def elsewhere(code):
        program = f"""
import os, signal, sys, torch
from strata.config.keys import Augment, Model, Training
from strata.networks import train as training
torch.set_num_threads(1)
step, steps = training.augmented, []
def watched(*arguments, **more):
    steps.append(1)
    if len(steps) == 9:
        {code}
    return step(*arguments, **more)
training.augmented = watched
training.train({[str(p) for p in digit_shards]}, {model_config!r}, training={training_config!r},
               epochs_kept={EPOCHS}, seed=0, state={str(tmp_path / "part-state")!r})
"""
        return subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    return elsewhere


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_bits(run, elsewhere, tmp_path):
    _, expected = run("whole")
    killed = elsewhere("os.kill(os.getpid(), signal.SIGKILL)")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert "last.pt" in os.listdir(tmp_path / "part-state")
    assert run("part")[1] == expected


def paused(elsewhere):
    """Return a training that waits in its third epoch until it is told to go on."""
    process = elsewhere("print('in the middle', flush=True); sys.stdin.readline()")
    while process.stdout.readline() not in ("in the middle\n", ""):
        pass
    return process


@pytest.mark.slow
def test_a_second_training_is_told_who_trains_and_follows_when_that_one_is_killed(run, elsewhere, tmp_path, capsys):
    _, expected = run("whole")
    first = paused(elsewhere)
    before = kept_in(tmp_path / "part-state")
    with pytest.raises(StrataError, match=rf"part-state belongs to process {first.pid} on .* since .*kill {first.pid}"):
        run("part")
    assert kept_in(tmp_path / "part-state") == before
    first.kill()
    first.wait()
    capsys.readouterr()
    assert run("part")[1] == expected
    assert "resuming after epoch 2 " in capsys.readouterr().out


@pytest.mark.slow
def test_a_training_beside_which_another_was_refused_ends_with_the_same_bits(run, elsewhere, tmp_path):
    _, expected = run("whole")
    first = paused(elsewhere)
    with pytest.raises(StrataError, match=f"process {first.pid}"):
        run("part")
    first.communicate("go on\n")
    assert first.returncode == 0
    assert {name: kept_in(tmp_path / "part-state")[name] for name in expected} == expected
    assert "owner.json" not in kept_in(tmp_path / "part-state")


@pytest.fixture
def signalled_in_step(monkeypatch):
    """Let a signal come in one of the steps of training, as from Slurm before a time limit."""

    def signalled_in_step(number, sent):
        steps = iter(range(1, 1000))
        make = training.augmented

        def augmented(*arguments, **more):
            if next(steps) == number:
                os.kill(os.getpid(), sent)
            return make(*arguments, **more)

        monkeypatch.setattr(training, "augmented", augmented)

    before = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    yield signalled_in_step
    for number, handler in before.items():
        signal.signal(number, handler)


class Requeued(Exception):
    """What stands for the end of a job that goes back to the queue."""


def requeue(number, frame):
    raise Requeued


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet", "dropout"])
@pytest.mark.parametrize("step", [1, 3, 4, 7])
def test_a_signalled_training_goes_on_at_the_very_step(
    run, signalled_in_step, monkeypatch, model_config, capsys, step, model
):
    if model == "dropout":  # whose masks are random, too
        model_config = model_config.model_copy(update={"source": "torchvision:mobilenet_v3_small", "arguments": {}})
    short = {"model": model_config, "epochs_kept": [0, 2], "epochs": 2}
    _, expected = run("whole", **short)
    per_epoch = training._census(run.shards, 16)[1]
    signal.signal(signal.SIGUSR2, requeue)
    signalled_in_step(step, signal.SIGUSR2)
    with pytest.raises(Requeued):
        run("part", **short, postponed=Postponed())
    monkeypatch.undo()
    steps = []
    make = training.augmented
    monkeypatch.setattr(training, "augmented", lambda *a, **k: (steps.append(1), make(*a, **k))[1])
    capsys.readouterr()
    assert run("part", **short)[1] == expected
    assert len(steps) == 2 * per_epoch - step  # none is taken again
    epoch, taken = divmod(step, per_epoch) if step % per_epoch else (step // per_epoch - 1, per_epoch)
    assert f"resuming after epoch {epoch} and {taken} more steps" in capsys.readouterr().out


def test_a_signal_that_ends_nothing_lets_training_go_on(run, signalled_in_step, monkeypatch):
    expected = run("whole")[1]
    heard = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    signalled_in_step(2, signal.SIGTERM)
    assert run("part", postponed=Postponed())[1] == expected
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize(
    "other",
    [
        {"learning_rate": 0.02},
        {"seed": 3},
        {"epochs_kept": [0, 4]},
        {"augment": Augment(scale=[1.0, 1.0], flip=True)},
        {"shards": 1},
        {"shuffle_labels": True},
    ],
    ids=lambda other: next(iter(other)),
)
def test_the_state_of_another_training_is_not_used(run, stop_after, monkeypatch, digit_shards, other, capsys):
    if "shards" in other:
        other = {"shards": digit_shards[: other["shards"]]}
    expected = run("fresh", **other)[1]
    stop_after(3)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", state="shared")
    monkeypatch.undo()
    capsys.readouterr()
    assert run("a", state="shared", **other)[1] == expected
    assert "resuming" not in capsys.readouterr().out


def cut(keep):
    return lambda content: content[:keep]


def flipped(place):
    """Flip a bit of some byte; a place below 1 is a share of the file."""

    def flipped(content):
        where = int(place * len(content)) if isinstance(place, float) else place % len(content)
        return content[:where] + bytes([content[where] ^ 8]) + content[where + 1 :]

    return flipped


DAMAGES = {
    "empty": cut(0),
    "cut early": cut(100),
    "cut late": cut(-100),
    **{f"bit at {place}": flipped(place) for place in (0.1, 0.3, 0.5, 0.7, -22)},  # -22: where its directory is told
}


@pytest.mark.parametrize("name", ["last.pt", "epoch-001.pt"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_not_used(run, stop_after, monkeypatch, tmp_path, capsys, damage, name):
    short = {"epochs": 2, "epochs_kept": [0, 1, 2]}
    expected = run("whole", **short)[1]
    stop_after(2)
    with pytest.raises(KeyboardInterrupt):
        run("part", **short)
    monkeypatch.undo()
    state = tmp_path / "part-state" / name
    state.write_bytes(DAMAGES[damage](state.read_bytes()))
    capsys.readouterr()
    assert run("part", **short)[1] == expected
    said = capsys.readouterr().out
    assert f"{tmp_path / 'part-state'} is damaged; starting from the first epoch" in said
    assert "resuming" not in said


def test_a_damaged_checkpoint_is_not_published_and_made_again(run, tmp_path):
    expected = run("a")[1]
    kept = tmp_path / "a-state" / "epoch-003.pt"
    kept.write_bytes(flipped(0.5)(kept.read_bytes()))
    with pytest.raises(StrataError, match=r"epoch-003\.pt is damaged.*; rerun, and training starts again"):
        training.publish(kept.parent, [tmp_path / "again" / kept.name])
    assert kept_in(tmp_path / "again") == {}
    assert run("a")[1] == expected


def test_a_training_that_diverges_is_told_and_leaves_no_checkpoints(run, tmp_path):
    with pytest.raises(StrataError, match=r"diverged in epoch 1; lower training\.learning_rate"):
        run("a", learning_rate=1e30, schedule="cosine")
    assert kept_in(tmp_path / "a") == {}


def test_a_damaged_image_shard_is_told(run, digit_shards, tmp_path):
    bad = tmp_path / "shard-000.h5"
    bad.write_bytes(digit_shards[0].read_bytes()[:-50])
    with pytest.raises(StrataError, match=r"shard-000\.h5"):
        run("a", shards=[bad])


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("batch_size", [2, 7, 16, 1000])
def test_every_image_of_the_split_is_seen_once_an_epoch(digit_shards, train, batch_size):
    def ids(order):
        batches = list(training._batches(digit_shards, batch_size, train, order))
        assert all(1 <= len(images) <= batch_size for images, _ in batches)
        assert all(len(images) == len(labels) for images, labels in batches)
        return [image.tobytes() for images, _ in batches for image in images.numpy()]

    parts = [store.read(path)[0] for path in digit_shards]
    expected = [image.tobytes() for p in parts for image in p["images"][p["train"] == train]]
    assert ids(None) == expected
    shuffled = [ids(np.random.default_rng([0, epoch])) for epoch in (1, 2)]
    assert all(sorted(s) == sorted(expected) for s in shuffled)
    assert shuffled[0] != shuffled[1]


def split(shards):
    """Return labels and whether they are of training images, shard after shard."""
    parts = [store.read(path)[0] for path in shards]
    return [np.concatenate([part[name] for part in parts]) for name in ("labels", "train")]


def test_shuffled_labels_are_those_of_the_training_images_in_another_order(digit_shards):
    labels, train = split(digit_shards)
    found = training.shuffled_labels(digit_shards, seed=0)
    assert [len(own) for own in found] == [len(store.read(path)[0]["labels"]) for path in digit_shards]
    shuffled = np.concatenate(found)
    np.testing.assert_array_equal(shuffled[~train], labels[~train])
    np.testing.assert_array_equal(np.bincount(shuffled[train]), np.bincount(labels[train]))
    agree = (shuffled[train] == labels[train]).mean()  # 1/3 by chance, with 36 images
    assert 0.05 < agree < 0.65


def test_the_seed_decides_how_labels_are_shuffled(digit_shards):
    first, again, other = (np.concatenate(training.shuffled_labels(digit_shards, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_epoch_trains_on_the_same_shuffled_labels(run, digit_shards, monkeypatch):
    labels = np.concatenate(training.shuffled_labels(digit_shards, 0))
    images = np.concatenate([store.read(path)[0]["images"] for path in digit_shards])
    expected = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    seen = {True: [], False: []}
    batches = training._batches

    def watched(shards, batch_size, train, **more):
        for x, y in batches(shards, batch_size, train, **more):
            seen[train] += [(image.tobytes(), int(label)) for image, label in zip(x.numpy(), y, strict=True)]
            yield x, y

    monkeypatch.setattr(training, "_batches", watched)
    run("a", epochs_kept=[0, 2], epochs=2, shuffle_labels=True)
    assert sorted(set(seen[True]) | set(seen[False])) == sorted(set(expected))
    assert len(seen[True]) == 2 * len(set(seen[True]))  # two epochs; then three evaluations
    assert len(seen[False]) == 3 * len(set(seen[False]))


def test_with_shuffled_labels_nothing_is_learned_of_the_classes(run):
    """The same training with the true labels reaches 90 % (above)."""
    history, _ = run("a", epochs_kept=[0, 16], epochs=16, shuffle_labels=True)
    assert history["accuracy"].iloc[-1] < 0.65  # of three classes


@pytest.fixture
def images():
    return torch.rand(64, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def augmented(images, scale=(1.0, 1.0), flip=False, seed=0):
    draws = torch.rand(4, len(images), generator=torch.Generator().manual_seed(seed))
    return training.augmented(images, scale, flip=flip, draws=draws)


def test_a_crop_of_the_whole_image_without_mirroring_changes_nothing(images):
    torch.testing.assert_close(augmented(images), images, atol=1e-5, rtol=0)


def test_about_half_of_the_images_are_mirrored_and_the_others_stay(images):
    found = augmented(images, flip=True)
    kept = ((found - images).abs().amax((1, 2, 3)) < 1e-5).numpy()
    mirrored = ((found - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5).numpy()
    assert (kept ^ mirrored).all()
    assert 16 <= kept.sum() <= 48  # four standard deviations about 32


def test_a_crop_covers_the_share_of_the_area_that_it_is_told():
    ramp = torch.linspace(-1, 1, 101).expand(200, 3, 101, 101)  # its range tells the side of a crop
    sides = torch.cat([x.amax((1, 2, 3)) - x.amin((1, 2, 3)) for x in [augmented(ramp, (0.25, 0.64))]]) / 2
    assert sides.min() >= 0.5 - 0.02
    assert sides.max() <= 0.8 + 0.02
    assert sides.min() < 0.53
    assert sides.max() > 0.77
    assert augmented(ramp, (0.25, 0.25)).amax((1, 2, 3)).max() > 0.98  # crops reach the border
    assert augmented(ramp, (0.25, 0.25)).amin((1, 2, 3)).min() < -0.98


def test_the_draws_alone_decide_the_crops(images):
    first, again, other = (augmented(images, (0.3, 1.0), True, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
