// One binary for every x86-64: each exported kernel is compiled twice and chosen at load time.
#pragma once

#include <stdint.h>
#include <string.h>

// Vectors wider than the baseline's registers never cross a call: everything that handles them is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PFRAME_NO_CLONES 1
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(PFRAME_NO_CLONES)
#define KERNEL __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

// Inlined into each clone, so that it is compiled for that clone's instructions.
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
