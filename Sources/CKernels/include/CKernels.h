// The hottest pixel kernels: C with run-time dispatch, mostly 1.5 to 6 times as fast as Swift loops compiled for baseline
// x86-64 (the kernel benchmark prints both). Each has a plain Swift reference of the same
// meaning in MotionVectors/PlainKernels.swift, and is tested against it.
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

/// Sum of absolute differences of two w×h blocks.
uint32_t pframe_sad(const uint8_t *a, ptrdiff_t a_stride, const uint8_t *b, ptrdiff_t b_stride, int w, int h);

/// Sum of absolute differences of a block to the average (a + b + 1) >> 1 of two others.
uint32_t pframe_sad_average(const uint8_t *block, ptrdiff_t block_stride, const uint8_t *a, ptrdiff_t a_stride,
                            const uint8_t *b, ptrdiff_t b_stride, int w, int h);

/// residual = frame − prediction, a row of `count` pixels.
void pframe_subtract(int16_t *residual, const uint8_t *frame, const uint8_t *prediction, size_t count);

/// frame = prediction + residual modulo 256, a row of `count` pixels.
void pframe_add(uint8_t *frame, const uint8_t *prediction, const int16_t *residual, size_t count);

/// Sum of absolute values.
uint64_t pframe_sum_magnitude(const int16_t *values, size_t count);

#pragma clang assume_nonnull end
