// User interface of the player: plain elements in a DOM widget, the same in both renderers.

import { Player } from "./player.mjs";

const LOUDEST = 0, SOFTEST = -60; // dB at the ends of a meter
const VOLUME = "SoundReactor.volume";

export const HEIGHT = 160, WIDTH = 320; // pixels, preferred; the minimum usable width is 270

addStyle();

// An element that shows its player (property `player`); `visible` is as in Player.
export function createPanel(visible) {
  const panel = element("div", "soundreactor-live");
  const button = element("button", "", { type: "button" });
  const clock = element("span", "clock");
  const volume = slider("volume", "Volume", 1, 0.01);
  const place = slider("place", "Jump in what is made", 1, 0.01);
  const meters = ["left", "right"].map((side) => element("i", side));
  const words = element("span", "words");
  const save = element("a", "", { textContent: "Save", download: "SoundReactor.wav" });
  save.title = "Download the sound as a 32-bit WAV";

  const levels = row("levels", row("meters", ...meters), volume);
  panel.append(row("top", button, clock), place, levels, row("bottom", words, save));

  const player = (panel.player = new Player(show, visible));
  player.volume = volume.value = Number(localStorage.getItem(VOLUME) ?? 1);
  button.onclick = () => (player.playing && !player.state().silenced ? player.pause() : player.play());
  volume.oninput = () => localStorage.setItem(VOLUME, (player.volume = Number(volume.value)));
  place.oninput = () => player.seek(Math.round(place.value * player.rate));
  // Do not drag the node when a slider is moved.
  for (const kind of ["pointerdown", "pointermove"])
    panel.addEventListener(kind, (event) => event.stopPropagation());
  player.show();
  return panel;

  function show(state) {
    const idle = state.status === "idle";
    set(panel, "dataset.status", state.status);
    button.disabled = idle || (state.status !== "running" && !state.made);
    set(button, "textContent", label(state));
    set(button, "dataset.playing", String(Boolean(state.playing && !state.silenced)));
    set(clock, "textContent", idle ? "" : clockText(state));
    place.disabled = idle;
    place.max = state.total ?? 1;
    place.value = state.heard ?? 0;
    place.style.setProperty("--made", `${idle ? 0 : (100 * state.made) / state.total}%`);
    place.style.setProperty("--heard", `${idle ? 0 : (100 * state.heard) / state.total}%`);
    meters.forEach((meter, i) => meter.style.setProperty("--level", level(state.peaks?.[i] ?? 0)));
    set(words, "textContent", story(state));
    set(words, "title", story(state)); // for text that is too long for the panel
    save.hidden = idle || state.status === "running" || !state.made;
    if (!idle) set(save, "href", state.url);
  }
}

function label({ status, playing, silenced, heard }) {
  if (status === "idle") return "Listen";
  if (silenced) return "Click to listen";
  return playing ? "Pause" : heard ? "Play" : "Listen";
}

function story(state) {
  if (state.status === "idle") return "Press Run: sound plays here while it is made.";
  if (state.trouble) return `The sound cannot be played (${state.trouble}). Run again to make it anew.`;
  const speed = `${state.factor.toFixed(2)} x real time`;
  const ahead = Math.max(0, state.made - state.heard).toFixed(1);
  const queue = `${ahead} s made ahead, ${Math.max(0, state.held).toFixed(1)} s of it loaded`;
  if (state.status === "running") return `${speed}, ${queue}`;
  if (state.status === "done") return `Done at ${speed}. ${state.playing ? queue : ""}`;
  return state.made ? `Stopped: ${time(state.made, state.made >= 3600)} of sound are kept until it runs again.` : "Stopped.";
}

// Tenths of a second are shown for short clips only; for an hour there is no room for them.
function time(seconds, long = false) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const [hours, minutes] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
  const rest = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  if (long) return `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
  return `${60 * hours + minutes}:${rest}.${tenths % 10}`;
}

function clockText({ heard, total }) {
  const long = total >= 3600;
  return `${time(heard, long)} / ${time(total, long)}`;
}

// Level of a meter in per cent, from a peak amplitude.
function level(peak) {
  const decibels = peak > 0 ? 20 * Math.log10(peak) : -Infinity;
  const share = (decibels - SOFTEST) / (LOUDEST - SOFTEST);
  return `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
}

function element(tag, className = "", properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function row(className, ...children) {
  const div = element("div", className);
  div.append(...children);
  return div;
}

function slider(className, title, max, step) {
  return element("input", className, { type: "range", min: 0, max, step, value: 0, title });
}

// Write only changed values: this runs twenty times per second.
function set(target, path, value) {
  const [first, second] = path.split(".");
  const owner = second ? target[first] : target;
  if (owner[second ?? first] !== value) owner[second ?? first] = value;
}

function addStyle() {
  const href = new URL("./panel.css", import.meta.url).href;
  document.head.append(element("link", "", { rel: "stylesheet", href }));
}
