/** A small synthesiser: a struck or blown sound for each timbre, from a handful of harmonics. */

/** Amplitudes of the harmonics, from the first. */
const SPECTRA = Object.freeze([
  [1, 0.42, 0.24, 0.11, 0.07, 0.04, 0.02],
  [0.8, 0.6, 0.5, 0.42, 0.3, 0.24, 0.18, 0.12, 0.08],
  [1, 0.12, 0.04, 0.01],
  [0.9, 0.5, 0.36, 0.3, 0.12, 0.1],
  [0.9, 0.03, 0.5, 0.03, 0.28, 0.02, 0.12],
  [0.7, 0.8, 0.6, 0.3, 0.14, 0.06],
]);
/** Level of a held note as a share of its peak, and the seconds until it is reached. */
const HELD = Object.freeze([
  [0.12, 0.5],
  [0.75, 0.2],
  [0.8, 0.15],
  [0.7, 0.25],
  [0.75, 0.15],
  [0.7, 0.2],
]);
const ATTACK_SECONDS = 0.008;
const RELEASE_SECONDS = 0.07;

/** Voices that play into one node. */
export class Synth {
  /** @param {AudioNode} out */
  constructor(out) {
    this._out = out;
    this._context = out.context;
    this._waves = SPECTRA.map((spectrum) =>
      this._context.createPeriodicWave(
        new Float32Array(spectrum.length + 1),
        Float32Array.from([0, ...spectrum]),
      ),
    );
    /** @type {Set<OscillatorNode>} */
    this._voices = new Set();
  }

  /**
   * @param {import("../lib/transcribe.js").Note} note
   * @param {number} start on the context's clock, in seconds
   * @param {number} end
   */
  sound(note, start, end) {
    const kind = note.timbre % SPECTRA.length;
    const peak = 0.11 * (0.35 + 0.65 * note.velocity);
    const [held, settleSeconds] = HELD[kind];
    const voice = new OscillatorNode(this._context, {
      frequency: 440 * 2 ** ((note.pitch - 69) / 12),
    });
    voice.setPeriodicWave(this._waves[kind]);
    const level = new GainNode(this._context, { gain: 0 });
    level.gain.setValueAtTime(0, start);
    level.gain.linearRampToValueAtTime(peak, start + ATTACK_SECONDS);
    level.gain.setTargetAtTime(peak * held, start + ATTACK_SECONDS, settleSeconds);
    level.gain.setTargetAtTime(0, Math.max(end, start + ATTACK_SECONDS), RELEASE_SECONDS / 4);
    voice.connect(level).connect(this._out);
    voice.start(start);
    voice.stop(end + RELEASE_SECONDS);
    this._voices.add(voice);
    voice.onended = () => {
      this._voices.delete(voice);
      level.disconnect();
    };
  }

  /** End every voice now. */
  silence() {
    for (const voice of this._voices) voice.stop();
    this._voices.clear();
  }
}
