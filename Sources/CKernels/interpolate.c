#include "CKernels.h"
#include "dispatch.h"

// A block of at most 16×16 pixels plus the 6-tap filter's reach of 2 before and 3 behind.
enum { MAX_BLOCK = 16, BEFORE = 2, REACH = 5, PATCH_STRIDE = 32 };

typedef struct {
    const uint8_t *base;
    ptrdiff_t stride;
} view;

INLINE int clamp(int value, int high) { return value < 0 ? 0 : value > high ? high : value; }

// The pixels (x, y) … (x+w−1, y+h−1) of the reference: in place where they lie inside, else copied with edges repeated.
INLINE view source_view(pframe_plane plane, int x, int y, int w, int h, uint8_t *patch) {
    if (x >= 0 && y >= 0 && x + w <= plane.width && y + h <= plane.height)
        return (view){plane.base + (ptrdiff_t)y * plane.stride + x, plane.stride};
    for (int row = 0; row < h; row++) {
        const uint8_t *line = plane.base + (ptrdiff_t)clamp(y + row, plane.height - 1) * plane.stride;
        for (int column = 0; column < w; column++)
            patch[row * PATCH_STRIDE + column] = line[clamp(x + column, plane.width - 1)];
    }
    return (view){patch, PATCH_STRIDE};
}

// Constant widths become single moves; a call a row would cost more than the copy.
INLINE void copy_rows(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t in_stride, int w, int h) {
    if (w == 16) {
        for (int row = 0; row < h; row++) memcpy(out + row * out_stride, in + row * in_stride, 16);
    } else if (w == 8) {
        for (int row = 0; row < h; row++) memcpy(out + row * out_stride, in + row * in_stride, 8);
    } else {
        for (int row = 0; row < h; row++)
            for (int column = 0; column < w; column++) out[row * out_stride + column] = in[row * in_stride + column];
    }
}

