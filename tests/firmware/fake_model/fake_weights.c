#include <stdint.h>

extern const int8_t fake_w0[4];
const int8_t fake_w0[4] = {1, -2, 3, 100};
