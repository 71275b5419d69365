"""Gradient steps against losses, averages and rates computed by hand."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

import games
from selfplay.config import LearnConfig
from selfplay.network.architectures import build
from selfplay.train.learner import Learner
from selfplay.train.replay import Batch

GAME = games.make("tictactoe")


def learner(architecture="mlp:1x32", dtype="float32", seed=0, **settings: Any):
    torch.manual_seed(seed)
    network, config = build(GAME, architecture), LearnConfig(**{"warmup_steps": 0, **settings})
    head = network.ownership(GAME) if config.ownership_weight else None
    return Learner(network, config, torch.device("cpu"), dtype, ownership=head)


def batch_of(rows, seed=0, replies=True, owners=(0, 3)):
    """Random positions, each with a policy, a value, a reply and owners of cells of its own."""
    rng = np.random.default_rng(seed)
    reply = rng.integers(-1, GAME.actions, rows) if replies else np.full(rows, -1)
    return Batch(
        planes_BPHW=rng.integers(0, 2, (rows, GAME.planes, 3, 3)).astype(np.float32),
        policy_BA=rng.dirichlet(np.full(GAME.actions, 0.5), rows).astype(np.float32),
        value_B3=rng.dirichlet(np.ones(3), rows).astype(np.float32),
        reply_B=reply.astype(np.int64),
        owners_BC=rng.integers(owners[0], owners[1], (rows, GAME.cells)),
    )


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def naive_losses(network, batch):
    """Cross-entropies with the softmax written out: policy, value, and reply over the rows that have one."""

    def log_softmax(logits):
        logits = logits.detach().numpy().astype(np.float64)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    policy, value, reply = (log_softmax(logits) for logits in network(torch.from_numpy(batch.planes_BPHW)))
    replied = [-reply[row, action] for row, action in enumerate(batch.reply_B) if action != -1]
    return (
        float(-(batch.policy_BA * policy).sum(axis=1).mean()),
        float(-(batch.value_B3 * value).sum(axis=1).mean()),
        float(np.mean(replied)) if replied else 0.0,
    )


def entropy(targets):
    return float(-(targets * np.log(np.maximum(targets, 1e-30))).sum(axis=1).mean())


def test_losses_by_hand_and_a_step_reduces_them():
    mine, batch = learner(value_weight=0.5, reply_weight=0.25), batch_of(16)
    policy, value, reply = naive_losses(mine.network, batch)
    losses = mine.learn(iter([batch]), positions=0)
    assert (losses.policy, losses.value, losses.reply) == pytest.approx((policy, value, reply), abs=1e-5)
    assert losses.total == pytest.approx(policy + 0.5 * value + 0.25 * reply, abs=1e-5)
    for before, after in zip((policy, value, reply), naive_losses(mine.network, batch), strict=True):
        assert after < before


@pytest.mark.parametrize("architecture", ["mlp:1x32", "resnet:1x4"])
def test_the_loss_of_ownership_by_hand(architecture):
    """Over the cells whose end is known; and a step reduces it, also where nothing else is learned."""
    mine = learner(architecture, ownership_weight=0.5)
    batch = batch_of(16, owners=(-1, 3))
    owners_BC, head = batch.owners_BC, mine.student.ownership
    assert head is not None and owners_BC is not None

    def naive():
        logits_B3C = head(mine.network.trunk(torch.from_numpy(batch.planes_BPHW))).detach().numpy()
        chances_B3C = np.exp(logits_B3C) / np.exp(logits_B3C).sum(axis=1, keepdims=True)
        known = [(row, cell) for row in range(16) for cell in range(GAME.cells) if owners_BC[row, cell] >= 0]
        return -np.mean([np.log(chances_B3C[row, owners_BC[row, cell], cell]) for row, cell in known])

    mine.student.train()
    before = naive()
    losses = mine.learn(iter([batch]), positions=0)
    assert losses.ownership == pytest.approx(before, abs=1e-4)
    assert losses.total == pytest.approx(losses.policy + losses.value + 0.15 * losses.reply + 0.5 * before, abs=1e-4)
    assert naive() < before


def test_unknown_ends_teach_ownership_nothing():
    mine = learner(ownership_weight=0.5, weight_decay=0.0)
    head = mine.student.ownership
    assert head is not None
    before = weights(head)
    losses = mine.learn(iter([batch_of(16, owners=(-1, 0))]), positions=0)
    assert losses.ownership == 0.0
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(head).items())


def test_a_run_that_was_not_taught_ownership_goes_on_without():
    """Exactly as a learner would that has never heard of it."""
    older, newer, never = learner(), learner(ownership_weight=0.5, seed=1), learner(seed=1)
    older.learn(iter([batch_of(8, seed=seed) for seed in range(3)]), positions=0)
    losses = []
    for mine in (newer, never):
        mine.restore(copy.deepcopy(older.state()))
        losses.append(mine.learn(iter([batch_of(8, seed=9)]), positions=0))
    assert losses[0] == losses[1] and "ownership" not in newer.state()
    with pytest.raises(ValueError, match="state has"):
        older.restore(learner(ownership_weight=0.5).state())


def test_losses_are_means_over_the_steps():
    batches = [batch_of(8, seed=seed) for seed in range(3)]
    apart, together = learner(), learner()
    singly = [apart.learn(iter([batch]), positions=0) for batch in batches]
    jointly = together.learn(iter(batches), positions=0)
    for name in ("total", "policy", "value", "reply", "gradient_norm"):
        assert getattr(jointly, name) == pytest.approx(np.mean([getattr(loss, name) for loss in singly]), rel=1e-5)


def test_a_small_network_learns_32_positions_by_heart():
    """The losses go down to the entropy of the targets, which nothing can beat."""
    mine, batch = learner("mlp:1x128", learning_rate=0.01, weight_decay=0.0), batch_of(32)
    mine.learn(iter([batch] * 400), positions=0)
    policy, value, reply = naive_losses(mine.network, batch)
    assert policy == pytest.approx(entropy(batch.policy_BA), abs=0.02)
    assert value == pytest.approx(entropy(batch.value_B3), abs=0.02)
    assert reply < 0.02


@pytest.mark.parametrize(("ema", "keeps"), [(0.99, (2 / 11, 3 / 12)), (0.1, (0.1, 0.1))])
def test_the_average_by_hand_after_two_steps(ema, keeps):
    mine = learner("resnet:1x4", ema=ema, learning_rate=0.01)
    expected = weights(mine.network)
    for step, keep in enumerate(keeps):
        mine.learn(iter([batch_of(8, seed=step)]), positions=0)
        for name, tensor in mine.network.state_dict().items():
            if tensor.is_floating_point():  # running statistics are averaged like weights
                expected[name] = keep * expected[name] + (1 - keep) * tensor
            else:
                expected[name] = tensor
    for name, tensor in mine.average.state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=1e-6), name
    assert not mine.average.training


def test_positions_without_a_reply_teach_the_reply_head_nothing():
    """Only weight decay, at learning rate times decay, moves its matrix then; and it leaves biases alone."""
    mine = learner(learning_rate=0.01, weight_decay=0.5)
    before = weights(mine.network)
    losses = mine.learn(iter([batch_of(16, replies=False)]), positions=0)
    after = weights(mine.network)
    assert losses.reply == 0.0
    assert torch.allclose(after["reply.weight"], before["reply.weight"] * (1 - 0.01 * 0.5), atol=1e-7)
    assert torch.equal(after["reply.bias"], before["reply.bias"])
    assert not torch.equal(after["policy.bias"], before["policy.bias"])


def test_matrices_decay_and_biases_and_norms_do_not():
    mine = learner("resnet:2x4", weight_decay=0.5)
    names = {id(parameter): name for name, parameter in mine.network.named_parameters()}
    decays = {
        names[id(parameter)]: group["weight_decay"]
        for group in mine.optimizer.param_groups
        for parameter in group["params"]
    }
    assert sorted(decays) == sorted(names.values())
    for name, decay in decays.items():
        assert decay == (0.0 if name.endswith("bias") or ".norm." in name else 0.5), name


def test_the_learning_rate_by_hand():
    mine = learner(learning_rate=0.08, warmup_steps=4, decay_positions=1e6)
    rates = []
    for _ in range(6):
        rates.append(mine.learning_rate(0))
        mine.learn(iter([batch_of(4)]), positions=0)
        assert [group["lr"] for group in mine.optimizer.param_groups] == [rates[-1]] * 2
    assert rates == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.08, 0.08])
    assert mine.learning_rate(3_000_000) == pytest.approx(0.04)  # 1 / sqrt(1 + 3)
    assert mine.learning_rate(8_000_000) == pytest.approx(0.08 / 3)


def test_bfloat16_learns_nearly_the_same():
    batch = batch_of(32)
    exact, rough = learner(), learner(dtype="bfloat16")
    losses = [mine.learn(iter([batch] * 20), positions=0) for mine in (exact, rough)]
    assert losses[1].total == pytest.approx(losses[0].total, rel=0.02)
    assert losses[1].total != losses[0].total
    assert all(parameter.dtype == torch.float32 for parameter in rough.network.parameters())


@pytest.mark.parametrize("architecture", ["mlp:1x16", "resnet:1x4"])
@pytest.mark.parametrize("ownership", [0.0, 0.5])
def test_a_restored_learner_goes_on_as_the_first(architecture, ownership):
    first, second = (learner(architecture, warmup_steps=10, ownership_weight=ownership, seed=seed) for seed in range(2))
    first.learn(iter([batch_of(8, seed=seed) for seed in range(3)]), positions=0)
    second.restore(copy.deepcopy(first.state()))
    losses = [mine.learn(iter([batch_of(8, seed=9)] * 2), positions=1000) for mine in (first, second)]
    assert losses[0] == losses[1]
    for part in ("network", "average"):
        mine, other = first.state()[part], second.state()[part]
        assert all(torch.equal(mine[name], other[name]) for name in mine)


def threaded(threads, architecture="mlp:1x32", **settings: Any):
    torch.manual_seed(0)
    network, config = build(GAME, architecture), LearnConfig(**{"warmup_steps": 0, **settings})
    head = network.ownership(GAME) if config.ownership_weight else None
    return Learner(network, config, torch.device("cpu"), "float32", threads, ownership=head)


def test_threads_share_a_batch_and_change_no_step():
    """Without batch statistics the mean over shares is the mean over the batch; 100 rows do not divide by three."""
    batches = [batch_of(100, seed, replies=False) for seed in range(4)]
    alone, shared = (threaded(threads, ownership_weight=0.5) for threads in (1, 3))
    first, second = alone.learn(iter(batches), 0), shared.learn(iter(batches), 0)
    assert second.total == pytest.approx(first.total, rel=1e-5)
    assert second.gradient_norm == pytest.approx(first.gradient_norm, rel=1e-4)
    for mine, theirs in zip(alone.student.parameters(), shared.student.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-4)


def test_the_same_number_of_threads_takes_the_same_steps_also_after_a_restore():
    batches = [batch_of(96, seed) for seed in range(6)]
    whole, again, late = (threaded(2, "resnet:1x8") for _ in range(3))
    whole.learn(iter(batches), 0)
    again.learn(iter(batches[:3]), 0)
    late.learn(iter([batch_of(96, 50)]), 0)  # whatever it did before is forgotten
    late.restore(again.state())
    late.learn(iter(batches[3:]), 0)
    for name, tensor in weights(whole.network).items():
        assert torch.equal(tensor, weights(late.network)[name]), name
    assert any(not torch.equal(tensor, weights(again.network)[name]) for name, tensor in weights(whole.network).items())