// The filters, written once for rows of 16 and of 8 pixels. Ranges: 6-tap sums of bytes lie in −2550…10710 (16 bits),
// sums of such sums in −214200…475320 (32 bits).
#define FILTERS(N, U8, I16, I32)                                                                                    \
    INLINE I16 load_##N(const uint8_t *p) {                                                                         \
        U8 bytes;                                                                                                   \
        memcpy(&bytes, p, N);                                                                                       \
        return __builtin_convertvector(bytes, I16);                                                                 \
    }                                                                                                               \
    INLINE void store_##N(uint8_t *p, I16 value) {                                                                  \
        I16 limited = __builtin_elementwise_min(__builtin_elementwise_max(value, (I16){0}), (I16){0} + 255);        \
        U8 bytes = __builtin_convertvector(limited, U8);                                                            \
        memcpy(p, &bytes, N);                                                                                       \
    }                                                                                                               \
    INLINE I16 six_##N(const uint8_t *p, ptrdiff_t step) {                                                          \
        return (load_##N(p) + load_##N(p + step)) * 20 - (load_##N(p - step) + load_##N(p + 2 * step)) * 5 +        \
               load_##N(p - 2 * step) + load_##N(p + 3 * step);                                                     \
    }                                                                                                               \
    INLINE void half_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t stride, ptrdiff_t step,   \
                         int h) {                                                                                   \
        for (int row = 0; row < h; row++)                                                                           \
            store_##N(out + row * out_stride, (six_##N(in + row * stride, step) + 16) >> 5);                        \
    }                                                                                                               \
    INLINE void centre_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t stride, int h) {        \
        I16 sums[MAX_BLOCK + REACH];                                                                                \
        for (int row = 0; row < h + REACH; row++) sums[row] = six_##N(in + (row - BEFORE) * stride, 1);             \
        for (int row = 0; row < h; row++) {                                                                         \
            I32 near = __builtin_convertvector(sums[row + 2], I32) + __builtin_convertvector(sums[row + 3], I32);   \
            I32 mid = __builtin_convertvector(sums[row + 1], I32) + __builtin_convertvector(sums[row + 4], I32);    \
            I32 far = __builtin_convertvector(sums[row], I32) + __builtin_convertvector(sums[row + 5], I32);        \
            I32 value = (near * 20 - mid * 5 + far + 512) >> 10;                                                    \
            store_##N(out + row * out_stride, __builtin_convertvector(value, I16));                                 \
        }                                                                                                           \
    }                                                                                                               \
    INLINE void average_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t a_stride,               \
                            const uint8_t *b, ptrdiff_t b_stride, int h) {                                          \
        for (int row = 0; row < h; row++)                                                                           \
            store_##N(out + row * out_stride, (load_##N(a + row * a_stride) + load_##N(b + row * b_stride) + 1) >> 1); \
    }                                                                                                               \
    /* `in` points to the whole-pixel position; (fx, fy) in quarter pixels, not both 0. */                          \
    INLINE void luma_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t stride, int fx, int fy,   \
                         int h) {                                                                                   \
        _Alignas(32) uint8_t other[MAX_BLOCK * MAX_BLOCK];                                                          \
        if (fy == 0) {                                                                                              \
            half_##N(out, out_stride, in, stride, 1, h);                                                            \
            if (fx != 2) average_##N(out, out_stride, out, out_stride, in + (fx == 3), stride, h);                  \
        } else if (fx == 0) {                                                                                       \
            half_##N(out, out_stride, in, stride, stride, h);                                                       \
            if (fy != 2) average_##N(out, out_stride, out, out_stride, in + (fy == 3) * stride, stride, h);         \
        } else if (fx == 2 || fy == 2) {                                                                            \
            centre_##N(out, out_stride, in, stride, h);                                                             \
            if (fy != 2) {                                                                                          \
                half_##N(other, MAX_BLOCK, in + (fy == 3) * stride, stride, 1, h);                                  \
                average_##N(out, out_stride, out, out_stride, other, MAX_BLOCK, h);                                 \
            } else if (fx != 2) {                                                                                   \
                half_##N(other, MAX_BLOCK, in + (fx == 3), stride, stride, h);                                      \
                average_##N(out, out_stride, out, out_stride, other, MAX_BLOCK, h);                                 \
            }                                                                                                       \
        } else {                                                                                                    \
            half_##N(out, out_stride, in + (fy == 3) * stride, stride, 1, h);                                       \
            half_##N(other, MAX_BLOCK, in + (fx == 3), stride, stride, h);                                          \
            average_##N(out, out_stride, out, out_stride, other, MAX_BLOCK, h);                                     \
        }                                                                                                           \
    }                                                                                                               \
    INLINE void chroma_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t stride, int fx, int fy, \
                           int h) {                                                                                 \
        int16_t a = (int16_t)((8 - fx) * (8 - fy)), b = (int16_t)(fx * (8 - fy));                                   \
        int16_t c = (int16_t)((8 - fx) * fy), d = (int16_t)(fx * fy);                                               \
        for (int row = 0; row < h; row++, in += stride)                                                             \
            store_##N(out + row * out_stride, (load_##N(in) * a + load_##N(in + 1) * b + load_##N(in + stride) * c + \
                                               load_##N(in + stride + 1) * d + 32) >> 6);                           \
    }                                                                                                               \
    INLINE void bilinear_##N(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t stride, int fx,       \
                             int fy, int rounding, int h) {                                                         \
        int16_t two = (int16_t)(1 - rounding), four = (int16_t)(2 - rounding);                                      \
        ptrdiff_t step = fx ? 1 : stride;                                                                           \
        for (int row = 0; row < h; row++, in += stride) {                                                           \
            I16 sum = load_##N(in) + load_##N(in + step);                                                           \
            I16 value = fx && fy ? (sum + load_##N(in + stride) + load_##N(in + stride + 1) + four) >> 2            \
                                 : (sum + two) >> 1;                                                                \
            store_##N(out + row * out_stride, value);                                                               \
        }                                                                                                           \
    }

FILTERS(16, u8x16, i16x16, i32x16)
FILTERS(8, u8x8, i16x8, i32x8)

// Widths other than 8 and 16 are computed 8 or 16 wide into a patch and cut: rare (small blocks, picture edges).
INLINE int is_wide(int w) { return w == 16 || w == 8; }

KERNEL void pframe_predict_luma(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w,
                                int h) {
    uint8_t patch[(MAX_BLOCK + REACH) * PATCH_STRIDE];
    uint8_t wide[MAX_BLOCK * MAX_BLOCK];
    int fx = x & 3, fy = y & 3;
    x >>= 2;
    y >>= 2;
    if (!(fx | fy)) {
        view in = source_view(reference, x, y, w, h, patch);
        copy_rows(out, out_stride, in.base, in.stride, w, h);
        return;
    }
    int full = w <= 8 ? 8 : 16;
    view in = source_view(reference, x - BEFORE, y - BEFORE, full + REACH, h + REACH, patch);
    const uint8_t *start = in.base + BEFORE * in.stride + BEFORE;
    if (w == 16) {
        luma_16(out, out_stride, start, in.stride, fx, fy, h);
    } else if (w == 8) {
        luma_8(out, out_stride, start, in.stride, fx, fy, h);
    } else {
        if (full == 16) luma_16(wide, MAX_BLOCK, start, in.stride, fx, fy, h);
        else luma_8(wide, MAX_BLOCK, start, in.stride, fx, fy, h);
        copy_rows(out, out_stride, wide, MAX_BLOCK, w, h);
    }
}

KERNEL void pframe_predict_chroma(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w,
                                  int h) {
    uint8_t patch[(MAX_BLOCK + REACH) * PATCH_STRIDE];
    uint8_t wide[MAX_BLOCK * MAX_BLOCK];
    int fx = x & 7, fy = y & 7;
    x >>= 3;
    y >>= 3;
    if (!(fx | fy)) {
        view in = source_view(reference, x, y, w, h, patch);
        copy_rows(out, out_stride, in.base, in.stride, w, h);
        return;
    }
    int full = w <= 8 ? 8 : 16;
    view in = source_view(reference, x, y, full + 1, h + 1, patch);
    if (w == 16) {
        chroma_16(out, out_stride, in.base, in.stride, fx, fy, h);
    } else if (w == 8) {
        chroma_8(out, out_stride, in.base, in.stride, fx, fy, h);
    } else {
        if (full == 16) chroma_16(wide, MAX_BLOCK, in.base, in.stride, fx, fy, h);
        else chroma_8(wide, MAX_BLOCK, in.base, in.stride, fx, fy, h);
        copy_rows(out, out_stride, wide, MAX_BLOCK, w, h);
    }
}

KERNEL void pframe_predict_half(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w,
                                int h, int rounding) {
    uint8_t patch[(MAX_BLOCK + REACH) * PATCH_STRIDE];
    uint8_t wide[MAX_BLOCK * MAX_BLOCK];
    int fx = x & 1, fy = y & 1;
    x >>= 1;
    y >>= 1;
    if (!(fx | fy)) {
        view in = source_view(reference, x, y, w, h, patch);
        copy_rows(out, out_stride, in.base, in.stride, w, h);
        return;
    }
    int full = is_wide(w) ? w : 16;
    view in = source_view(reference, x, y, full + 1, h + 1, patch);
    if (w == 16) {
        bilinear_16(out, out_stride, in.base, in.stride, fx, fy, rounding, h);
    } else if (w == 8) {
        bilinear_8(out, out_stride, in.base, in.stride, fx, fy, rounding, h);
    } else {
        bilinear_16(wide, MAX_BLOCK, in.base, in.stride, fx, fy, rounding, h);
        copy_rows(out, out_stride, wide, MAX_BLOCK, w, h);
    }
}

KERNEL void pframe_average(uint8_t *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b,
                           ptrdiff_t b_stride, int w, int h) {
    if (w == 16) {
        average_16(out, out_stride, a, a_stride, b, b_stride, h);
    } else if (w == 8) {
        average_8(out, out_stride, a, a_stride, b, b_stride, h);
    } else {
        for (int row = 0; row < h; row++)
            for (int column = 0; column < w; column++)
                out[row * out_stride + column] =
                    (uint8_t)((a[row * a_stride + column] + b[row * b_stride + column] + 1) >> 1);
    }
}

INLINE uint8_t clip_byte(int value) { return (uint8_t)clamp(value, 255); }

KERNEL void pframe_weigh(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t in_stride, int w, int h,
                         int weight, int offset, int shift) {
    int rounding = shift > 0 ? 1 << (shift - 1) : 0;
    for (int row = 0; row < h; row++)
        for (int column = 0; column < w; column++)
            out[row * out_stride + column] =
                clip_byte(((in[row * in_stride + column] * weight + rounding) >> shift) + offset);
}

KERNEL void pframe_weigh_pair(uint8_t *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t a_stride,
                              const uint8_t *b, ptrdiff_t b_stride, int w, int h, int first, int second, int offset,
                              int shift) {
    for (int row = 0; row < h; row++)
        for (int column = 0; column < w; column++)
            out[row * out_stride + column] = clip_byte(
                ((a[row * a_stride + column] * first + b[row * b_stride + column] * second + (1 << shift)) >>
                 (shift + 1)) +
                offset);
}
