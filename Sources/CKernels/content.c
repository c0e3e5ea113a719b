#include "CKernels.h"
#include "dispatch.h"

typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));

enum { BLOCK = 16, CHROMA = BLOCK / 2 };

// pmulhw: the upper half of the 32-bit product.
INLINE i16x16 high_16(i16x16 a, int16_t b) {
    i16x16 factor = (i16x16){0} + b;
    i32x16 product = __builtin_convertvector(a, i32x16) * __builtin_convertvector(factor, i32x16);
    return __builtin_convertvector(product >> 16, i16x16);
}

INLINE i16x8 high_8(i16x8 a, int16_t b) {
    i16x8 factor = (i16x8){0} + b;
    i32x8 product = __builtin_convertvector(a, i32x8) * __builtin_convertvector(factor, i32x8);
    return __builtin_convertvector(product >> 16, i16x8);
}

INLINE i16x16 twice(i16x8 a) {
    return __builtin_shufflevector(a, a, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

INLINE i16x16 limited(i16x16 a) {
    return __builtin_elementwise_min(__builtin_elementwise_max(a, (i16x16){0}), (i16x16){0} + 255);
}

INLINE void store_pixels(uint32_t *out, i16x16 b, i16x16 g, i16x16 r) {
    i16x16 low = limited(b) | limited(g) << 8, high = limited(r);
    i16x16 halves[2] = {
        __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    };
    memcpy(out, halves, sizeof halves);
}

INLINE i16x16 load_bytes(const uint8_t *p) {
    u8x16 bytes;
    memcpy(&bytes, p, sizeof bytes);
    return __builtin_convertvector(bytes, i16x16);
}

// Samples are taken eightfold less their offset: luma in −128…2040, chroma in −1024…1016; sums stay within ±1000.
INLINE void convert_block(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v, pframe_yuv_matrix matrix) {
    u8x8 blue, red;
    memcpy(&blue, u, sizeof blue);
    memcpy(&red, v, sizeof red);
    i16x16 grey = high_16(load_bytes(y) * 8 - matrix.luma_offset, matrix.luma);
    i16x8 cb = __builtin_convertvector(blue, i16x8) * 8 - 1024, cr = __builtin_convertvector(red, i16x8) * 8 - 1024;
    store_pixels(out, grey + twice(high_8(cb, matrix.cb_blue)),
                 grey + twice(high_8(cb, matrix.cb_green) + high_8(cr, matrix.cr_green)),
                 grey + twice(high_8(cr, matrix.cr_red)));
}

KERNEL void pframe_yuv_to_pixels(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v, size_t count,
                                 const pframe_yuv_matrix *matrix) {
    pframe_yuv_matrix own = *matrix;
    size_t whole = count / BLOCK * BLOCK, rest = count - whole;
    for (size_t x = 0; x < whole; x += BLOCK) convert_block(out + x, y + x, u + x / 2, v + x / 2, own);
    if (!rest) return;
    uint8_t last[BLOCK] = {0}, blue[CHROMA] = {0}, red[CHROMA] = {0};
    uint32_t pixels[BLOCK];
    memcpy(last, y + whole, rest);
    memcpy(blue, u + whole / 2, (rest + 1) / 2);
    memcpy(red, v + whole / 2, (rest + 1) / 2);
    convert_block(pixels, last, blue, red, own);
    memcpy(out + whole, pixels, rest * sizeof *pixels);
}

// As convert_block, of a chroma sample a pixel.
INLINE void convert_picked(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v, pframe_yuv_matrix matrix) {
    i16x16 grey = high_16(load_bytes(y) * 8 - matrix.luma_offset, matrix.luma);
    i16x16 cb = load_bytes(u) * 8 - 1024, cr = load_bytes(v) * 8 - 1024;
    store_pixels(out, grey + high_16(cb, matrix.cb_blue),
                 grey + high_16(cb, matrix.cb_green) + high_16(cr, matrix.cr_green),
                 grey + high_16(cr, matrix.cr_red));
}

KERNEL void pframe_pick_yuv_pixels(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v,
                                   const int32_t *columns, size_t count, const pframe_yuv_matrix *matrix) {
    pframe_yuv_matrix own = *matrix;
    uint8_t luma[BLOCK] = {0}, blue[BLOCK] = {0}, red[BLOCK] = {0};
    uint32_t pixels[BLOCK];
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t width = count - start < BLOCK ? count - start : BLOCK;
        for (size_t x = 0; x < width; x++) {
            int32_t column = columns[start + x];
            luma[x] = y[column];
            blue[x] = u[column >> 1];
            red[x] = v[column >> 1];
        }
        if (width == BLOCK) {
            convert_picked(out + start, luma, blue, red, own);
        } else {
            convert_picked(pixels, luma, blue, red, own);
            memcpy(out + start, pixels, width * sizeof *pixels);
        }
    }
}

KERNEL void pframe_bgr_to_pixels(uint32_t *out, const uint8_t *bgr, size_t count) {
    for (size_t x = 0; x < count; x++)
        out[x] = bgr[3 * x] | (uint32_t)bgr[3 * x + 1] << 8 | (uint32_t)bgr[3 * x + 2] << 16;
}

void pframe_pick_pixels(uint32_t *out, const uint32_t *row, const int32_t *columns, size_t count) {
    for (size_t x = 0; x < count; x++) out[x] = row[columns[x]];
}

INLINE i16x16 load_words(const int16_t *p) {
    i16x16 words;
    memcpy(&words, p, sizeof words);
    return words;
}

INLINE i16x16 high_words(i16x16 a, i16x16 b) {
    i32x16 product = __builtin_convertvector(a, i32x16) * __builtin_convertvector(b, i32x16);
    return __builtin_convertvector(product >> 16, i16x16);
}

// A sixteenth of p0 · (2048 − w) + p1 · w, which is 128 · p0 + ((p1 − p0) · w >> 4), with the product as pmulhw of
// (p0 − p1) · 128, in ±32640, and −32 · w, in −32768…0.
INLINE i16x16 first_step(const uint8_t *p0, const uint8_t *p1, i16x16 weights) {
    i16x16 near = load_bytes(p0);
    return near * 128 + high_words((near - load_bytes(p1)) * 128, weights * -32);
}

INLINE void blend_block(uint32_t *out, const uint32_t *a0, const uint32_t *a1, const uint32_t *b0, const uint32_t *b1,
                        const int16_t *first, const int16_t *second) {
    i16x16 weights = load_words(first), across = load_words(second);
    i16x16 a = first_step((const uint8_t *)a0, (const uint8_t *)a1, weights);
    i16x16 b = first_step((const uint8_t *)b0, (const uint8_t *)b1, weights);
    i16x16 sum = high_words(a, 2048 - across) + high_words(b, across);
    u8x16 bytes = __builtin_convertvector((sum + 2) >> 2, u8x16);
    memcpy(out, &bytes, sizeof bytes);
}

KERNEL void pframe_blend_pixels(uint32_t *out, const uint32_t *a0, const uint32_t *a1, const uint32_t *b0,
                                const uint32_t *b1, const int16_t *first, const int16_t *second, size_t count) {
    enum { STEP = 4 };
    size_t whole = count / STEP * STEP, rest = (count - whole) * sizeof *out;
    for (size_t x = 0; x < whole; x += STEP)
        blend_block(out + x, a0 + x, a1 + x, b0 + x, b1 + x, first + 4 * x, second + 4 * x);
    if (!rest) return;
    uint32_t last[4][STEP] = {{0}}, result[STEP];
    memcpy(last[0], a0 + whole, rest);
    memcpy(last[1], a1 + whole, rest);
    memcpy(last[2], b0 + whole, rest);
    memcpy(last[3], b1 + whole, rest);
    blend_block(result, last[0], last[1], last[2], last[3], first + 4 * whole, second + 4 * whole);
    memcpy(out + whole, result, rest);
}

// cvRound(scale / n): half to even, by a float too large for a fraction. No quotient lies near a half, so that single
// precision rounds as double does. Products of the quotients with their numerators stay below 2²⁴: floats hold them.
INLINE f32x8 quotient(float scale, i32x8 n) {
    float large = 0x1.8p23f;
    return (scale / __builtin_convertvector(n, f32x8) + large) - large;
}

INLINE i32x8 choose(i32x8 mask, i32x8 yes, i32x8 no) { return (mask & yes) | (~mask & no); }

typedef struct {
    i32x8 hue, saturation, value;
} hsv;

INLINE hsv convert_pixels(u32x8 pixels) {
    i32x8 all = (i32x8)pixels;
    i32x8 b = all & 255, g = all >> 8 & 255, r = all >> 16 & 255;
    i32x8 value = __builtin_elementwise_max(__builtin_elementwise_max(b, g), r);
    i32x8 range = value - __builtin_elementwise_min(__builtin_elementwise_min(b, g), r);
    i32x8 angle = choose(value == r, g - b, choose(value == g, b - r + 2 * range, r - g + 4 * range));
    // Where value or range is 0, so is what it would divide.
    i32x8 one = (i32x8){0} + 1;
    f32x8 saturation = quotient(255 << 12, __builtin_elementwise_max(value, one));
    f32x8 hue = quotient(30 << 12, __builtin_elementwise_max(range, one));
    saturation = saturation * __builtin_convertvector(range, f32x8) + 2048.0f;
    // A turn more, so that truncation rounds down.
    hue = hue * __builtin_convertvector(angle, f32x8) + (float)((180 << 12) + 2048);
    i32x8 turned = (__builtin_convertvector(hue, i32x8) >> 12) - 180;
    return (hsv){turned + ((turned >> 31) & 180), __builtin_convertvector(saturation, i32x8) >> 12, value};
}

INLINE void store_bytes(uint8_t *out, i32x8 low, i32x8 high) {
    i32x16 all = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    u8x16 bytes = __builtin_convertvector(all, u8x16);
    memcpy(out, &bytes, sizeof bytes);
}

INLINE void hsv_block(uint8_t *hue, uint8_t *saturation, uint8_t *value, const uint32_t *pixels) {
    u32x8 halves[2];
    memcpy(halves, pixels, sizeof halves);
    hsv low = convert_pixels(halves[0]), high = convert_pixels(halves[1]);
    store_bytes(hue, low.hue, high.hue);
    store_bytes(saturation, low.saturation, high.saturation);
    store_bytes(value, low.value, high.value);
}

KERNEL void pframe_pixels_to_hsv(uint8_t *hue, uint8_t *saturation, uint8_t *value, const uint32_t *pixels,
                                 size_t count) {
    size_t whole = count / BLOCK * BLOCK, rest = count - whole;
    for (size_t x = 0; x < whole; x += BLOCK) hsv_block(hue + x, saturation + x, value + x, pixels + x);
    if (!rest) return;
    uint32_t last[BLOCK] = {0};
    uint8_t planes[3][BLOCK];
    memcpy(last, pixels + whole, rest * sizeof *pixels);
    hsv_block(planes[0], planes[1], planes[2], last);
    memcpy(hue + whole, planes[0], rest);
    memcpy(saturation + whole, planes[1], rest);
    memcpy(value + whole, planes[2], rest);
}
