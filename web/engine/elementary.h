// Logarithm and sigmoid, four at a time, after Cephes (Moshier): within 2 units in the last place.
#pragma once
#include "simd.h"

/** ln(x / 2^exponent) of normal numbers above 0. */
V logarithm(V x, int exponent);
/** 1 / (1 + e^−x). */
V sigmoid(V x);
