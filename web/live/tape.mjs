// What runs where samples are due: takes sound in as it comes and gives it out as it is heard.
// It is the same in an audio worklet and, where a page may have none, in the page itself.

import { Ring } from "./ring.mjs";

const REPORT = 0.05; // seconds between two reports

export class Tape {
  // `report` gets { epoch, heard, queued, peaks } now and then while it plays.
  constructor({ rate, seconds, enough }, report) {
    this.ring = new Ring(Math.round(seconds * rate));
    this.least = Math.round(enough * rate);
    this.interval = Math.round(REPORT * rate);
    this.report = report;
    this.playing = false;
    this.rewind(0);
  }

  receive(message) {
    // The page says where it is whenever it plays: only another place empties the ring.
    if ("epoch" in message && message.epoch !== this.epoch) this.rewind(message.epoch);
    if ("playing" in message) this.playing = message.playing;
    if ("samples" in message) this.ring.write(message.samples);
    if ("whole" in message) this.whole = message.whole; // nothing more will come
  }

  // Forget what was held: what comes next is from another place.
  rewind(epoch) {
    this.epoch = epoch;
    this.heard = 0; // frames since then
    this.whole = false;
    this.waiting = true;
    this.enough = this.least; // frames to have before it starts, or goes on
    this.peaks = [0, 0];
    this.since = 0; // frames since the last report
    this.ring.clear();
  }

  // Fill two channels with what is due now.
  fill(left, right) {
    if (this.whole || this.ring.length >= this.enough) this.waiting = false;
    if (!this.playing || this.waiting) {
      left.fill(0);
      right.fill(0);
    } else {
      const count = this.ring.read(left, right);
      this.heard += count;
      if (count < left.length) this.wait();
    }
    if (this.playing) this.tell(left, right);
  }

  // After a gap: where sound is made too slowly a few long gaps are better than many short ones.
  wait() {
    this.waiting = true;
    this.enough = Math.min(2 * this.enough, this.ring.capacity >> 1);
  }

  tell(left, right) {
    this.measure(left, 0);
    this.measure(right, 1);
    this.since += left.length;
    if (this.since < this.interval) return;
    this.report({ epoch: this.epoch, heard: this.heard, queued: this.ring.length, peaks: this.peaks });
    this.peaks = [0, 0];
    this.since = 0;
  }

  measure(samples, channel) {
    let peak = this.peaks[channel];
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    this.peaks[channel] = peak;
  }
}
