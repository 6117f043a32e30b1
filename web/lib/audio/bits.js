/** Numbers that do not begin at a byte. */

/** Ones at the beginning of a code, from which on the number follows as it is. */
const MOST_ONES = 9;

/** Reads bits, the highest first. */
export class Bits {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this._bytes = bytes;
    this.at = 0;
  }

  /** Another reader, from here on. */
  copy() {
    const other = new Bits(this._bytes);
    other.at = this.at;
    return other;
  }

  get isOver() {
    return this.at >= 8 * this._bytes.length;
  }

  /** The next 32 bits; zeros past the end. */
  _peek() {
    const bytes = this._bytes;
    const i = this.at >> 3;
    const skipped = this.at & 7;
    const word = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
    return skipped === 0 ? word : (word << skipped) | (bytes[i + 4] >> (8 - skipped));
  }

  /** The next bits, as a whole number. @param {number} count up to 32 */
  read(count) {
    if (count === 0) return 0;
    const value = this._peek() >>> (32 - count);
    this.at += count;
    return value;
  }

  /** With a sign. @param {number} count up to 32 */
  readSigned(count) {
    const value = this.read(count);
    return value >= 2 ** (count - 1) ? value - 2 ** count : value;
  }

  /**
   * A number in Golomb code.
   * @param {number} k bits of its lower part
   * @param {number} m 2^k - 1, the step of its upper part
   * @param {number} plain bits of a number that follows as it is
   */
  readCode(k, m, plain) {
    const ones = Math.clz32(~this._peek());
    if (ones >= MOST_ONES) {
      this.at += MOST_ONES;
      return this.read(plain);
    }
    this.at += ones + 1;
    if (k === 1) return ones * m;
    const low = this.read(k);
    if (low >= 2) return ones * m + low - 1;
    this.at--; // one bit less
    return ones * m;
  }
}
