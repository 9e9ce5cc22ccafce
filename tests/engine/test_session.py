"""A session is the plain path, faster: the same sound from the same state, and back again."""

import copy

import pytest
import torch
from torch.utils import _pytree as pytree

from sr_core.engine.key_value_ring import KeyValueRing
from sr_core.engine.session import Session
from sr_core.models.soundreactor.transformer import TransformerConfig
from sr_core.pipeline import Pipeline, PipelineConfig
from sr_core.sampling.settings import Settings
from sr_core.vision.ood import OODDetector
from tests.conftest import TINY

FRAMES = 23  # the tiny model's window of 5 wraps around four times
CHOICES = [
    Settings(steps=1, guidance=1.0),
    Settings(steps=1, guidance=3.0),
    Settings(steps=4, guidance=3.0),
    Settings(steps=4, guidance=2.0, null_history="matched"),
    Settings(steps=3, method="heun", guidance=3.0),
    Settings(context="ntk", length=FRAMES),
    Settings(context="interpolate", length=FRAMES, null_history="matched"),
]
EVERY_CHOICE = pytest.mark.parametrize("choice", CHOICES, ids=repr)


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, FRAMES, 3, 28, 56, generator=generator).double()


def plainly(pipeline, frames, state):
    """Frame by frame: the path that a session must equal."""
    heard = []
    for frame in frames.split(1, dim=1):
        waveform, state = pipeline.step(frame, state)
        heard.append(waveform)
    return torch.cat(heard, dim=-1), state


def run(session, frames, cuts=range(1, FRAMES)):
    pieces = frames.tensor_split(list(cuts), dim=1)
    return torch.cat([session.step(piece) for piece in pieces if piece.shape[1]], dim=-1)


def tensors(state):
    return [leaf for leaf in pytree.tree_leaves(state) if torch.is_tensor(leaf)]


def assert_same(one, other):
    assert [leaf.shape for leaf in tensors(one)] == [leaf.shape for leaf in tensors(other)]
    for mine, theirs in zip(tensors(one), tensors(other), strict=True):
        assert (mine.double() - theirs.double()).abs().max() < 1e-9 if mine.numel() else True


@EVERY_CHOICE
@pytest.mark.parametrize("batch", [1, 2])
def test_a_session_equals_the_plain_path_around_its_window_and_back_in_its_state(
    tiny_pipeline, frames, choice, batch
):
    frames = frames[:batch]
    start = tiny_pipeline.start(choice, 7, batch)
    expected, after = plainly(tiny_pipeline, frames, start)
    session = Session(tiny_pipeline, start)
    assert (run(session, frames) - expected).abs().max() < 1e-9
    assert_same(session.state(), after)
    positions = {layer.position for layer in session.state().generator.past.transformer}
    assert positions == {2 * FRAMES}


@EVERY_CHOICE
@pytest.mark.parametrize("cuts", [[1, 2, 7], [4, 12, 13]])
def test_pieces_of_any_length_make_the_same_sound(tiny_pipeline, frames, choice, cuts):
    start = tiny_pipeline.start(choice, 7, 2)
    expected, _ = plainly(tiny_pipeline, frames, start)
    assert (run(Session(tiny_pipeline, start), frames, cuts) - expected).abs().max() < 1e-9


@EVERY_CHOICE
@pytest.mark.parametrize("taken", [1, 3, 5, 12])
def test_a_session_goes_on_from_the_middle_and_the_plain_path_goes_on_from_it(
    tiny_pipeline, frames, choice, taken
):
    frames = frames[:1]
    expected, _ = plainly(tiny_pipeline, frames, tiny_pipeline.start(choice, 7))
    _, middle = plainly(tiny_pipeline, frames[:, :taken], tiny_pipeline.start(choice, 7))
    session = Session(tiny_pipeline, middle)
    heard = [run(session, frames[:, taken : taken + 4], [1, 3])]
    heard.append(plainly(tiny_pipeline, frames[:, taken + 4 :], session.state())[0])
    assert (torch.cat(heard, dim=-1) - expected[..., taken * 1600 :]).abs().max() < 1e-9


