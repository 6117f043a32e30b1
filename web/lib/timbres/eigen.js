/**
 * Eigenvectors: all of a small dense symmetric matrix, or the leading few of a large one that is
 * given only by its products with vectors.
 *
 * Everything is float64, row after row, and free of randomness.
 */

/**
 * @typedef {object} Eigen
 * @property {Float64Array} values largest first
 * @property {Float64Array[]} vectors of unit length, in the order of the values
 */

/**
 * Every eigenpair of a symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan, 8.5).
 * @param {Float64Array} matrix size × size; left as it is
 * @param {number} size
 * @returns {Eigen}
 */
export function eigenSymmetric(matrix, size) {
  const a = matrix.slice();
  const v = new Float64Array(size * size); // row i becomes eigenvector i
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  let scale = 0;
  for (const value of a) scale = Math.max(scale, Math.abs(value));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) off = Math.max(off, Math.abs(a[p * size + q]));
    }
    if (off <= 1e-15 * scale) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q);
    }
  }
  const order = Array.from({ length: size }, (_, i) => i);
  order.sort((i, j) => a[j * size + j] - a[i * size + i]);
  return {
    values: Float64Array.from(order, (i) => a[i * size + i]),
    vectors: order.map((i) => v.slice(i * size, (i + 1) * size)),
  };
}

/**
 * Turn in the plane of p and q so that a[p, q] becomes 0.
 * @param {Float64Array} a
 * @param {Float64Array} v
 * @param {number} size
 * @param {number} p
 * @param {number} q
 */
function rotate(a, v, size, p, q) {
  const apq = a[p * size + q];
  if (apq === 0) return;
  const theta = (a[q * size + q] - a[p * size + p]) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let i = 0; i < size; i++) {
    const x = a[i * size + p];
    const y = a[i * size + q];
    a[i * size + p] = c * x - s * y;
    a[i * size + q] = s * x + c * y;
  }
  for (let i = 0; i < size; i++) {
    const x = a[p * size + i];
    const y = a[q * size + i];
    a[p * size + i] = c * x - s * y;
    a[q * size + i] = s * x + c * y;
    const vx = v[p * size + i];
    const vy = v[q * size + i];
    v[p * size + i] = c * vx - s * vy;
    v[q * size + i] = s * vx + c * vy;
  }
}

/**
 * The leading eigenpairs of a large symmetric matrix, by block Krylov iteration with
 * Rayleigh–Ritz projection over the whole basis, which keeps every earlier direction.
 *
 * @param {(block: Float64Array[]) => Float64Array[]} apply the matrix times each vector
 * @param {Float64Array[]} start vectors that the search begins with; dependent ones are dropped
 * @param {number} count eigenpairs wanted, at most the length of a vector
 * @param {number} [tolerance] on |A v − λ v|, where |A| ≤ 1
 * @returns {Eigen}
 */
export function leadingEigen(apply, start, count, tolerance = 1e-10) {
  const length = start[0].length;
  /** @type {Float64Array[]} */
  const basis = [];
  /** @type {Float64Array[]} */
  const images = [];
  let block = start;
  // The basis holds the whole space at the latest when it has `length` vectors.
  for (;;) {
    const fresh = block.filter((vector) => orthonormalise(vector, basis));
    if (basis.length < count) {
      const more = unitVectors(length, count);
      fresh.push(...more.filter((vector) => orthonormalise(vector, basis)));
    }
    images.push(...(fresh.length > 0 ? apply(fresh) : []));
    const size = basis.length;
    const projected = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        projected[i * size + j] = projected[j * size + i] = dot(basis[i], images[j]);
      }
    }
    const small = eigenSymmetric(projected, size);
    const vectors = small.vectors.slice(0, count).map((weights) => combine(basis, weights));
    const residuals = vectors.map((vector, k) => {
      const residual = combine(images, small.vectors[k]);
      for (let i = 0; i < length; i++) residual[i] -= small.values[k] * vector[i];
      return residual;
    });
    const open = residuals.filter((residual) => Math.sqrt(dot(residual, residual)) > tolerance);
    if (open.length === 0 || fresh.length === 0 || size >= length) {
      return { values: small.values.slice(0, count), vectors };
    }
    block = open;
  }
}

/**
 * Coordinate vectors, to complete a start of too low rank.
 * @param {number} length
 * @param {number} count
 */
function unitVectors(length, count) {
  return Array.from({ length: count }, (_, i) => {
    const vector = new Float64Array(length);
    vector[Math.floor((i * length) / count)] = 1;
    return vector;
  });
}

/**
 * Make the vector orthogonal to the basis, of unit length, and its newest member.
 * @param {Float64Array} vector changed in place
 * @param {Float64Array[]} basis
 * @returns {boolean} false if it lies in the basis already
 */
function orthonormalise(vector, basis) {
  const before = Math.sqrt(dot(vector, vector));
  if (!(before > 0)) return false;
  for (let pass = 0; pass < 2; pass++) {
    for (const other of basis) {
      const along = dot(vector, other);
      for (let i = 0; i < vector.length; i++) vector[i] -= along * other[i];
    }
  }
  const after = Math.sqrt(dot(vector, vector));
  if (after <= 1e-12 * before) return false;
  for (let i = 0; i < vector.length; i++) vector[i] /= after;
  basis.push(vector);
  return true;
}

/**
 * @param {Float64Array[]} vectors
 * @param {Float64Array} weights
 */
function combine(vectors, weights) {
  const sum = new Float64Array(vectors[0].length);
  vectors.forEach((vector, k) => {
    for (let i = 0; i < sum.length; i++) sum[i] += weights[k] * vector[i];
  });
  return sum;
}

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
