/* Registers for drivers on the host: plain cells by address, 0 until written. */
#ifndef MOCK_REGISTERS_H
#define MOCK_REGISTERS_H
#include <stdint.h>

#define EW_REG(address) (*mock_register((uint32_t)(address)))

static volatile uint32_t *mock_register(uint32_t address) {
  static struct {
    uint32_t address;
    volatile uint32_t value;
  } cells[64];
  int i = 0;
  while (i < 63 && cells[i].address && cells[i].address != address) i++;
  cells[i].address = address;
  return &cells[i].value;
}

uint32_t mock_get(uint32_t address);
uint32_t mock_get(uint32_t address) { return EW_REG(address); }
void mock_set(uint32_t address, uint32_t value);
void mock_set(uint32_t address, uint32_t value) { EW_REG(address) = value; }

#endif