def test_a_session_goes_on_from_a_prompt_longer_than_the_window(tiny_pipeline, frames):
    prompt = torch.rand(1, 2, 1600 * 7, dtype=torch.float64) - 0.5
    for choice in CHOICES[2:5]:
        start = tiny_pipeline.start(choice, 3, 1, prompt)
        expected, _ = plainly(tiny_pipeline, frames[:1, :9], start)
        heard = run(Session(tiny_pipeline, start), frames[:1, :9])
        assert (heard - expected).abs().max() < 1e-9


@EVERY_CHOICE
def test_states_given_and_given_back_never_change(tiny_pipeline, frames, choice):
    frames = frames[:1]
    _, given = plainly(tiny_pipeline, frames[:, :6], tiny_pipeline.start(choice, 7))
    session = Session(tiny_pipeline, given)
    before = copy.deepcopy(given)
    run(session, frames[:, 6:9])
    back = session.state()
    kept = copy.deepcopy(back)
    run(session, frames[:, 9:])
    for now, then in ((given, before), (back, kept)):
        assert all(map(torch.equal, tensors(now), tensors(then)))
    # So two sessions go on from one state alike, to the bit.
    one, other = (run(Session(tiny_pipeline, back), frames[:, 9:]) for _ in range(2))
    assert torch.equal(one, other)


def test_a_session_before_its_first_frame_gives_back_what_it_was_given(tiny_pipeline, frames):
    start = tiny_pipeline.start(Settings(), 7)
    state = Session(tiny_pipeline, start).state()
    assert state.vision is None and state.generator.past is None
    assert torch.equal(state.generator.noise, start.generator.noise)


@pytest.mark.parametrize("window", [1, 2])
def test_the_smallest_windows_wrap_rightly(frames, window):
    torch.manual_seed(0)
    transformer = TransformerConfig(width=16, depth=2, heads=2, hidden=24, train_frames=window)
    model = TINY.model.__class__(TINY.model.aggregator, transformer, TINY.model.head)
    pipeline = Pipeline(PipelineConfig(TINY.vision, model, TINY.audio)).double().eval()
    start = pipeline.start(Settings(), 1)
    expected, _ = plainly(pipeline, frames[:1, :7], start)
    assert (run(Session(pipeline, start), frames[:1, :7]) - expected).abs().max() < 1e-9


def test_memory_of_a_session_is_that_of_its_window(tiny_pipeline, frames):
    session = Session(tiny_pipeline, tiny_pipeline.start(Settings(), 7))
    places = session.generator.ring.keys.data_ptr(), session.generator.ring.values.data_ptr()
    run(session, frames[:1])
    assert places == (
        session.generator.ring.keys.data_ptr(),
        session.generator.ring.values.data_ptr(),
    )
    assert session.generator.ring.keys.shape[3] == 2 * 5 + 1
    kept = session.state().generator.past.transformer[0].keys
    assert kept.shape[2] == 2 * 4 and kept.untyped_storage().nbytes() == kept.numel() * 8


def test_a_session_refuses_what_the_plain_path_refuses(tiny_pipeline, frames):
    session = Session(tiny_pipeline, tiny_pipeline.start(Settings(context="trained"), 1))
    run(session, frames[:1, :5])
    with pytest.raises(ValueError, match="more than 5 frames.*use context 'window'"):
        session.step(frames[:1, 5:6])
    with pytest.raises(ValueError, match="batch of 2 videos; expected the 1"):
        session.step(frames[:, :1])


def test_a_session_in_single_precision_stays_near_the_plain_path(tiny_pipeline, frames):
    """The layers that read packed weights exist in single and half precision alone."""
    pipeline, frames = tiny_pipeline.float(), frames[:1].float()
    for choice in CHOICES[:5]:
        start = pipeline.start(choice, 7)
        expected, _ = plainly(pipeline, frames, start)
        heard = run(Session(pipeline, start), frames)
        assert (heard - expected).abs().max() < 1e-3 * expected.abs().max()


