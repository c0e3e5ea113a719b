// ISA-L's CRC-32C, as checksums of this project go on: from 0, each from the one before.
#pragma once

#include <isa-l/crc.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t pframe_crc32c(uint32_t crc, const void *_Nullable data, size_t count) {
    // ISA-L counts in int, and only reads what it takes as no constant.
    for (unsigned char *bytes = (unsigned char *)data; count > 0;) {
        const int piece = count > (1 << 30) ? 1 << 30 : (int)count;
        crc = ~crc32_iscsi(bytes, piece, ~crc);
        bytes += piece;
        count -= piece;
    }
    return crc;
}
