#include "ew_hal.h"
#include "ew_memory.h"
#include "ew_monitor.h"

int main(void) {
  ew_hal_init();
  ew_paint_stack();
  ew_paint_arena();
  ew_model_init(ew_arena);
  ew_monitor_start();
  for (;;) ew_monitor_poll();
}
