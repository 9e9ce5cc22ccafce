import assert from "node:assert/strict";
import { test } from "node:test";

import { Ring } from "../../web/live/ring.mjs";
import { Tape } from "../../web/live/tape.mjs";

// Interleaved frames whose left channel counts from `first` and whose right is its negative.
const count = (first, frames) =>
  Float32Array.from({ length: 2 * frames }, (_, i) => (i % 2 ? -1 : 1) * (first + (i >> 1)));

function read(ring, frames) {
  const [left, right] = [new Float32Array(frames).fill(9), new Float32Array(frames).fill(9)];
  return { given: ring.read(left, right), left: [...left], right: [...right] };
}

test("what goes in comes out in order, round and round", () => {
  const ring = new Ring(5);
  let written = 0, heard = 0;
  for (const size of [3, 1, 4, 2, 5, 2]) {
    assert.equal(ring.write(count(written, size)), size);
    written += size;
    const { given, left, right } = read(ring, size);
    assert.equal(given, size);
    assert.deepEqual(left, Array.from({ length: size }, (_, i) => heard + i));
    assert.deepEqual(right, left.map((x) => -x));
    heard += size;
  }
});

test("a full ring takes no more and loses nothing", () => {
  const ring = new Ring(4);
  assert.equal(ring.write(count(1, 3)), 3);
  assert.equal(ring.write(count(4, 3)), 1);
  assert.equal(ring.length, 4);
  assert.deepEqual(read(ring, 4).left, [1, 2, 3, 4]);
});

test("where sound ends there is silence, not what was there before", () => {
  const ring = new Ring(4);
  ring.write(count(1, 2));
  assert.deepEqual(read(ring, 4), { given: 2, left: [1, 2, 0, 0], right: [-1, -2, 0, 0] });
});

// A tape at 100 frames a second that needs 10 frames to start, and blocks of 4.
function tape() {
  const reports = [];
  const made = new Tape({ rate: 100, seconds: 1, enough: 0.1 }, (report) => reports.push(report));
  const block = () => {
    const [left, right] = [new Float32Array(4), new Float32Array(4)];
    made.fill(left, right);
    return [...left];
  };
  return { made, block, reports };
}

test("it begins when there is enough, and not before it is told to", () => {
  const { made, block } = tape();
  made.receive({ samples: count(1, 12) });
  assert.deepEqual(block(), [0, 0, 0, 0]);
  made.receive({ playing: true });
  assert.deepEqual(block(), [1, 2, 3, 4]);
});

test("after a gap it waits for twice as much, so that slow sound has few gaps", () => {
  const { made, block } = tape();
  made.receive({ playing: true, samples: count(1, 10) });
  assert.deepEqual([block(), block(), block()].flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0]);
  made.receive({ samples: count(11, 16) });
  assert.deepEqual(block(), [0, 0, 0, 0]);
  made.receive({ samples: count(27, 4) });
  assert.deepEqual(block(), [11, 12, 13, 14]);
});

test("it never waits for more than half of what it can hold", () => {
  const { made, block } = tape();
  made.receive({ playing: true });
  for (let gap = 0; gap < 9; gap++) {
    made.receive({ samples: count(1, 50) });
    assert.notEqual(block()[0], 0);
    while (block()[3]);
  }
});

test("the end is played however little it is", () => {
  const { made, block } = tape();
  made.receive({ playing: true, samples: count(1, 3), whole: true });
  assert.deepEqual(block(), [1, 2, 3, 0]);
});

test("a pause loses nothing", () => {
  const { made, block } = tape();
  made.receive({ playing: true, samples: count(1, 20) });
  block();
  made.receive({ playing: false });
  assert.deepEqual(block(), [0, 0, 0, 0]);
  made.receive({ playing: true });
  assert.deepEqual(block(), [5, 6, 7, 8]);
});

test("reports say what was heard since the last jump, how much is held, and how loud it was", () => {
  const { made, block, reports } = tape();
  made.receive({ playing: true, samples: count(1, 12) });
  block();
  block();
  assert.deepEqual(reports, [{ epoch: 0, heard: 8, queued: 4, peaks: [8, 8] }]);
  made.receive({ epoch: 7 });
  made.receive({ samples: count(-50, 12) });
  block();
  block();
  assert.deepEqual(reports[1], { epoch: 7, heard: 8, queued: 4, peaks: [50, 50] });
});

test("while it is paused there is nothing to report", () => {
  const { block, reports } = tape();
  for (let i = 0; i < 20; i++) block();
  assert.deepEqual(reports, []);
});
