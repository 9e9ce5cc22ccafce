// Audio output of the page: one AudioContext per sample rate, one Tape and gain node per player.

import { Tape } from "./tape.mjs";

const contexts = new Map(); // sample rate -> Promise<AudioContext>

// Browsers allow playback only after a click; until then the context is "suspended".
function contextOf(rate) {
  if (!contexts.has(rate)) contexts.set(rate, openContext(rate));
  return contexts.get(rate);
}

async function openContext(rate) {
  const context = new AudioContext({ sampleRate: rate });
  // Audio worklets are not available over plain http from another machine.
  await context.audioWorklet?.addModule(new URL("./worklet.mjs", import.meta.url));
  return context;
}

export class Output {
  // `report` is as in Tape; `changed` is called when the context is suspended or resumed.
  static async open(options, report, changed) {
    return new Output(await contextOf(options.rate), options, report, changed);
  }

  constructor(context, options, report, changed) {
    this.context = context;
    this.changed = changed;
    this.gain = context.createGain();
    this.gain.connect(context.destination);
    context.addEventListener("statechange", changed);
    if (context.audioWorklet) this.openWorklet(options, report);
    else this.openScript(options, report);
    this.node.connect(this.gain);
  }

  openWorklet(processorOptions, report) {
    const options = { numberOfInputs: 0, outputChannelCount: [2], processorOptions };
    this.node = new AudioWorkletNode(this.context, "soundreactor-live", options);
    this.node.port.onmessage = ({ data }) => report(data);
    this.send = (message) => this.node.port.postMessage(message);
  }

  openScript(options, report) {
    const tape = new Tape(options, report);
    this.node = this.context.createScriptProcessor(4096, 0, 2);
    this.node.onaudioprocess = ({ outputBuffer }) =>
      tape.fill(outputBuffer.getChannelData(0), outputBuffer.getChannelData(1));
    this.send = (message) => tape.receive(message);
  }

  get silenced() {
    return this.context.state !== "running";
  }

  resume() {
    this.context.resume();
  }

  set volume(value) {
    this.gain.gain.value = value ** 2; // perceived loudness is about proportional to the slider
  }

  close() {
    this.send({ closed: true });
    this.context.removeEventListener("statechange", this.changed);
    this.node.disconnect();
    this.gain.disconnect();
  }
}
