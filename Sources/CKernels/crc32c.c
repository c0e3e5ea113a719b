#include "CKernels.h"
#include "dispatch.h"

// CRC-32C (Castagnoli, reflected 0x82F63B78). The instruction takes 8 bytes in 3 cycles but can start one every cycle:
// three streams side by side, joined by multiplication with xⁿ modulo the polynomial, which tables hold for two lengths.

#define POLYNOMIAL 0x82F63B78u
enum { LONG_BLOCK = 8192, SHORT_BLOCK = 256 };

static uint32_t bytes_table[8][256];
static uint32_t long_shift[4][256];
static uint32_t short_shift[4][256];

static uint32_t multiply(const uint32_t *matrix, uint32_t vector) {
    uint32_t sum = 0;
    for (; vector; vector >>= 1, matrix++)
        if (vector & 1) sum ^= *matrix;
    return sum;
}

static void square(uint32_t *result, const uint32_t *matrix) {
    for (int bit = 0; bit < 32; bit++) result[bit] = multiply(matrix, matrix[bit]);
}

// The effect of `length` zero bytes (a power of two) on a register, as four tables of its bytes.
static void fill_shift(uint32_t table[4][256], size_t length) {
    uint32_t even[32], odd[32];
    odd[0] = POLYNOMIAL;
    for (int bit = 1; bit < 32; bit++) odd[bit] = 1u << (bit - 1);
    square(even, odd);
    square(odd, even);
    uint32_t *matrix = odd, *other = even;
    for (; length; length >>= 1) {
        square(other, matrix);
        uint32_t *swap = matrix;
        matrix = other;
        other = swap;
    }
    for (uint32_t value = 0; value < 256; value++)
        for (int byte = 0; byte < 4; byte++) table[byte][value] = multiply(matrix, value << (8 * byte));
}

__attribute__((constructor)) static void fill_tables(void) {
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        bytes_table[0][value] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t before = bytes_table[slice - 1][value];
            bytes_table[slice][value] = before >> 8 ^ bytes_table[0][before & 255];
        }
    fill_shift(long_shift, LONG_BLOCK);
    fill_shift(short_shift, SHORT_BLOCK);
}

uint32_t pframe_crc32c_tables(uint32_t crc, const void *data, size_t count) {
    const uint8_t *bytes = data;
    crc = ~crc;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint32_t low, high;
        memcpy(&low, bytes, 4);
        memcpy(&high, bytes + 4, 4);
        low ^= crc;
        crc = bytes_table[7][low & 255] ^ bytes_table[6][low >> 8 & 255] ^ bytes_table[5][low >> 16 & 255] ^
              bytes_table[4][low >> 24] ^ bytes_table[3][high & 255] ^ bytes_table[2][high >> 8 & 255] ^
              bytes_table[1][high >> 16 & 255] ^ bytes_table[0][high >> 24];
    }
    for (; count; bytes++, count--) crc = crc >> 8 ^ bytes_table[0][(crc ^ *bytes) & 255];
    return ~crc;
}

#if defined(__x86_64__)
static uint32_t shift(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 255] ^ table[1][crc >> 8 & 255] ^ table[2][crc >> 16 & 255] ^ table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static inline uint64_t step(uint64_t crc, const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return __builtin_ia32_crc32di(crc, word);
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t start, const uint8_t *bytes, size_t count) {
    uint64_t crc = ~start;
    for (int is_short = 0; is_short < 2; is_short++) {
        const size_t block = is_short ? SHORT_BLOCK : LONG_BLOCK;
        for (; count >= 3 * block; bytes += 3 * block, count -= 3 * block) {
            uint64_t second = 0, third = 0;
            for (size_t index = 0; index < block; index += 8) {
                crc = step(crc, bytes + index);
                second = step(second, bytes + block + index);
                third = step(third, bytes + 2 * block + index);
            }
            crc = shift(is_short ? short_shift : long_shift, (uint32_t)crc) ^ second;
            crc = shift(is_short ? short_shift : long_shift, (uint32_t)crc) ^ third;
        }
    }
    for (; count >= 8; bytes += 8, count -= 8) crc = step(crc, bytes);
    for (; count; bytes++, count--) crc = __builtin_ia32_crc32qi((uint32_t)crc, *bytes);
    return ~(uint32_t)crc;
}
#endif

uint32_t pframe_crc32c(uint32_t crc, const void *data, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_hardware(crc, data, count);
#endif
    return pframe_crc32c_tables(crc, data, count);
}
