// One node's player: fetches the sound ahead of what is heard, and says how it goes.

import { Output } from "./output.mjs";
import { Sound } from "./sound.mjs";

const AHEAD = 4; // seconds that the page holds at most
const PIECE = 1; // seconds a request
const ENOUGH = 0.25; // seconds to have before it starts, or goes on after a gap

const waiting = []; // players whose sound began while another one's was heard
let heardNow = null;

export class Player {
  // `view` shows what `state()` says whenever it has changed; nothing is heard of a player that
  // cannot be seen, and so not be stopped, as `visible` tells.
  constructor(view, visible = () => true) {
    this.view = view;
    this.visible = visible;
    this.wanted = true; // begin by itself when there is sound
    this.level = 1;
    this.forget();
  }

  forget() {
    this.sound = this.trouble = null;
    this.playing = false;
    this.start = this.heard = this.fetched = this.queued = this.epoch = 0;
    this.peaks = [0, 0];
  }

  // The host tells of a run, for the first time or again.
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

  // A run has begun, or goes on after the page was loaded again.
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

  // The listener's wish; it holds for the next run too.
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

  // The tape tells what was heard.
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

  // Fetch what is made, as far as there is room.
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

  // What there is to see, times in seconds.
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
