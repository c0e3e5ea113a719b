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

// To the nearest, ties to even.
CT_INLINE void store(BFloat16 &target, float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    target = BFloat16((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// e^x within 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2].
CT_INLINE float exponential(float x) {
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    // Adding and taking away 1.5 · 2^23 rounds to a whole number.
    float n = x * 1.44269504088896341f + 12582912.0f;
    int32_t whole;
    memcpy(&whole, &n, 4);
    n -= 12582912.0f;
    float r = x - n * 0.693145751953125f - n * 1.42860682030941723e-6f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t bits = (whole - 0x4B400000 + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return p * power;
}

CT_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

} // namespace ct
