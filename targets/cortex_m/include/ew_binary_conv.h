/* A row of a convolution of signs with signs, 32 output channels of a pixel at a time. */
#ifndef EW_BINARY_CONV_H
#define EW_BINARY_CONV_H
#include "ew_binary_finish.h"

EW_BINARY_CONV(ew_binary, uint32_t, 1)
EW_BINARY_S8(ew_binary, bounded, uint32_t, 1)
EW_BINARY_S8(ew_binary, general, uint32_t, 1)
#endif
