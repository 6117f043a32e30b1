/** Written by `python -m train learn counting`, for choose.js. */

/** First trait from which on embeddings vary much. */
export const WIDE = -0.621;
/** For embeddings that vary little, and much. */
export const REGIMES = Object.freeze([
  {
    MEAN: [-1.039, -1.523, -1.627, -1.516, -1.198, -0.3718],
    SCALE: [0.2433, 0.3678, 1.067, 0.4472, 0.254, 0.09874],
    WEIGHTS: [1.7, 0.6452, 0.4331, 0.6011, -0.3694, 0.5046, -0.3567],
    CERTAIN: 0.7299,
    LIKELY: 0.249,
  },
  {
    MEAN: [-0.1418, -0.6098, -0.5533, -0.4844, -1.097, -0.502],
    SCALE: [0.1849, 0.3455, 1.174, 0.3019, 0.2631, 0.1041],
    WEIGHTS: [0.9123, 0.9318, 0.1771, -0.7516, -0.04808, -0.2031, -0.1586],
    CERTAIN: 0.941,
    LIKELY: 0.637,
  },
]);
