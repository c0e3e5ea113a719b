// libjpeg behind two functions: its errors use setjmp/longjmp, which must not cross Swift frames.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PFRAME_JPEG_MESSAGE_SIZE 256

/// Encodes RGB pixels (H, W, 3) as a baseline JPEG. Returns 0, or -1 with `message` filled.
/// On success the caller frees `*out` with `free`.
int pframe_jpeg_encode(const uint8_t *_Nonnull rgb, int width, int height, int quality,
                       uint8_t *_Nullable *_Nonnull out, size_t *_Nonnull out_size, char *_Nonnull message);

/// Decodes a JPEG to RGB pixels (H, W, 3). Returns 0, or -1 with `message` filled (a truncated file is an error).
/// On success the caller frees `*out` with `free`.
int pframe_jpeg_decode(const uint8_t *_Nonnull data, size_t size, uint8_t *_Nullable *_Nonnull out,
                       int *_Nonnull width, int *_Nonnull height, char *_Nonnull message);
