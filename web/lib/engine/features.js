/** Features of this browser's WebAssembly, tested with the smallest modules that need them. */

/** A module of one function without arguments or results. @param {number[]} body */
const moduleOf = (body) =>
  new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
    ...[1, 4, 1, 96, 0, 0], // types: () → ()
    ...[3, 2, 1, 0], // functions: one of that type
    ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 11], // code
  ]);

/** v128.const 0. */
const ZERO = Object.freeze([253, 12, ...new Array(16).fill(0)]);
const DROP = 26;

/** Whether it has vectors of 128 bits. */
export function hasSimd() {
  return WebAssembly.validate(moduleOf([...ZERO, DROP]));
}

/** Whether it has `f32x4.relaxed_madd`, which may fuse a product and its sum. */
export function hasRelaxedSimd() {
  return WebAssembly.validate(moduleOf([...ZERO, ...ZERO, ...ZERO, 253, 133, 2, DROP]));
}
