/* Second boot stage of the RP2040: the boot ROM copies the first 256 bytes of the flash to RAM, checks the
 * CRC in the last four and calls them (RP2040 datasheet, chapters 2.8.1.3 and 4.10). It maps the flash with
 * the plain read command 03h, which every serial flash has, at a quarter of the core clock (31 MHz at
 * 125 MHz; the command is good for 50), then starts the image behind it. Runs anywhere: only
 * pc-relative addresses. */

  .syntax unified
  .cpu cortex-m0plus
  .thumb

  .equ SSI_BASE,       0x18000000
  .equ SSI_CTRLR0,     0x00
  .equ SSI_CTRLR1,     0x04
  .equ SSI_SSIENR,     0x08
  .equ SSI_BAUDR,      0x14
  .equ SSI_SPI_CTRLR0, 0xF4
  .equ DIVIDER,        4
  .equ CTRLR0,         (31 << 16) | (3 << 8)           /* 32-bit frames, standard SPI, EEPROM read mode */
  .equ SPI_CTRLR0,     (0x03 << 24) | (2 << 8) | (6 << 2) /* 8-bit command 03h, 24 address bits, no wait */
  .equ IMAGE,          0x10000100
  .equ SCB_VTOR,       0xE000ED08

  .section .text
  .global ew_boot2
  .type ew_boot2, %function
  .thumb_func
ew_boot2:
  ldr r3, =SSI_BASE
  movs r0, #0
  str r0, [r3, #SSI_SSIENR]         /* off while it is set up */
  movs r0, #DIVIDER
  str r0, [r3, #SSI_BAUDR]
  ldr r0, =CTRLR0
  str r0, [r3, #SSI_CTRLR0]
  ldr r0, =SPI_CTRLR0
  movs r1, #SSI_SPI_CTRLR0
  str r0, [r3, r1]
  movs r0, #0
  str r0, [r3, #SSI_CTRLR1]         /* one data frame */
  movs r0, #1
  str r0, [r3, #SSI_SSIENR]
  ldr r0, =IMAGE
  ldr r1, =SCB_VTOR
  str r0, [r1]
  ldr r1, [r0]
  msr msp, r1
  ldr r0, [r0, #4]
  bx r0
  .ltorg