def test_a_session_in_half_precision_stays_near_the_plain_path(tiny_pipeline, frames):
    """Where bfloat16 rounds differs, as queries share passes: within a twentieth of the sound."""
    pipeline, frames, choice = tiny_pipeline.float(), frames[:1].float(), Settings(steps=1)
    exact, _ = plainly(pipeline, frames, pipeline.start(choice, 7))
    pipeline.model.bfloat16()
    start = pipeline.start(choice, 7)
    expected, _ = plainly(pipeline, frames, start)
    heard = run(Session(pipeline, start), frames)
    print(
        f"bfloat16: plain {(expected - exact).std():.2e} from exact, session from plain "
        f"{(heard - expected).std():.2e}, sound {exact.std():.2e}"
    )
    assert pipeline.model.start.dtype == torch.bfloat16
    assert (heard - expected).std() < 0.05 * exact.std()


@pytest.mark.slow
def test_twenty_minutes_equal_the_plain_path():
    torch.manual_seed(0)
    pipeline = Pipeline(TINY).double().eval().requires_grad_(False)
    plain = pipeline.start(Settings(steps=1), 3)
    session, worst = Session(pipeline, plain), 0.0
    generator = torch.Generator().manual_seed(5)
    video = torch.rand(1, 48, 3, 28, 56, generator=generator).double()
    for n in range(36_000 // 24):
        piece = video[:, n % 24 : n % 24 + 24]
        expected, plain = pipeline.step(piece, plain)
        worst = max(worst, (session.step(piece) - expected).abs().max().item())
    assert worst < 1e-9
    assert_same(session.state(), plain)


def test_a_ring_holds_the_newest_pairs_in_order():
    config = TransformerConfig(width=2, depth=1, heads=1, hidden=2)
    ring = KeyValueRing(config, 1, 3, torch.zeros(1))
    for pair in range(5):
        slot = ring.pair_slot
        ring.keys[0, 0, 0, slot : slot + 2] = torch.tensor([[2.0 * pair], [2.0 * pair + 1]])
        ring.position += 2
    (layer,) = ring.leave(first_kept=6)
    assert layer.keys[0, 0, :, 0].tolist() == [6, 7, 8, 9] and layer.position == 10


@torch.inference_mode()
def test_a_frame_can_be_taken_part_by_part(tiny_pipeline, frames):
    start = tiny_pipeline.start(Settings(), 7)
    whole, apart = Session(tiny_pipeline, start), Session(tiny_pipeline, start)
    for frame in frames[:1, :7].split(1, dim=1):
        tokens = apart.encode(frame)
        latent = apart.generator.draw(apart.generator.condition(tokens))
        assert torch.equal(apart.decode(latent[:, None]), whole.step(frame))


@EVERY_CHOICE
@pytest.mark.parametrize("taken", [0, 1, 12])
def test_warming_up_leaves_the_stream_where_it_is(tiny_pipeline, frames, choice, taken):
    middle = tiny_pipeline.start(choice, 7)
    if taken:
        _, middle = plainly(tiny_pipeline, frames[:1, :taken], middle)
    session = Session(tiny_pipeline, middle)
    expected = Session(tiny_pipeline, middle).step(frames[:1, taken : taken + 6])
    session.warm_up(frames[1:, :1])
    assert_same(session.state(), middle)
    assert torch.equal(session.step(frames[:1, taken : taken + 6]), expected)


def test_warming_up_tells_nothing_of_a_picture_that_nobody_sees(tiny_pipeline, frames):
    tiny_pipeline.familiar = OODDetector(TINY.vision.channels, frames=1)
    tiny_pipeline.familiar.limit.zero_()  # everything is unlike
    told = []
    session = Session(tiny_pipeline, tiny_pipeline.start(Settings(), 0), told.append)
    session.warm_up(frames[:1, :1])
    assert told == []
    session.step(frames[:1, :1])
    assert len(told) == 1


def test_a_session_that_nobody_is_told_of_says_nothing(tiny_pipeline, frames):
    tiny_pipeline.familiar = OODDetector(TINY.vision.channels, frames=1)
    tiny_pipeline.familiar.limit.zero_()  # everything is unlike
    Session(tiny_pipeline, tiny_pipeline.start(Settings(), 0)).step(frames[:1, :1])


@pytest.mark.filterwarnings("error")
def test_no_graph_is_tried_where_there_is_no_cuda_device(tiny_pipeline, frames):
    Session(tiny_pipeline, tiny_pipeline.start(Settings(), 0)).step(frames[:1, :2])
