/** Where recordings come from: a file picked or dropped, the microphone, the example. */

import { element } from "./dom.js";
import { endTake, startMicrophone } from "./microphone.js";
import { text } from "./texts.js";

/**
 * @typedef {object} Offer
 * @property {string} name
 * @property {() => Promise<Blob>} read
 * @property {number} others number of files that came with it and are ignored
 */

/**
 * @param {object} handlers
 * @param {(offer: Offer) => void} handlers.onOffer
 * @param {() => void} handlers.onNear called when somebody is about to choose a recording
 * @param {(error: unknown) => void} handlers.onMicrophoneError
 * @param {() => Promise<Blob>} handlers.readExample
 */
export function startIntake({ onOffer, onNear, onMicrophoneError, readExample }) {
  const offerFiles = (/** @type {FileList | null | undefined} */ files) => {
    const file = files?.[0];
    if (!file) return;
    endTake();
    onOffer({ name: file.name, read: async () => file, others: files.length - 1 });
  };
  const input = element("file", HTMLInputElement);
  input.addEventListener("change", () => {
    offerFiles(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  element("example", HTMLButtonElement).addEventListener("click", () => {
    endTake();
    onOffer({ name: text("example_name"), read: readExample, others: 0 });
  });
  for (const type of ["pointerenter", "focusin"]) {
    element("sources", HTMLElement).addEventListener(type, onNear);
  }
  acceptDrops(offerFiles, onNear);
  startMicrophone({
    onTake: (take) => onOffer({ name: take.name, read: async () => take, others: 0 }),
    onError: onMicrophoneError,
  });
}

/**
 * @param {(files: FileList | undefined) => void} onFiles
 * @param {() => void} onNear
 */
function acceptDrops(onFiles, onNear) {
  const area = element("intake", HTMLElement);
  let depth = 0; // dragenter and dragleave come for every element that is crossed
  const carriesFiles = (/** @type {DragEvent} */ event) =>
    event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth++;
    onNear();
    area.classList.add("over");
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) area.classList.remove("over");
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    area.classList.remove("over");
    onFiles(event.dataTransfer?.files);
  });
}
