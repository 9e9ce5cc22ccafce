// Audio callback: buffers incoming sound and fills output blocks. It runs in an audio worklet or,
// if worklets are not available, in the page itself.

import { Ring } from "./ring.mjs";

const REPORT = 0.05; // seconds between two reports

export class Tape {
  // `report` gets { epoch, heard, queued, peaks } every REPORT seconds during playback.
  constructor({ rate, seconds, enough }, report) {
    this.ring = new Ring(Math.round(seconds * rate));
    this.least = Math.round(enough * rate);
    this.interval = Math.round(REPORT * rate);
    this.report = report;
    this.playing = false;
    this.rewind(0);
  }

  receive(message) {
    // The page sends its epoch at each start of playback: only a new epoch clears the ring.
    if ("epoch" in message && message.epoch !== this.epoch) this.rewind(message.epoch);
    if ("playing" in message) this.playing = message.playing;
    if ("samples" in message) this.ring.write(message.samples);
    if ("whole" in message) this.whole = message.whole; // no more samples will be sent
  }

  // Clear the buffer: the next samples are from another position.
  rewind(epoch) {
    this.epoch = epoch;
    this.heard = 0; // frames played since the rewind
    this.whole = false;
    this.waiting = true;
    this.enough = this.least; // frames to buffer before playback starts or resumes
    this.peaks = [0, 0];
    this.since = 0; // frames since the last report
    this.ring.clear();
  }

  // Fill the two channels of an output block.
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

  // After an underrun, buffer twice as much: few long gaps are better than many short ones.
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
