/* The part of QEMU's TCG plugin ABI that cyclecount uses, so that no QEMU header is needed.
 *
 * QEMU_PLUGIN_API is the interface version to build for: 1 for QEMU before 9.0, 2 for 9.0, 3 from
 * 9.1 on (where qemu_plugin_insn_data copies instead of returning a pointer).
 */
#ifndef CYCLECOUNT_QEMU_PLUGIN_H
#define CYCLECOUNT_QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef QEMU_PLUGIN_API
#define QEMU_PLUGIN_API 1
#endif

#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;

typedef struct {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    bool system_emulation;
    struct {
        int smp_vcpus, max_vcpus;
    } system;
} plugin_info;

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { CALLBACK_NO_REGISTERS = 0 };
enum { MEMORY_READ_WRITE = 3 };

typedef void (*block_translated)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*block_executed)(unsigned vcpu, void *data);
typedef void (*memory_accessed)(unsigned vcpu, uint32_t info, uint64_t address, void *data);
typedef void (*emulator_exits)(plugin_id id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, block_translated callback);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, block_executed callback, int flags,
                                                 void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, memory_accessed callback, int flags,
                                             int rw, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, emulator_exits callback, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
#if QEMU_PLUGIN_API >= 3
extern size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *destination, size_t length);
#else
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#endif
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#endif
