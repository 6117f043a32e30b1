// Four floats at a time, in GCC's vector extension: the same C for WebAssembly and for a native
// build under sanitizers. Nothing is contracted, so that both give the same bits; only the relaxed
// module may round a product and its sum once.
#pragma once

typedef float V __attribute__((vector_size(16)));
typedef int VI __attribute__((vector_size(16)));
typedef float Unaligned __attribute__((vector_size(16), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
// Not inlined: V8 keeps the registers of a small function, and spills those of a large one.
#define APART __attribute__((noinline))
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
// A loop over taps that LLVM unrolls spills registers in V8.
#define ROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLLED
#define ROLLED
#endif

INLINE V load(const float *p) { return *(const Unaligned *)p; }
INLINE void store(float *p, V v) { *(Unaligned *)p = v; }
INLINE V all(float x) { return (V){x, x, x, x}; }

/** a · b + c. */
INLINE V madd(V a, V b, V c) {
#ifdef __wasm_relaxed_simd__
  return __builtin_wasm_relaxed_madd_f32x4(a, b, c);
#else
  return a * b + c;
#endif
}

/** c − a · b. */
INLINE V nmadd(V a, V b, V c) {
#ifdef __wasm_relaxed_simd__
  return __builtin_wasm_relaxed_nmadd_f32x4(a, b, c);
#else
  return c - a * b;
#endif
}

/** `a` where the mask is all ones, `b` where it is 0. */
INLINE V select(VI mask, V a, V b) { return (V)((mask & (VI)a) | (~mask & (VI)b)); }
/** b where it is larger than a, otherwise a: one instruction. */
INLINE V larger(V a, V b) {
#ifdef __wasm__
  return __builtin_wasm_pmax_f32x4(a, b);
#else
  return select(a < b, b, a);
#endif
}
/** b where it is smaller than a, otherwise a. */
INLINE V smaller(V a, V b) {
#ifdef __wasm__
  return __builtin_wasm_pmin_f32x4(a, b);
#else
  return select(b < a, b, a);
#endif
}
/** x, times `slope` where it is negative: 0.01 is a leaky ReLU, 0 a ReLU, 1 nothing. */
INLINE V rectify(V x, float slope) {
  return madd(all(slope), smaller(x, all(0)), larger(x, all(0)));
}

INLINE V root(V x) {
#ifdef __clang__
  return __builtin_elementwise_sqrt(x);
#else
  return (V){__builtin_sqrtf(x[0]), __builtin_sqrtf(x[1]), __builtin_sqrtf(x[2]),
             __builtin_sqrtf(x[3])};
#endif
}

/** v[i] lane j ↔ v[j] lane i. */
INLINE void transpose(V v[4]) {
  V a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
  V b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  V c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  V d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}
/** v's lanes from the second on, and x after them. */
INLINE V shift_in(V v, float x) { return __builtin_shufflevector(v, all(x), 1, 2, 3, 4); }

/** To the nearest whole number, ties to even. */
INLINE V nearest(V x) {
#ifdef __clang__
  return __builtin_elementwise_roundeven(x);
#else
  return (V){__builtin_rintf(x[0]), __builtin_rintf(x[1]), __builtin_rintf(x[2]),
             __builtin_rintf(x[3])};
#endif
}

INLINE VI to_int(V x) { return __builtin_convertvector(x, VI); }
INLINE V to_float(VI x) { return __builtin_convertvector(x, V); }
