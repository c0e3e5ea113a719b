// ISA-L's CRC-32C, as the checksums of this project continue: from 0, each from the one before.
#pragma once

#include <isa-l/crc.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t pframe_crc32c(uint32_t crc, const void *_Nullable data, size_t count) {
    // ISA-L counts in int, and only reads the bytes, although its parameter is not const.
    for (unsigned char *bytes = (unsigned char *)data; count > 0;) {
        const int piece = count > (1 << 30) ? 1 << 30 : (int)count;
        crc = ~crc32_iscsi(bytes, piece, ~crc);
        bytes += piece;
        count -= piece;
    }
#if defined(__x86_64__)
    // ISA-L leaves the upper halves of vector registers in use: SHA-256 that follows would take 17 % longer.
    if (__builtin_cpu_supports("avx")) __asm__ volatile("vzeroupper");
#endif
    return crc;
}
