// Sine and cosine in float64. Made here, because those of two browsers differ in their last bits.
#pragma once

/** Of an angle in turns, any size; within 2e-16 · (1 + what the turns themselves lack). */
double sine(double turns);
double cosine(double turns);
