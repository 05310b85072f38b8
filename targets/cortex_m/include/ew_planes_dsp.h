/* What the depthwise kernels on planes use. Their functions are made for each layer, in assembler. */
#ifndef EW_PLANES_DSP_H
#define EW_PLANES_DSP_H
#include "ew_math.h"

#ifndef EW_NAKED
#define EW_NAKED static __attribute__((naked, noinline, unused))
#define EW_UNUSED __attribute__((unused))
#endif
#endif
