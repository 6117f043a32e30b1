/** Packets of Apple Lossless in the files that hold them: MPEG-4 (.m4a) and Core Audio (.caf). */

/** @typedef {import("./alac.js").Alac} Alac */

const COOKIE_BYTES = 24;

/** @param {DataView} view @param {number} at */
const letters = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Alac | null} null: the file holds none
 */
export function findAlac(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (letters(view, 4) === "ftyp") return fromMpeg4(view);
    if (letters(view, 0) === "caff") return fromCaf(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends too early
  }
  return null;
}

/**
 * The boxes within a part of a file, by name.
 * @param {DataView} view
 * @returns {{name: string, content: DataView}[]}
 */
function boxesIn(view) {
  const boxes = [];
  for (let at = 0; at + 8 <= view.byteLength; ) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    } else if (size === 0) size = view.byteLength - at;
    const content = part(view, at + head, Math.min(size, view.byteLength - at) - head);
    boxes.push({ name: letters(view, at + 4), content });
    at += Math.max(8, size);
  }
  return boxes;
}

/** @param {DataView} view @param {number} at @param {number} [size] */
function part(view, at, size) {
  return new DataView(view.buffer, view.byteOffset + at, size ?? view.byteLength - at);
}

/** @param {DataView} view @param {number} at @param {number} size */
function bytesOf(view, at, size) {
  return new Uint8Array(view.buffer, view.byteOffset + at, size);
}

/**
 * @param {DataView} view
 * @param {string[]} path
 * @returns {DataView[]} the contents of every box there
 */
function find(view, [name, ...rest]) {
  const found = boxesIn(view).filter((box) => box.name === name);
  const contents = found.map(({ content }) => content);
  return rest.length === 0 ? contents : contents.flatMap((content) => find(content, rest));
}

/** @param {DataView} view @returns {Alac | null} */
function fromMpeg4(view) {
  for (const table of find(view, ["moov", "trak", "mdia", "minf", "stbl"])) {
    const box = (/** @type {string} */ name) => find(table, [name])[0];
    const description = box("stsd");
    if (!description || letters(description, 12) !== "alac") continue;
    // After the description's head of 16 bytes and the sound's 28: the cookie, with version and flags.
    const [cookie] = find(part(description, 16 + 28), ["alac"]);
    if (!cookie) continue;
    const packets = listPackets(box("stsz"), box("stsc"), box("stco"), box("co64"));
    return {
      cookie: bytesOf(cookie, 4, COOKIE_BYTES),
      packets: packets.map(({ at, size }) => bytesOf(view, at, size)),
    };
  }
  return null;
}

/**
 * Where packets lie: in chunks, one after the other.
 * @param {DataView} sizes
 * @param {DataView} perChunk runs of chunks with the same number of packets
 * @param {DataView | undefined} places of chunks, in 32 bits
 * @param {DataView | undefined} farPlaces in 64 bits
 */
function listPackets(sizes, perChunk, places, farPlaces) {
  const common = sizes.getUint32(4);
  const count = sizes.getUint32(8);
  const chunks = (places ?? farPlaces)?.getUint32(4) ?? 0;
  const runs = perChunk.getUint32(4);
  const packets = [];
  let run = 0;
  for (let chunk = 1; chunk <= chunks; chunk++) {
    while (run + 1 < runs && perChunk.getUint32(8 + 12 * (run + 1)) <= chunk) run++;
    const inChunk = perChunk.getUint32(8 + 12 * run + 4);
    let at = places ? places.getUint32(4 + 4 * chunk) : Number(farPlaces?.getBigUint64(8 * chunk));
    for (let i = 0; i < inChunk && packets.length < count; i++) {
      /** @type {number} */
      const size = common || sizes.getUint32(12 + 4 * packets.length);
      packets.push({ at, size });
      at += size;
    }
  }
  return packets;
}

/** @param {DataView} view @returns {Alac | null} */
function fromCaf(view) {
  /** @type {Map<string, DataView>} */
  const chunks = new Map();
  for (let at = 8; at + 12 <= view.byteLength; ) {
    const left = view.byteLength - at - 12;
    const size = Number(view.getBigInt64(at + 4));
    const own = size < 0 ? left : Math.min(size, left); // -1: to the end
    chunks.set(letters(view, at), part(view, at + 12, own));
    at += 12 + own;
  }
  const [description, cookie, table, data] = ["desc", "kuki", "pakt", "data"].map((name) => chunks.get(name));
  if (!description || !cookie || !table || !data || letters(description, 8) !== "alac") return null;
  const packets = [];
  let place = 24;
  let at = 4; // after the number of edits
  for (let left = Number(table.getBigInt64(0)); left > 0; left--) {
    let size = 0;
    for (let byte = 0x80; byte & 0x80; ) {
      byte = table.getUint8(place++);
      size = size * 128 + (byte & 0x7f);
    }
    packets.push(bytesOf(data, at, size));
    at += size;
  }
  // Older files wrap the cookie: a format of 12 bytes, and a head of 12.
  const wrapped = cookie.byteLength >= 8 && letters(cookie, 4) === "frma" ? 24 : 0;
  return { cookie: bytesOf(cookie, wrapped, COOKIE_BYTES), packets };
}
