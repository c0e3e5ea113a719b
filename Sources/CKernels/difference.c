#include "CKernels.h"
#include "dispatch.h"

// Fixed widths let the compiler use psadbw; the sum of a block of at most 2¹⁶ pixels fits in 32 bits.
INLINE uint32_t sad(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    uint32_t sum = 0;
    for (int row = 0; row < h; row++, a += a_stride, b += b_stride)
        for (int column = 0; column < w; column++) {
            int difference = a[column] - b[column];
            sum += (uint32_t)(difference < 0 ? -difference : difference);
        }
    return sum;
}

INLINE uint32_t sse(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    uint32_t sum = 0;
    for (int row = 0; row < h; row++, a += a_stride, b += b_stride)
        for (int column = 0; column < w; column++) {
            // Of 16 bits, so that the compiler multiplies and adds pairs at once (pmaddwd).
            int16_t difference = (int16_t)(a[column] - b[column]);
            sum += (uint32_t)(difference * difference);
        }
    return sum;
}

INLINE uint32_t sad_average(const uint8_t *block, ptrdiff_t block_stride, const uint8_t *a, ptrdiff_t a_stride,
                            const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    uint32_t sum = 0;
    for (int row = 0; row < h; row++, block += block_stride, a += a_stride, b += b_stride) {
        uint8_t mean[16];
        for (int column = 0; column < w; column++) mean[column] = (uint8_t)((a[column] + b[column] + 1) >> 1);
        for (int column = 0; column < w; column++) {
            int difference = block[column] - mean[column];
            sum += (uint32_t)(difference < 0 ? -difference : difference);
        }
    }
    return sum;
}

KERNEL uint32_t pframe_sad(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    if (w == 16) return sad(a, a_stride, b, b_stride, 16, h);
    if (w == 8) return sad(a, a_stride, b, b_stride, 8, h);
    return sad(a, a_stride, b, b_stride, w, h);
}

KERNEL uint32_t pframe_sse(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    if (w == 48) return sse(a, a_stride, b, b_stride, 48, h);
    return sse(a, a_stride, b, b_stride, w, h);
}

KERNEL uint32_t pframe_sad_average(const uint8_t *block, ptrdiff_t block_stride, const uint8_t *a, ptrdiff_t a_stride,
                                   const uint8_t *b, ptrdiff_t b_stride, int w, int h) {
    if (w == 16) return sad_average(block, block_stride, a, a_stride, b, b_stride, 16, h);
    if (w == 8) return sad_average(block, block_stride, a, a_stride, b, b_stride, 8, h);
    return sad_average(block, block_stride, a, a_stride, b, b_stride, w, h);
}

KERNEL void pframe_subtract(int16_t *residual, const uint8_t *frame, const uint8_t *prediction, size_t count) {
    for (size_t index = 0; index < count; index++) residual[index] = (int16_t)(frame[index] - prediction[index]);
}

KERNEL void pframe_add(uint8_t *frame, const uint8_t *prediction, const int16_t *residual, size_t count) {
    for (size_t index = 0; index < count; index++) frame[index] = (uint8_t)(prediction[index] + residual[index]);
}

KERNEL uint64_t pframe_sum_magnitude(const int16_t *values, size_t count) {
    uint64_t sum = 0;
    for (size_t index = 0; index < count; index++) sum += (uint64_t)(values[index] < 0 ? -values[index] : values[index]);
    return sum;
}
