/* The serial monitor: MLPerf Tiny / EEMBC commands and those of edgewright, one command at a time.
 *
 * A command ends with '%', its reply with "m-ready" CR LF. Whatever arrives, the next '%' gets one. */
#ifndef EW_MONITOR_H
#define EW_MONITOR_H

#define EW_COMMAND_MAX 80

struct ew_command {
  const char *name;
  void (*run)(char *arguments);
};
/* Ends with a name of 0. */
extern const struct ew_command ew_eembc_commands[];
extern const struct ew_command ew_own_commands[];
/* Those behind "ew" that depend on how the input comes: ew_resident.c or ew_rows.c. */
extern const struct ew_command ew_input_commands[];

/* Boot messages. */
void ew_monitor_start(void);
/* Take one received byte. */
void ew_monitor_feed(char c);
/* One turn of the main loop. */
void ew_monitor_poll(void);

/* Next byte from the console, or -1; commands that read raw data use this. */
int ew_next_byte(void);
/* Whether the host sent Ctrl-C (other bytes are kept for later). Long commands ask between inferences. */
int ew_abort_requested(void);

/* "m-lap-us-<now>" */
void ew_put_lap(void);

#endif
