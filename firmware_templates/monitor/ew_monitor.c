#include "ew_monitor.h"

#include <stdint.h>

#include "ew_hal.h"
#include "ew_text.h"

#define CTRL_C 3
#define LOOKAHEAD 64u

static char line[EW_COMMAND_MAX + 1];
static unsigned length; /* EW_COMMAND_MAX + 1: too long, its rest is dropped */

/* Bytes that arrived while a command looked for Ctrl-C. */
static uint8_t lookahead[LOOKAHEAD];
static unsigned lookahead_first, lookahead_count;

int ew_next_byte(void) {
  if (!lookahead_count) return ew_hal_getc();
  uint8_t byte = lookahead[lookahead_first];
  lookahead_first = (lookahead_first + 1u) % LOOKAHEAD;
  lookahead_count--;
  return byte;
}

int ew_abort_requested(void) {
  while (lookahead_count < LOOKAHEAD) {
    int byte = ew_hal_getc();
    if (byte < 0) return 0;
    if (byte == CTRL_C) return 1;
    lookahead[(lookahead_first + lookahead_count) % LOOKAHEAD] = (uint8_t)byte;
    lookahead_count++;
  }
  /* Full: the host sends without waiting for replies. It is still heard when it wants an end. */
  return ew_hal_getc() == CTRL_C;
}

void ew_put_lap(void) {
  ew_put("m-lap-us-");
  ew_put_u64(ew_hal_micros());
  ew_end_line();
}

/* The command of that name, or the table's end. */
static const struct ew_command *find(const struct ew_command *command, const char *name) {
  while (command->name && !ew_same(name, command->name)) command++;
  return command;
}

/* The one indirect call of the monitor: targets/stack.py counts on its commands making none. */
static void execute(void) {
  line[length] = 0;
  char *rest = line;
  const char *word = ew_word(&rest);
  if (!word) return;
  const int own = ew_same(word, "ew");
  const struct ew_command *command = own ? ew_own_commands : ew_eembc_commands;
  if (own) word = ew_word(&rest);
  if (word) command = find(command, word);
  if (word && own && !command->name) command = find(ew_input_commands, word);
  if (word && command->name) {
    command->run(rest);
  } else {
    ew_put("e-[Unknown command: ");
    ew_put(word ? word : "ew");
    ew_put("]\r\n");
  }
}

void ew_monitor_feed(char c) {
  if (c == '%') {
    if (length > EW_COMMAND_MAX) {
      ew_error("Command longer than 80 characters");
    } else {
      execute();
    }
    length = 0;
    ew_put("m-ready\r\n");
  } else if (c < ' ' || c > '~') {
    /* Line ends of a terminal, noise of a plug. */
  } else if (length < EW_COMMAND_MAX) {
    line[length++] = c;
  } else {
    length = EW_COMMAND_MAX + 1;
  }
}

void ew_monitor_start(void) {
  ew_put("m-timestamp-mode-performance\r\n");
  ew_put_lap();
  ew_put("m-init-done\r\nm-ready\r\n");
}

void ew_monitor_poll(void) {
  int byte = ew_next_byte();
  (void)ew_hal_micros(); /* keeps track of the timer's wraps */
  if (byte >= 0) ew_monitor_feed((char)byte);
}
