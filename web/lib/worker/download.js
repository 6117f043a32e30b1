/** Files from the site itself, counted as they arrive. */

import { messageOf, TranscriptionError } from "../errors.js";

/**
 * Fetch a file.
 * @param {string} url
 * @param {(bytes: number) => void} onBytes called with the size of every piece that arrives
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 * @throws {TranscriptionError} "download"
 */
export async function download(url, onBytes) {
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const parts = [];
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      onBytes(value.length);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch (error) {
    throw new TranscriptionError(
      "download",
      `${url} did not arrive (${messageOf(error)}); check the connection and try again`,
      { cause: error, reason: "lost", file: url },
    );
  }
}

/**
 * Check a file against its SHA-256, where the browser can (secure contexts).
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string} sha256 hexadecimal
 * @param {string} name
 * @throws {TranscriptionError} "download"
 */
export async function checkHash(bytes, sha256, name) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) {
    throw new TranscriptionError(
      "download",
      `${name} arrived damaged (SHA-256 ${found.slice(0, 12)}…, ` +
        `${sha256.slice(0, 12)}… was expected); reload the page`,
      { reason: "damaged", file: name },
    );
  }
}
