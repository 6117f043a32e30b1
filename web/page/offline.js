/**
 * The service worker's side of the page: offline use, and the headers that give threads.
 *
 * The page never reloads itself. Hosts that cannot set headers give one thread on the first
 * visit, and all of them from the second on, when the service worker answers.
 */

import { element } from "./dom.js";
import { isSingleFile } from "./place.js";
import { text } from "./texts.js";

/** @type {"" | "offline_saving" | "offline_ready" | "update"} */
let status = "";

/** Register, save what offline use needs, and say so when it is saved. */
export async function startOffline() {
  if (isSingleFile || !("serviceWorker" in navigator) || !window.isSecureContext) return;
  try {
    const registration = await navigator.serviceWorker.register("sw.js");
    // A newer worker may have been found before this page could listen, and be through by now.
    for (const found of [registration.waiting, registration.installing]) announce(registration, found);
    registration.addEventListener("updatefound", () => announce(registration, registration.installing));
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data.offline === "ready") show("offline_ready");
      if (data.offline === "failed") show("");
    });
    const { active } = await navigator.serviceWorker.ready;
    show("offline_saving");
    active?.postMessage({ save: true });
  } catch {
    show(""); // without storage the page works as long as its server does
  }
}

/**
 * Say that a newer version is there, once it is installed beside the one that answers.
 * @param {ServiceWorkerRegistration} registration
 * @param {ServiceWorker | null} worker
 */
function announce({ active }, worker) {
  if (!active || !worker || worker === active) return;
  const look = () => worker.state === "installed" && show("update");
  worker.addEventListener("statechange", look);
  look();
}

/** @param {typeof status} [next] */
export function show(next = status) {
  if (status !== "update") status = next; // that is the last word, until the page is opened again
  element("offline", HTMLElement).textContent = status && text(status);
  document.documentElement.dataset.offline = status === "offline_ready" ? "ready" : "";
}
