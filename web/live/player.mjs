// Player of one node: fetches sound ahead of the playback position and reports its state.

import { Output } from "./output.mjs";
import { Sound } from "./sound.mjs";

const AHEAD = 4; // seconds buffered in the page, at most
const PIECE = 1; // seconds per request
const ENOUGH = 0.25; // seconds to buffer before playback starts, or resumes after an underrun

const waiting = []; // players whose sound began during the playback of another player
let heardNow = null;

export class Player {
  // `view` is called with `state()` after each change. A player plays only while `visible()` is
  // true, since the user could not stop it otherwise.
  constructor(view, visible = () => true) {
    this.view = view;
    this.visible = visible;
    this.wanted = true; // start automatically when there is sound
    this.level = 1;
    this.forget();
  }

  forget() {
    this.sound = this.trouble = null;
    this.playing = false;
    this.start = this.heard = this.fetched = this.queued = this.epoch = 0;
    this.peaks = [0, 0];
  }

  // A report of the server about a run, the first one or a later one.
  async update(report) {
    const before = this.sound?.name === report.file.filename ? this.sound.report.status : null;
    if (before) this.sound.update(report);
    else this.load(report);
    if (report.status === "running" && before !== "running") await this.begin();
    if (report.status === "stopped" && before === "running") this.stop();
    this.show();
    this.fill();
  }

  load(report) {
    this.stop();
    this.forget();
    this.sound = new Sound(report);
    this.seek(0);
  }

  // A run has started, or continues after a reload of the page.
  async begin() {
    if (!this.wanted || !this.visible()) return;
    if (heardNow) waiting.push(this);
    else await this.play();
  }

  async play() {
    if (heardNow !== this) heardNow?.pause();
    heardNow = this;
    this.wanted = this.playing = true;
    if (this.ended) this.seek(0);
    try {
      await this.open();
    } catch (error) {
      this.opening = null;
      this.trouble = error.message;
      this.stop();
      return this.show();
    }
    this.output.resume();
    this.output.send({ playing: this.playing });
    this.show();
    this.fill();
  }

  // Pause by the user; applies to the next run too.
  pause() {
    this.wanted = false;
    this.stop();
    this.show();
  }

  stop() {
    this.playing = false;
    this.output?.send({ playing: false });
    if (waiting.includes(this)) waiting.splice(waiting.indexOf(this), 1);
    if (heardNow === this) heardNow = null;
  }

  seek(frame) {
    this.start = this.fetched = Math.min(frame, this.made);
    this.heard = this.queued = 0;
    this.whole = false;
    this.epoch += 1;
    this.output?.send({ epoch: this.epoch });
    this.show();
    this.fill();
  }

  async open() {
    this.opening ??= Output.open(
      { rate: this.rate, seconds: AHEAD + PIECE, enough: ENOUGH },
      (report) => this.follow(report),
      () => this.show(),
    );
    this.output = await this.opening;
    this.output.volume = this.level;
    this.output.send({ epoch: this.epoch });
  }

  // A report of the Tape about playback.
  follow({ epoch, heard, queued, peaks }) {
    if (epoch !== this.epoch) return;
    Object.assign(this, { heard, queued, peaks });
    if (this.playing && (this.ended || !this.visible())) {
      this.stop();
      waiting.shift()?.play();
    }
    this.show();
    this.fill();
  }

  // Fetch generated sound until the buffer is full.
  async fill() {
    if (this.filling || !this.output || !this.sound) return;
    this.filling = true;
    try {
      while (this.room > 0) await this.fetch(this.epoch, this.room);
      this.trouble = null;
    } catch (error) {
      this.trouble = error.message;
      this.show();
    } finally {
      this.filling = false;
    }
    const whole = this.finished && this.fetched >= this.made;
    if (whole !== this.whole) this.output.send({ whole });
    this.whole = whole;
  }

  async fetch(epoch, count) {
    const sound = this.sound;
    const samples = await sound.fetch(this.fetched, count);
    if (sound !== this.sound || epoch !== this.epoch) return;
    if (!samples.length) throw new Error("no sound came");
    this.fetched += samples.length / 2;
    this.output.send({ samples });
  }

  set volume(value) {
    this.level = value;
    if (this.output) this.output.volume = value;
  }

  close() {
    this.stop();
    this.output?.close();
  }

  get rate() {
    return this.sound.report.rate;
  }

  get made() {
    return this.sound?.report.made ?? 0;
  }

  get place() {
    return this.start + this.heard;
  }

  get finished() {
    return this.sound?.report.status !== "running";
  }

  get ended() {
    return this.finished && this.place >= this.made;
  }

  get room() {
    const held = this.fetched - this.place;
    const free = (AHEAD * this.rate - held) | 0;
    return Math.min(this.made - this.fetched, free, PIECE * this.rate);
  }

  // State for the view, times in seconds.
  state() {
    if (!this.sound) return { status: "idle", wanted: this.wanted };
    const { status, samples, seconds } = this.sound.report;
    return {
      status,
      wanted: this.wanted,
      playing: this.playing,
      silenced: this.playing && (this.output?.silenced ?? true),
      trouble: this.trouble,
      heard: this.place / this.rate,
      made: this.made / this.rate,
      total: samples / this.rate,
      held: Math.max(0, this.fetched - this.place) / this.rate,
      queued: this.queued / this.rate,
      factor: seconds ? this.made / this.rate / seconds : 0,
      peaks: this.playing ? this.peaks : [0, 0],
      url: this.sound.url,
    };
  }

  show() {
    this.view(this.state());
  }
}
