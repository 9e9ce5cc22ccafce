// A WAV file of float32 stereo samples that the host is still writing, fetched piece by piece.

import { api } from "../../../scripts/api.js";

const BYTES = 4;

export class Sound {
  constructor(report) {
    this.update(report);
  }

  // The host's latest word on it: see nodes/player.py.
  update(report) {
    this.report = report;
  }

  get name() {
    return this.report.file.filename;
  }

  get url() {
    return api.apiURL(`/view?${new URLSearchParams(this.report.file)}`);
  }

  // Interleaved samples of some frames; fewer where the file is not that long yet.
  async fetch(start, count) {
    const { header, channels } = this.report;
    const frame = channels * BYTES;
    const first = header + start * frame;
    const Range = `bytes=${first}-${first + count * frame - 1}`;
    const answer = await fetch(this.url, { headers: { Range }, cache: "no-store" });
    if (answer.status !== 206) throw new Error(`got ${answer.status} for ${this.name}`);
    const data = await answer.arrayBuffer();
    return new Float32Array(data, 0, Math.floor(data.byteLength / frame) * channels);
  }
}

// A report of the past as things are now: null where the host has no such sound any more. A run that
// is still going on is told of again by the host itself.
export async function recovered(report) {
  const { url } = new Sound(report);
  const answer = await fetch(url, { headers: { Range: "bytes=0-0" }, cache: "no-store" });
  const bytes = Number(answer.headers.get("Content-Range")?.split("/")[1]);
  if (answer.status !== 206 || !bytes) return null;
  const made = Math.floor((bytes - report.header) / (report.channels * BYTES));
  return { ...report, made, status: made < report.samples ? "stopped" : "done" };
}
