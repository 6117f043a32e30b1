/**
 * Takes from the microphone, one at a time. It is off again when a take ends, when another recording
 * is chosen, and when the page is left.
 */

import { element } from "./dom.js";
import { clock, text } from "./texts.js";

/** Ends the take under way, if any, which then is not transcribed. */
let end = () => {};
/** Of the last take. */
let url = "";

/** End the take under way, if any; it can be downloaded, but is not transcribed. */
export function endTake() {
  end();
}

/**
 * @param {object} handlers
 * @param {(take: File) => void} handlers.onTake
 * @param {(error: unknown) => void} handlers.onError
 */
export function startMicrophone({ onTake, onError }) {
  const button = element("record", HTMLButtonElement);
  const label = element("record-text", HTMLElement);
  if (!navigator.mediaDevices || typeof MediaRecorder === "undefined") {
    button.hidden = true;
    return;
  }
  /** Whether the browser is asking its user, or a take is under way. */
  let busy = false;
  /** Set while a take is under way. @type {MediaRecorder | null} */
  let recorder = null;
  button.addEventListener("click", async () => {
    recorder?.stop();
    if (busy) return;
    busy = true;
    let wanted = true;
    /** @type {MediaStreamTrack[]} */
    let tracks = [];
    const silence = () => tracks.forEach((track) => track.stop());
    end = () => {
      wanted = false;
      recorder?.stop();
      silence();
    };
    try {
      const stream = await open();
      tracks = stream.getTracks();
      if (!wanted) return;
      recorder = new MediaRecorder(stream);
      const take = await record(recorder, (seconds) => {
        button.classList.add("recording");
        label.textContent = text("stop_recording", { time: clock(seconds) });
      });
      offerTake(take);
      if (wanted) onTake(new File([take], text("recording"))); // a message about it needs its name
    } catch (error) {
      if (wanted) onError(error);
    } finally {
      silence();
      button.classList.remove("recording");
      label.textContent = text("record");
      recorder = null;
      busy = false;
    }
  });
  addEventListener("pagehide", endTake);
}

function open() {
  return navigator.mediaDevices.getUserMedia({
    // Processing meant for telephone calls damages music.
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
}

/**
 * @param {MediaRecorder} recorder
 * @param {(seconds: number) => void} onTime called at once, and twice a second
 * @returns {Promise<Blob>} once it has stopped, for whatever reason
 */
function record(recorder, onTime) {
  /** @type {Blob[]} */
  const parts = [];
  const startedMs = performance.now();
  const tell = () => onTime((performance.now() - startedMs) / 1000);
  const timer = setInterval(tell, 500);
  return new Promise((resolve) => {
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    recorder.addEventListener("stop", () => resolve(new Blob(parts, { type: recorder.mimeType })));
    recorder.start();
    tell();
  }).finally(() => clearInterval(timer));
}

/** @param {Blob} take */
function offerTake(take) {
  URL.revokeObjectURL(url);
  url = URL.createObjectURL(take);
  const link = element("download-take", HTMLAnchorElement);
  const kind = /\w+\/(\w+)/.exec(take.type)?.[1] ?? "webm";
  link.href = url;
  link.download = `${text("recording")}.${kind === "mp4" ? "m4a" : kind}`;
  link.hidden = false;
}
