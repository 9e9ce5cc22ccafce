import { Tape } from "./tape.mjs";

class LiveProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.tape = new Tape(processorOptions, (report) => this.port.postMessage(report));
    this.open = true;
    this.port.onmessage = ({ data }) => {
      if (data.closed) this.open = false;
      else this.tape.receive(data);
    };
  }

  process(_, [output]) {
    this.tape.fill(output[0], output[1]);
    return this.open;
  }
}

registerProcessor("soundreactor-live", LiveProcessor);
