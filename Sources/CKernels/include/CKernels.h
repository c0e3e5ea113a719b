// The hottest pixel kernels: C with run-time dispatch, mostly 1.5 to 6 times as fast as Swift loops compiled for baseline
// x86-64 (the kernel benchmark prints both). Each has a plain Swift reference of the same meaning, in
// MotionVectors/PlainKernels.swift or beside its tests (DatasetTests/PlainContent.swift), and is tested against it.
//
// Positions are absolute in the reference plane; pixels outside it take the value of the nearest edge pixel.
// No alignment is asked for. Functions touch nothing but what their arguments describe.
#pragma once

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A plane to predict from.
typedef struct {
    const uint8_t *base;
    ptrdiff_t stride;
    int width;
    int height;
} pframe_plane;

/// H.264 luma inter prediction (8.4.2.2.1): the block at (x, y) in quarter pixels, w×h pixels, w and h at most 16.
void pframe_predict_luma(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w, int h);

/// H.264 chroma inter prediction (8.4.2.2.2): the block at (x, y) in eighth pixels, w and h at most 16.
void pframe_predict_chroma(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w, int h);

/// MPEG half-pel bilinear prediction: the block at (x, y) in half pixels, w and h at most 16; `rounding` is
/// vop_rounding_type, 0 or 1.
void pframe_predict_half(uint8_t *out, ptrdiff_t out_stride, pframe_plane reference, int x, int y, int w, int h,
                         int rounding);

/// (a + b + 1) >> 1 of two blocks.
void pframe_average(uint8_t *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b,
                    ptrdiff_t b_stride, int w, int h);

/// H.264 explicit weighted prediction from one list (8.4.2.3.2): `((in · weight + 2^(shift − 1)) >> shift) + offset`, without
/// the rounding where `shift` is 0, clipped to 0…255. `weight` is −128…128, `offset` −128…127, `shift` 0…7.
void pframe_weigh(uint8_t *out, ptrdiff_t out_stride, const uint8_t *in, ptrdiff_t in_stride, int w, int h, int weight,
                  int offset, int shift);

/// The same from two lists: `((a · first + b · second + 2^shift) >> (shift + 1)) + offset`, clipped to 0…255.
void pframe_weigh_pair(uint8_t *out, ptrdiff_t out_stride, const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b,
                       ptrdiff_t b_stride, int w, int h, int first, int second, int offset, int shift);

/// Sum of absolute differences of two w×h blocks.
uint32_t pframe_sad(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h);

/// Sum of squared differences of two blocks of h rows of w bytes, w·h at most 2¹⁶.
uint32_t pframe_sse(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h);

/// Sum of absolute differences of a block to the average (a + b + 1) >> 1 of two others.
uint32_t pframe_sad_average(const uint8_t *block, ptrdiff_t block_stride, const uint8_t *a, ptrdiff_t a_stride,
                            const uint8_t *b, ptrdiff_t b_stride, int w, int h);

/// residual = frame − prediction, a row of `count` pixels.
void pframe_subtract(int16_t *residual, const uint8_t *frame, const uint8_t *prediction, size_t count);

/// frame = prediction + residual modulo 256, a row of `count` pixels.
void pframe_add(uint8_t *frame, const uint8_t *prediction, const int16_t *residual, size_t count);

/// Sum of absolute values.
uint64_t pframe_sum_magnitude(const int16_t *values, size_t count);

/// How 8-bit YCbCr becomes RGB: factors in 2⁻¹³, the luma offset in eighths (libswscale's `ff_yuv2rgb_init_x86`).
typedef struct {
    int16_t luma_offset;
    int16_t luma;
    int16_t cb_blue;
    int16_t cb_green;
    int16_t cr_green;
    int16_t cr_red;
} pframe_yuv_matrix;

/// A row of 4:2:0 or 4:2:2 samples as pixels of 32 bits, blue lowest and 0 on top; `u` and `v` hold ceil(count / 2)
/// samples. The arithmetic of libswscale's x86 `yuv420_bgr24`, bit for bit.
void pframe_yuv_to_pixels(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v, size_t count,
                          const pframe_yuv_matrix *matrix);

/// The same of the pixels at `columns` only: for when they are few.
void pframe_pick_yuv_pixels(uint32_t *out, const uint8_t *y, const uint8_t *u, const uint8_t *v, const int32_t *columns,
                            size_t count, const pframe_yuv_matrix *matrix);

/// A row of BGR24 as pixels of 32 bits, blue lowest and 0 on top.
void pframe_bgr_to_pixels(uint32_t *out, const uint8_t *bgr, size_t count);

/// out[x] = row[columns[x]].
void pframe_pick_pixels(uint32_t *out, const uint32_t *row, const int32_t *columns, size_t count);

/// Bilinear interpolation of pixels as OpenCV's `INTER_LINEAR` does it. Weights are in 2⁻¹¹, one a channel, padded to
/// whole fours of pixels: those of a1 over a0 and of b1 over b0 in `first`, at most 1024; those of b over a in `second`,
/// at most 2048.
void pframe_blend_pixels(uint32_t *out, const uint32_t *a0, const uint32_t *a1, const uint32_t *b0, const uint32_t *b1,
                         const int16_t *first, const int16_t *second, size_t count);

/// 8-bit hue (0…179), saturation and value of pixels of 32 bits, blue lowest: OpenCV's `COLOR_BGR2HSV`.
void pframe_pixels_to_hsv(uint8_t *hue, uint8_t *saturation, uint8_t *value, const uint32_t *pixels, size_t count);

#pragma clang assume_nonnull end
