/* Input that comes row by row (EW_INPUT_BY_ROWS): the frame is never in RAM as a whole.
 *
 * After `ew rows` the device asks for one row after another, EW_PASSES times the whole input:
 * "m-ew-row-[<number>]", counted from 0 on. The host answers with the row's EW_INPUT_ROW_BYTES bytes and
 * their CRC-32, least significant byte first. A damaged row ends the frame. */
#ifndef EW_ROWS_H
#define EW_ROWS_H

/* Any command that needs an input in RAM: says that this firmware has none. */
void ew_by_rows(char *arguments);

#endif
