#include "circle.h"

static const double TURN = 6.283185307179586;

/** The power series of an angle within an quarter of a turn; from its first term on. */
static double series(double x, double term, int power) {
  double sum = term;
  for (int i = 0; i < 9; i++, power += 2) {
    term *= -x * x / ((power + 1) * (power + 2));
    sum += term;
  }
  return sum;
}

double sine(double t) {
  t -= (double)(long long)t;
  if (t < 0) t += 1;
  int quarter = (int)(4 * t + 0.5);
  double x = (t - quarter * 0.25) * TURN;
  double value = quarter % 2 ? series(x, 1, 0) : series(x, x, 1);
  return quarter % 4 < 2 ? value : -value;
}

double cosine(double t) { return sine(t + 0.25); }
