// Ring buffer of stereo sound that is fetched and not yet played.

export class Ring {
  constructor(frames) {
    this.left = new Float32Array(frames);
    this.right = new Float32Array(frames);
    this.clear();
  }

  get capacity() {
    return this.left.length;
  }

  clear() {
    this.start = 0; // index of the oldest frame
    this.length = 0;
  }

  // Append interleaved samples; returns the number of frames that fitted.
  write(samples) {
    const count = Math.min(samples.length >> 1, this.capacity - this.length);
    let place = (this.start + this.length) % this.capacity;
    for (let i = 0; i < count; i++) {
      this.left[place] = samples[2 * i];
      this.right[place] = samples[2 * i + 1];
      place = place + 1 === this.capacity ? 0 : place + 1;
    }
    this.length += count;
    return count;
  }

  // Move the oldest frames to two channels, padded with silence; returns the number of frames.
  read(left, right) {
    const count = Math.min(left.length, this.length);
    for (let i = 0; i < count; i++) {
      left[i] = this.left[this.start];
      right[i] = this.right[this.start];
      this.start = this.start + 1 === this.capacity ? 0 : this.start + 1;
    }
    left.fill(0, count);
    right.fill(0, count);
    this.length -= count;
    return count;
  }
}
