"""What surrounds a CUDA graph, with a replay that stands in for one; tests/test_cuda.py has it."""

import pytest
import torch
from torch.utils import _pytree as pytree

from sr_core.engine.cuda_graph import CHECKED, Graphed
from sr_core.engine.session import Session
from sr_core.sampling.settings import Settings

CPU = torch.device("cpu")


class Replayed(Graphed):
    """Writes into the same outputs each time, as a graph does."""

    replays, spoil = 0, 0.0

    def _capture(self, work):
        outputs = pytree.tree_map_only(torch.Tensor, torch.clone, work())

        def replay():
            self.replays += 1
            fresh = pytree.tree_leaves(work())
            for buffer, value in zip(pytree.tree_leaves(outputs), fresh, strict=True):
                buffer.copy_(value + self.spoil)

        return replay, outputs


def test_results_are_copies_and_inputs_are_read_anew():
    twice = Replayed(lambda x, y: (2 * x, x + y), CPU)
    one, _ = twice(torch.ones(2), torch.ones(2))
    other, total = twice(torch.full((2,), 5.0), torch.ones(2))
    assert (one.tolist(), other.tolist(), total.tolist()) == ([2, 2], [10, 10], [6, 6])
    assert twice.replays == 2


def test_what_is_no_tensor_or_another_shape_runs_eagerly():
    add = Replayed(lambda x, y: x if y is None else x + y, CPU)
    assert add(torch.ones(2), None).tolist() == [1, 1] and add.replays == 0
    assert add(torch.ones(2), torch.ones(2)).tolist() == [2, 2] and add.replays == 1
    assert add(torch.ones(3), torch.ones(3)).tolist() == [2, 2, 2] and add.replays == 1


def test_a_replay_that_does_not_agree_is_given_up_with_a_warning():
    add = Replayed(torch.add, CPU)
    add.spoil = 0.5
    with pytest.warns(UserWarning, match="graph of add did not agree with the eager call; it runs"):
        assert add(torch.ones(2), torch.ones(2)).tolist() == [2, 2]
    assert add(torch.ones(2), torch.ones(2)).tolist() == [2, 2] and add.replays == 1


@pytest.mark.parametrize(("spoil", "agrees"), [(1.9, True), (2.1, False)])
def test_a_replay_may_be_off_by_a_fiftieth_of_the_largest_number(spoil, agrees, recwarn):
    add = Replayed(torch.add, CPU)
    add.spoil = spoil
    total = add(torch.tensor([100.0, 0.0]), torch.zeros(2))
    assert total.tolist() == pytest.approx([100 + spoil, spoil] if agrees else [100, 0])
    assert len(recwarn) == (0 if agrees else 1)


def test_inputs_are_never_written_to():
    double, first = Replayed(lambda x: 2 * x, CPU), torch.ones(2)
    double(first)
    double(torch.full((2,), 5.0))
    assert first.tolist() == [1, 1]


def test_a_replay_of_not_a_number_is_given_up():
    add = Replayed(torch.add, CPU)
    add.spoil = float("nan")
    with pytest.warns(UserWarning, match="did not agree with the eager call; it runs eagerly"):
        assert add(torch.ones(2), torch.ones(2)).tolist() == [2, 2]


def test_only_the_first_replays_are_checked():
    calls = []
    count = Replayed(lambda x: calls.append(1) or x, CPU)
    for _ in range(6):
        count(torch.ones(1))
    assert len(calls) == 1 + 6 + CHECKED  # the capture, the stand-in's own, the checks


def test_what_cannot_be_captured_runs_eagerly(monkeypatch):
    def refuse(*_):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Replayed, "_capture", refuse)
    with pytest.warns(UserWarning, match="could not be captured .operation not permitted"):
        assert Replayed(torch.neg, CPU)(torch.ones(1)).tolist() == [-1]


def replayed(pipeline, start):
    """A session as it is on CUDA, with the stand-in for graphs."""
    session = Session(pipeline, start)
    session.generator._on_cuda = True
    owners = {"encode": session, "decode": session}
    owners |= {"condition": session.generator, "draw": session.generator}
    for name, owner in owners.items():
        setattr(owner, f"_run_{name}", Replayed(getattr(owner, f"_{name}"), CPU))
    return session


@pytest.mark.parametrize(
    "choice", [Settings(steps=2), Settings(steps=1, null_history="matched")], ids=repr
)
def test_a_session_of_replayed_steps_equals_the_plain_path(tiny_pipeline, choice):
    generator = torch.Generator().manual_seed(2)
    frames = torch.randint(0, 256, (1, 13, 3, 28, 56), dtype=torch.uint8, generator=generator)
    start = tiny_pipeline.start(choice, 7)
    session = replayed(tiny_pipeline, start)
    for n, frame in enumerate(frames.split(1, dim=1)):
        expected, start = tiny_pipeline.step(frame, start)
        assert (session.step(frame) - expected).abs().max() < 1e-9, n
    generator = session.generator
    assert session._run_encode.replays == generator._run_condition.replays == 12
    assert generator._run_draw.replays == 13 and session._run_decode.replays == 12


def test_a_session_that_was_warmed_up_captures_and_checks_nothing_while_it_plays(tiny_pipeline):
    frames = torch.randint(0, 256, (1, 9, 3, 28, 56), dtype=torch.uint8)
    start = tiny_pipeline.start(Settings(steps=1), 7)
    session = replayed(tiny_pipeline, start)
    session.warm_up(frames[:, :1])
    generator = session.generator
    steps = [session._run_encode, generator._run_condition]
    steps += [generator._run_draw, session._run_decode]
    buffers = [[buffer.data_ptr() for buffer, _ in step._buffers] for step in steps]
    assert all(buffers) and all(step._checked == CHECKED for step in steps)
    for n, frame in enumerate(frames.split(1, dim=1)):
        expected, start = tiny_pipeline.step(frame, start)
        assert (session.step(frame) - expected).abs().max() < 1e-9, n
    assert buffers == [[buffer.data_ptr() for buffer, _ in step._buffers] for step in steps]
