/**
 * Tensors between Python and a page: as bytes over HTTP, never as JSON numbers.
 *
 * @typedef {{ name: string, dtype: string, shape: number[], bytes: number }} Wire
 *   A tensor: numpy's name of the type, the shape, and the number of bytes. Several tensors follow
 *   one another, each padded to a multiple of ALIGNMENT.
 * @typedef {{ name: string, dtype: string, shape: readonly number[], values: any }} Tensor
 *   `values`: the array that its type has in ARRAYS; strings travel as JSON.
 */

/** Bytes; no element is larger. */
const ALIGNMENT = 8;

/**
 * The array class of each type; numpy and onnxruntime use the same names.
 * float16: in engines with Float16Array, 1.18.0 takes nothing else; older engines lack it.
 * @type {Readonly<Record<string, new (bytes: ArrayBuffer) => any>>}
 */
const ARRAYS = Object.freeze({
  float32: Float32Array,
  float64: Float64Array,
  float16: Reflect.get(globalThis, "Float16Array") ?? Uint16Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
});

/**
 * @param {Wire[]} wires
 * @param {string} path of their bytes
 * @returns {Promise<Tensor[]>}
 */
export async function receive(wires, path) {
  const data = await fetchBytes(path);
  let start = 0;
  return wires.map(({ name, dtype, shape, bytes }) => {
    const part = data.slice(start, start + bytes);
    const values = dtype === "string" ? JSON.parse(new TextDecoder().decode(part)) : new ARRAYS[dtype](part);
    start += bytes + padding(bytes);
    return { name, dtype, shape, values };
  });
}

/**
 * @param {Tensor[]} tensors
 * @param {string} target where their bytes go
 * @returns {Promise<Wire[]>}
 */
export async function send(tensors, target) {
  const parts = [];
  const wires = [];
  for (const { name, dtype, shape, values } of tensors) {
    // A copy: under threads the heap is a SharedArrayBuffer, which a Blob does not take.
    const body = dtype === "string"
      ? new TextEncoder().encode(JSON.stringify(values))
      : new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    parts.push(body, new Uint8Array(padding(body.length)));
    wires.push({ name, dtype, shape: [...shape], bytes: body.length });
  }
  const answer = await fetch(target, { method: "PUT", body: new Blob(parts) });
  if (!answer.ok) throw new Error(`PUT ${target}: ${answer.status}`);
  return wires;
}

/**
 * @param {number} bytes
 * @returns {number} bytes missing to a multiple of ALIGNMENT
 */
function padding(bytes) {
  return (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;
}

/**
 * @param {string} path
 * @returns {Promise<ArrayBuffer>}
 */
export async function fetchBytes(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
  return answer.arrayBuffer();
}
