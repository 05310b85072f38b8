#include "ew_results.h"

#include <string.h>

#include "ew_hal.h"
#include "ew_inference.h"
#include "ew_input.h"
#include "ew_text.h"

/* Of a float input that is loaded as a whole. */
#define MEAN_SQUARED_ERROR \
  (EW_EEMBC_INPUT_FLOAT && EW_OUTPUTS == EW_INPUT_BYTES && !EW_OUTPUT_IS_FLOAT && !EW_INPUT_BY_ROWS)

/* *value / divisor for divisors below 2^20, by shifting; the remainder stays in *value. */
static uint64_t divide(uint64_t *value, uint32_t divisor) {
  uint64_t quotient = 0;
  for (int bit = 43; bit >= 0; bit--) {
    if (*value >> bit >= divisor) {
      *value -= (uint64_t)divisor << bit;
      quotient |= (uint64_t)1u << bit;
    }
  }
  return quotient;
}

static void put_milli(int negative, uint64_t milli) {
  uint64_t whole = divide(&milli, 1000u);
  if (negative) ew_hal_putc('-');
  ew_put_u64(whole);
  ew_hal_putc('.');
  if (milli < 100u) ew_hal_putc('0');
  if (milli < 10u) ew_hal_putc('0');
  ew_put_u64(milli);
}

#if EW_OUTPUT_IS_FLOAT || MEAN_SQUARED_ERROR
/* A float from its bits, rounded to thousandths half to even, as printf("%.3f") does. */
static void put_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = (int)((bits >> 23) & 255u);
  uint64_t mantissa = bits & 0x7FFFFFu;
  if (exponent == 255) {
    ew_put(mantissa ? "nan" : (bits >> 31) ? "-inf" : "inf");
    return;
  }
  if (exponent) mantissa |= 0x800000u;
  int shift = (exponent ? exponent : 1) - 150;
  uint64_t milli = mantissa * 1000u;
  if (shift > 19) {
    /* From 2^43 on; no dequantized output gets there. */
    ew_put((bits >> 31) ? "-inf" : "inf");
    return;
  }
  if (shift >= 0) {
    milli <<= shift;
  } else if (shift < -62) {
    milli = 0;
  } else {
    uint64_t half = (uint64_t)1u << (-shift - 1);
    uint64_t rest = milli & (2 * half - 1);
    milli >>= -shift;
    if (rest > half || (rest == half && (milli & 1u))) milli++;
  }
  put_milli((int)(bits >> 31), milli);
}
#endif

#if MEAN_SQUARED_ERROR
static void put_mean_squared_error(const uint8_t *output, const float *input) {
  float sum = 0.0f;
  const float scale = (float)EW_OUTPUT_SCALE_E9 * 1e-9f;
  for (uint32_t i = 0; i < EW_OUTPUTS; i++) {
    float difference = (float)((int8_t)output[i] - EW_OUTPUT_ZERO_POINT) * scale - input[i];
    sum += difference * difference;
  }
  put_float(sum / (float)EW_OUTPUTS);
}
#endif

#if EW_OUTPUT_IS_FLOAT

static void put_elements(const uint8_t *output) {
  for (uint32_t i = 0; i < EW_OUTPUTS; i++) {
    float value;
    memcpy(&value, output + 4 * i, sizeof value);
    if (i) ew_hal_putc(',');
    put_float(value);
  }
}

#else

/* real = scale * (q - zero_point), rounded to thousandths half to even. */
static void put_elements(const uint8_t *output) {
  for (uint32_t i = 0; i < EW_OUTPUTS; i++) {
#if EW_OUTPUT_IS_UINT8
    int32_t steps = (int32_t)output[i] - EW_OUTPUT_ZERO_POINT;
#else
    int32_t steps = (int32_t)(int8_t)output[i] - EW_OUTPUT_ZERO_POINT;
#endif
    int negative = steps < 0;
    uint64_t nano = (uint64_t)(negative ? -steps : steps) * (uint64_t)EW_OUTPUT_SCALE_E9;
    uint64_t milli = divide(&nano, 1000000u);
    if (nano > 500000u || (nano == 500000u && (milli & 1u))) milli++;
    if (i) ew_hal_putc(',');
    put_milli(negative && milli, milli);
  }
}

#endif

void ew_put_results(void) {
  const uint8_t *output = ew_output();
  if (!output) {
    ew_error("There was no inference yet");
    return;
  }
  ew_put("m-results-[");
#if MEAN_SQUARED_ERROR
  if (ew_input_floats()) {
    put_mean_squared_error(output, ew_input_floats());
  } else {
    put_elements(output);
  }
#else
  put_elements(output);
#endif
  ew_put("]\r\n");
}
