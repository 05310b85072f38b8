/* Float functions of float operators, the same to the last bit on every target: IEEE single precision
 * arithmetic only (powf: double), no libm, no fused multiply-add. Errors against the exact value are
 * below 2 units in the last place; square root is correctly rounded.
 *
 * Compile with -ffp-contract=off (GCC: implied by -std=c11); on cores with Helium also with
 * -fno-tree-vectorize, as its vector arithmetic flushes subnormal numbers to zero. */
#ifndef EW_FLOAT_H
#define EW_FLOAT_H

#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "float operators need -fno-fast-math"
#endif

static inline uint32_t ew_float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float ew_float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define EW_INFINITY ew_float_of(0x7f800000u)
#define EW_NAN ew_float_of(0x7fc00000u)

static inline float ew_fabsf(float x) { return ew_float_of(ew_float_bits(x) & 0x7fffffffu); }

/* Towards minus infinity. From 2^23 on every number is an integer. */
static inline float ew_floorf(float x) {
  if (!(ew_fabsf(x) < 8388608.0f)) return x;
  float whole = (float)(int32_t)x;
  return whole > x ? whole - 1.0f : whole;
}

static inline float ew_ceilf(float x) { return -ew_floorf(-x); }

static inline float ew_truncf(float x) { return ew_fabsf(x) < 8388608.0f ? (float)(int32_t)x : x; }

/* To nearest, halves to even: adding 2^23 rounds away the fraction. */
static inline float ew_rintf(float x) {
  float size = ew_fabsf(x);
  if (!(size < 8388608.0f)) return x;
  volatile float shifted = size + 8388608.0f;
  float whole = shifted - 8388608.0f;
  return ew_float_of(ew_float_bits(whole) | (ew_float_bits(x) & 0x80000000u));
}

/* Correctly rounded: one result bit at a time, with the remainder. */
static inline float ew_sqrtf(float x) {
  uint32_t bits = ew_float_bits(x);
  if ((bits & 0x7fffffffu) == 0 || x != x || bits == 0x7f800000u) return x;
  if (bits >> 31) return EW_NAN;
#if defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & 4)
  float root;
  __asm__("vsqrt.f32 %0, %1" : "=t"(root) : "t"(x));
  return root;
#else
  int32_t exponent = (int32_t)(bits >> 23);
  uint32_t mantissa = bits & 0x7fffffu;
  if (exponent == 0) {
    for (exponent = 1; !(mantissa & 0x800000u); exponent--) mantissa <<= 1;
  }
  mantissa |= 0x800000u;
  exponent -= 127;
  if (exponent & 1) mantissa <<= 1;
  uint32_t rest = mantissa << 1, root = 0, sum = 0;
  for (uint32_t bit = 0x1000000u; bit; bit >>= 1) {
    uint32_t trial = sum + bit;
    if (trial <= rest) {
      sum = trial + bit;
      rest -= trial;
      root += bit;
    }
    rest <<= 1;
  }
  if (rest) root += root & 1;
  int32_t half = (exponent - (exponent & 1)) / 2;
  return ew_float_of((root >> 1) + ((uint32_t)(half + 126) << 23));
#endif
}

/* x * 2^n for results of any size, 2^n split so that both factors are normal numbers. */
static inline float ew_scaled(float x, int32_t n) {
  int32_t first = n / 2, second = n - first;
  return x * ew_float_of((uint32_t)(first + 127) << 23) * ew_float_of((uint32_t)(second + 127) << 23);
}

/* e^x = 2^n e^r with |r| <= ln(2) / 2; ln(2) in two parts, so that r is exact enough. */
static inline float ew_expf(float x) {
  if (x != x) return x;
  if (x > 88.7228394f) return EW_INFINITY;
  if (x < -104.0f) return 0.0f;
  float steps = x * 1.44269502f;
  int32_t n = (int32_t)(steps + (steps < 0.0f ? -0.5f : 0.5f));
  float r = (x - (float)n * 0.693359375f) - (float)n * -2.12194442e-4f;
  float p = 0x1.6d8362p-10f;
  p = p * r + 0x1.121588p-7f;
  p = p * r + 0x1.5554acp-5f;
  p = p * r + 0x1.5554d4p-3f;
  p = p * r + 0.5f;
  return ew_scaled(1.0f + (r + r * r * p), n);
}

/* Natural logarithm: x = 2^k (1 + f), s = f / (2 + f), ln(1 + f) = f - s (f - s^2 R(s^2)). */
static inline float ew_logf(float x) {
  if (x != x || x == EW_INFINITY) return x;
  if (x == 0.0f) return -EW_INFINITY;
  if (x < 0.0f) return EW_NAN;
  int32_t k = 0;
  if (x < 1.17549435e-38f) {
    x *= 33554432.0f;
    k = -25;
  }
  uint32_t bits = ew_float_bits(x);
  k += (int32_t)(bits >> 23) - 127;
  bits = (bits & 0x7fffffu) | 0x3f800000u;
  if (bits > 0x3fb504f3u) {
    bits -= 0x800000u;
    k++;
  }
  float f = ew_float_of(bits) - 1.0f, s = f / (2.0f + f), z = s * s;
  float p = 0x1.de0dfep-3f;
  p = p * z + 0x1.245b10p-2f;
  p = p * z + 0x1.9999eep-2f;
  p = p * z + 0x1.555556p-1f;
  float small = s * (f - z * p) - (float)k * -2.12194442e-4f;
  return (float)k * 0.693359375f + (f - small);
}

