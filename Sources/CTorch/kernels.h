// What the kernels for the CPU share: a clone for each level of x86-64, elements of two types, and an exponential that
// the compiler can vectorise.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !__has_feature(thread_sanitizer)
#define CT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CT_CLONES
#endif
#define CT_INLINE static inline __attribute__((always_inline))

namespace ct {

using BFloat16 = uint16_t;

CT_INLINE float load(float value) { return value; }

CT_INLINE float load(BFloat16 value) {
    uint32_t bits = uint32_t(value) << 16;
    float result;
    memcpy(&result, &bits, 4);
    return result;
}

CT_INLINE void store(float &target, float value) { target = value; }

// To the nearest, ties to even; rounding up would carry some NaNs over into numbers.
CT_INLINE void store(BFloat16 &target, float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    target = BFloat16(value != value ? 0x7fc0 : rounded);
}

// e^x within 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]. Below -87 it is 0, from 88 on
// e^88; NaN stays NaN.
CT_INLINE float exponential(float x) {
    float capped = x > 88.0f ? 88.0f : x;
    // Adding and taking away 1.5 · 2^23 rounds to a whole number.
    float n = capped * 1.44269504088896341f + 12582912.0f;
    uint32_t whole;
    memcpy(&whole, &n, 4);
    n -= 12582912.0f;
    float r = capped - n * 0.693145751953125f - n * 1.42860682030941723e-6f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits = (whole - 0x4B400000 + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return x < -87.0f ? 0.0f : p * power;
}

// Sixteen numbers; loops over vectors have no remainder, and their sums an order that no compiler changes.
using Lanes = float __attribute__((ext_vector_type(16)));
constexpr int64_t lanes = 16;

// The next multiple of `lanes`.
CT_INLINE int64_t padded(int64_t count) { return (count + lanes - 1) / lanes * lanes; }

// The next multiple of 4.
CT_INLINE int64_t quads(int64_t count) { return (count + 3) / 4 * 4; }

// By reference, because what a function takes and gives in registers depends on the level of x86-64.
CT_INLINE void loadLanes(Lanes &target, const float *source) { memcpy(&target, source, sizeof target); }
CT_INLINE void storeLanes(float *target, const Lanes &value) { memcpy(target, &value, sizeof value); }

// The greatest of `count` numbers, a multiple of `lanes`; NaNs are passed over.
CT_INLINE float highest(const float *x, int64_t count) {
    float best[lanes];
    for (int64_t l = 0; l < lanes; ++l) best[l] = -INFINITY;
    for (int64_t i = 0; i < count; i += lanes) {
        for (int64_t l = 0; l < lanes; ++l) best[l] = best[l] < x[i + l] ? x[i + l] : best[l];
    }
    for (int64_t half = lanes / 2; half > 0; half /= 2) {
        for (int64_t l = 0; l < half; ++l) best[l] = best[l] < best[half + l] ? best[half + l] : best[l];
    }
    return best[0];
}

// The sum of `count` products, a multiple of `lanes`.
CT_INLINE float dot(const float *x, const float *y, int64_t count) {
    float sums[lanes];
    for (int64_t l = 0; l < lanes; ++l) sums[l] = 0;
    for (int64_t i = 0; i < count; i += lanes) {
        for (int64_t l = 0; l < lanes; ++l) sums[l] += x[i + l] * y[i + l];
    }
    for (int64_t half = lanes / 2; half > 0; half /= 2) {
        for (int64_t l = 0; l < half; ++l) sums[l] += sums[half + l];
    }
    return sums[0];
}

// x becomes exp(x - high) over its sum, for `count` numbers, a multiple of `lanes`; -∞ becomes 0.
CT_INLINE void softmax(float *x, int64_t count, float factor = 1) {
    float high = highest(x, count);
    float sums[lanes];
    for (int64_t l = 0; l < lanes; ++l) sums[l] = 0;
    for (int64_t i = 0; i < count; i += lanes) {
        for (int64_t l = 0; l < lanes; ++l) {
            x[i + l] = exponential(x[i + l] - high);
            sums[l] += x[i + l];
        }
    }
    for (int64_t half = lanes / 2; half > 0; half /= 2) {
        for (int64_t l = 0; l < half; ++l) sums[l] += sums[half + l];
    }
    float share = factor / sums[0];
    for (int64_t i = 0; i < count; ++i) x[i] *= share;
}

// out (rows, columns) = a (rows, inner) · b (inner, columns), added to what is there where `adds`; `columns` is a
// multiple of `lanes`, `rows` of 4, and element (i, j) of a lies at a[i · down + j · right].
template <bool adds = false>
CT_INLINE void multiply(
    const float *a, int64_t down, int64_t right, const float *b, float *out, int64_t rows, int64_t inner,
    int64_t columns) {
    for (int64_t c = 0; c < columns; c += lanes) {
        for (int64_t i = 0; i < rows; i += 4) {
            const float *first = a + i * down;
            float *target = out + i * columns + c;
            Lanes row, sum0 = 0.0f, sum1 = 0.0f, sum2 = 0.0f, sum3 = 0.0f;
            if (adds) {
                loadLanes(sum0, target);
                loadLanes(sum1, target + columns);
                loadLanes(sum2, target + 2 * columns);
                loadLanes(sum3, target + 3 * columns);
            }
            for (int64_t j = 0; j < inner; ++j) {
                loadLanes(row, b + j * columns + c);
                sum0 += first[j * right] * row;
                sum1 += first[j * right + down] * row;
                sum2 += first[j * right + 2 * down] * row;
                sum3 += first[j * right + 3 * down] * row;
            }
            storeLanes(target, sum0);
            storeLanes(target + columns, sum1);
            storeLanes(target + 2 * columns, sum2);
            storeLanes(target + 3 * columns, sum3);
        }
    }
}

// `rows` rows of `width` elements, `stride` apart, as quads(rows) rows of padded(width) floats with zeros behind.
template <typename T>
CT_INLINE void gather(const T *source, int64_t stride, int64_t rows, int64_t width, float *target) {
    int64_t columns = padded(width);
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t c = 0; c < width; ++c) target[i * columns + c] = load(source[i * stride + c]);
        for (int64_t c = width; c < columns; ++c) target[i * columns + c] = 0;
    }
    for (int64_t place = rows * columns; place < quads(rows) * columns; ++place) target[place] = 0;
}

// (rows, columns) as (`width`, padded(rows)) with zeros behind; `columns` is padded(width).
CT_INLINE void transpose(const float *source, int64_t rows, int64_t width, float *target) {
    int64_t columns = padded(width), length = padded(rows);
    for (int64_t c = 0; c < width; ++c) {
        for (int64_t i = 0; i < rows; ++i) target[c * length + i] = source[i * columns + c];
        for (int64_t i = rows; i < length; ++i) target[c * length + i] = 0;
    }
}

// The inverse of `gather`.
template <typename T>
CT_INLINE void scatter(const float *source, int64_t stride, int64_t rows, int64_t width, T *target) {
    int64_t columns = padded(width);
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t c = 0; c < width; ++c) store(target[i * stride + c], source[i * columns + c]);
    }
}

CT_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

} // namespace ct
