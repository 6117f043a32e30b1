/** A recording at another speed and at its own pitch, which only media elements can. */

import { startWav } from "../lib/audio/pcm.js";

/** Seconds by which the element may be off before it is moved. */
const OFF = 0.15;

/** An element that plays a copy of a recording. */
export class SlowRecording {
  /**
   * @param {AudioBuffer} buffer
   * @param {AudioNode} out
   */
  constructor(buffer, out) {
    this._url = URL.createObjectURL(new Blob([toWav(buffer)], { type: "audio/wav" }));
    this._element = new Audio(this._url);
    this._element.preservesPitch = true;
    this._node = new MediaElementAudioSourceNode(/** @type {AudioContext} */ (out.context), {
      mediaElement: this._element,
    });
    this._node.connect(out);
  }

  /**
   * @param {number} offset seconds
   * @param {number} speed
   */
  async start(offset, speed) {
    this._element.currentTime = offset;
    this._element.playbackRate = speed;
    await this._element.play();
  }

  stop() {
    this._element.pause();
  }

  /** Follow the clock. @param {number} seconds */
  keepTo(seconds) {
    if (Math.abs(this._element.currentTime - seconds) > OFF) this._element.currentTime = seconds;
  }

  close() {
    this.stop();
    this._node.disconnect();
    this._element.removeAttribute("src");
    URL.revokeObjectURL(this._url);
  }
}

/** @param {AudioBuffer} buffer @returns {ArrayBuffer} a file with at most two of its channels */
function toWav(buffer) {
  const channels = Math.min(2, buffer.numberOfChannels);
  const samples = startWav(buffer.length * channels, channels, buffer.sampleRate);
  for (let c = 0; c < channels; c++) {
    const own = buffer.getChannelData(c);
    for (let i = 0; i < own.length; i++) samples[i * channels + c] = own[i];
  }
  return samples.buffer;
}
