/*
 * Makes the site work offline, and gives its pages the headers that WebAssembly threads need,
 * on hosts that cannot set them.
 *
 * Every file is checked against the hash that it had when the site was built. The first
 * installation is quick and saves nothing; a page asks for saving later, when it is idle. A newer
 * version saves everything before it takes over, at the next visit.
 */

const VERSION = "{{ version }}";
/** Path to [integrity, whether offline use needs it]. */
const ASSETS = new Map({{ assets }});

const CACHE = `tiny-amt ${self.registration.scope} ${VERSION}`;
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => {
  if (self.registration.active) event.waitUntil(save());
  else self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOldVersions().then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  const task = { save, check }[event.data?.offline];
  if (!task) return;
  const tell = (offline) => event.source?.postMessage({ offline });
  event.waitUntil(task().then(tell, () => tell("failed")));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  event.respondWith(answer(request).then(isolated));
});

/** Paths that offline use needs and that are not saved yet, in the order of ASSETS. */
async function listMissing() {
  const requests = await (await caches.open(CACHE)).keys();
  const kept = new Set(requests.map((request) => request.url));
  return [...ASSETS.keys()].filter((path) => ASSETS.get(path)[1] && !kept.has(url(path)));
}

async function check() {
  return (await listMissing()).length === 0 ? "ready" : "missing";
}

/** Fetch and save the files that offline use still needs. */
async function save() {
  const cache = await caches.open(CACHE);
  for (const path of await listMissing()) await fetchAsset(cache, path);
  return "ready";
}

/** The saved file, else a fresh one, which is saved if its hash is right. */
async function answer(request) {
  const path = pathOf(request.url);
  if (!ASSETS.has(path)) return fetch(request);
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url(path));
  if (kept) return kept;
  try {
    return await fetchAsset(cache, path);
  } catch {
    return fetch(request); // the site is being replaced: better new than nothing
  }
}

/** Downloads under way, by path: saving and a page may want the same file at once. */
const arriving = new Map();

/** Rejects if the file does not arrive or is not the one that was built. */
async function fetchAsset(cache, path) {
  if (!arriving.has(path)) {
    const done = () => arriving.delete(path);
    arriving.set(path, fetchAndKeep(cache, path).finally(done));
  }
  return (await arriving.get(path)).clone();
}

async function fetchAndKeep(cache, path) {
  const [integrity] = ASSETS.get(path);
  // Where a host lets files age, the browser's own cache may still have an older version's.
  const response = await fetch(url(path), { integrity }).catch(() =>
    fetch(url(path), { integrity, cache: "reload" }),
  );
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  await cache.put(url(path), response.clone());
  return response;
}

async function dropOldVersions() {
  const prefix = `tiny-amt ${self.registration.scope} `;
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

function isolated(response) {
  if (response.type === "opaque" || response.type === "error") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { status, statusText } = response;
  const body = [101, 204, 205, 304].includes(status) ? null : response.body;
  return new Response(body, { status, statusText, headers });
}

function url(path) {
  return new URL(path, self.registration.scope).href;
}

/** A path relative to the site, without query and fragment; the folder itself is its index. */
function pathOf(address) {
  const path = address.slice(self.registration.scope.length).replace(/[?#].*$/s, "");
  return path === "" ? "index.html" : path;
}
