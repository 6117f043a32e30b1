/**
 * The service worker's side of the page: offline use, and the headers that give threads.
 *
 * The page never reloads itself. Hosts that cannot set headers give one thread on the first
 * visit, and all of them from the second on, when the service worker answers.
 */

import { element } from "./dom.js";
import { isSingleFile } from "./place.js";
import { state } from "./status.js";
import { text } from "./texts.js";

/** Milliseconds of idling before saving begins: a recording's own files come first. */
const REST_MS = 5000;

/** @type {"" | "offline_saving" | "offline_ready" | "update"} */
let status = "";

/** Register, save the files for offline use, and say so when they are saved. */
export async function startOffline() {
  if (isSingleFile || !("serviceWorker" in navigator) || !window.isSecureContext) return;
  try {
    const registration = await navigator.serviceWorker.register("sw.js");
    // A newer worker may have been found, and even installed, before this page could listen.
    for (const found of [registration.waiting, registration.installing]) announce(registration, found);
    registration.addEventListener("updatefound", () => announce(registration, registration.installing));
    const { active } = await navigator.serviceWorker.ready;
    navigator.serviceWorker.addEventListener("message", async ({ data }) => {
      if (data.offline === "ready") show("offline_ready");
      if (data.offline === "failed") {
        show("");
        document.documentElement.dataset.offline = "failed";
      }
      if (data.offline === "missing") {
        await rest();
        show("offline_saving");
        active?.postMessage({ offline: "save" });
      }
    });
    active?.postMessage({ offline: "check" });
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

/** @returns {Promise<void>} settled once nothing has been loaded or worked on for a while */
function rest() {
  return new Promise((resolve) => {
    let timer = 0;
    const observer = new MutationObserver(watch);
    function watch() {
      clearTimeout(timer);
      if (state() === "loading" || state() === "working") return;
      timer = window.setTimeout(() => {
        observer.disconnect();
        resolve();
      }, REST_MS);
    }
    observer.observe(document.documentElement, { attributeFilter: ["data-state"] });
    watch();
  });
}

/** @param {typeof status} [next] */
export function show(next = status) {
  if (status !== "update") status = next; // an update stays announced until the page is opened again
  element("offline", HTMLElement).textContent = status && text(status);
  document.documentElement.dataset.offline = status === "offline_ready" ? "ready" : "";
}