/* Polynomial near zero, 1 - 2 / (e^2x + 1) elsewhere. */
static inline float ew_tanhf(float x) {
  float size = ew_fabsf(x), result;
  if (x != x) return x;
  if (size < 0.6f) {
    float z = size * size, p = -0x1.830be6p-8f;
    p = p * z + 0x1.54e014p-6f;
    p = p * z + -0x1.b89ed8p-5f;
    p = p * z + 0x1.1109dcp-3f;
    p = p * z + -0x1.55553ep-2f;
    result = size + size * (z * p);
  } else {
    result = size > 9.1f ? 1.0f : 1.0f - 2.0f / (ew_expf(2.0f * size) + 1.0f);
  }
  return ew_float_of(ew_float_bits(result) | (ew_float_bits(x) & 0x80000000u));
}

/* Polynomial near zero, 1 - e^-P(x) elsewhere, P fitted to -ln(erfc(x)). */
static inline float ew_erff(float x) {
  float size = ew_fabsf(x), result;
  if (x != x) return x;
  if (size < 0.9f) {
    float z = size * size, p = -0x1.40685ep-11f;
    p = p * z + 0x1.48be58p-8f;
    p = p * z + -0x1.b6cbacp-6f;
    p = p * z + 0x1.ce1ec2p-4f;
    p = p * z + -0x1.812700p-2f;
    p = p * z + 0x1.06eba6p-3f;
    result = size + size * p;
  } else if (size < 3.95f) {
    float p = 0x1.520706p-16f;
    p = p * size + -0x1.bc30a4p-12f;
    p = p * size + 0x1.0df20ep-8f;
    p = p * size + -0x1.9956c8p-6f;
    p = p * size + 0x1.baab56p-4f;
    p = p * size + 0x1.445e48p-1f;
    p = p * size + 0x1.2121fep+0f;
    p = p * size + -0x1.47c678p-13f;
    result = 1.0f - ew_expf(-p);
  } else {
    result = 1.0f;
  }
  return ew_float_of(ew_float_bits(result) | (ew_float_bits(x) & 0x80000000u));
}

static inline double ew_double_of_power(int32_t n) {
  uint64_t bits = (uint64_t)(uint32_t)(n + 1023) << 52;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* x^y for positive finite x, finite y: 2^(y log2(x)) in double precision. */
static inline float ew_positive_power(float x, float y) {
  int32_t k = 0;
  if (x < 1.17549435e-38f) {
    x *= 33554432.0f;
    k = -25;
  }
  uint32_t bits = ew_float_bits(x);
  k += (int32_t)(bits >> 23) - 127;
  bits = (bits & 0x7fffffu) | 0x3f800000u;
  if (bits > 0x3fb504f3u) {
    bits -= 0x800000u;
    k++;
  }
  double f = (double)ew_float_of(bits) - 1.0, s = f / (2.0 + f), z = s * s;
  double series = 1.0 / 15.0;
  for (int32_t odd = 13; odd > 0; odd -= 2) series = series * z + 1.0 / (double)odd;
  double power = (double)y * ((double)k + 2.0 * s * series * 1.4426950408889634);
  if (power > 129.0) return EW_INFINITY;
  if (power < -151.0) return 0.0f;
  int32_t n = (int32_t)(power + (power < 0.0 ? -0.5 : 0.5));
  double r = (power - (double)n) * 0.6931471805599453, e = 1.0;
  for (int32_t i = 11; i > 0; i--) e = 1.0 + e * r / (double)i;
  return (float)(e * ew_double_of_power(n));
}

/* As C's powf. */
static inline float ew_powf(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return EW_NAN;
  if (y == 1.0f) return x;
  if (y == 2.0f) return x * x;
  float size = ew_fabsf(x);
  int whole = ew_truncf(y) == y;
  int odd = whole && ew_fabsf(y) < 16777216.0f && ((int32_t)y & 1);
  float result;
  if (size == 0.0f || size == EW_INFINITY) {
    result = (size == 0.0f) == (y > 0.0f) ? 0.0f : EW_INFINITY;
  } else if (ew_fabsf(y) == EW_INFINITY) {
    if (size == 1.0f) return 1.0f;
    return (size < 1.0f) == (y > 0.0f) ? 0.0f : EW_INFINITY;
  } else {
    if (x < 0.0f && !whole) return EW_NAN;
    result = ew_positive_power(size, y);
  }
  return (ew_float_bits(x) >> 31) && odd ? -result : result;
}

#endif
