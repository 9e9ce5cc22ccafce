// A WAV file of float32 stereo samples, fetched in pieces while the server is still writing it.

import { api } from "../../../scripts/api.js";

const BYTES = 4;

export class Sound {
  constructor(report) {
    this.update(report);
  }

  // The latest report of the server: see nodes/player.py.
  update(report) {
    this.report = report;
  }

  get name() {
    return this.report.file.filename;
  }

  get url() {
    return api.apiURL(`/view?${new URLSearchParams(this.report.file)}`);
  }

  // Interleaved samples of `count` frames from `start` on; fewer if the file is shorter.
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

// An old report, updated from the file's current size; null if the server no longer has the file.
// For a run in progress the server sends further reports.
export async function recovered(report) {
  const { url } = new Sound(report);
  const answer = await fetch(url, { headers: { Range: "bytes=0-0" }, cache: "no-store" });
  const bytes = Number(answer.headers.get("Content-Range")?.split("/")[1]);
  if (answer.status !== 206 || !bytes) return null;
  const made = Math.floor((bytes - report.header) / (report.channels * BYTES));
  return { ...report, made, status: made < report.samples ? "stopped" : "done" };
}
