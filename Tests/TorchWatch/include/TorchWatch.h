// What libtorch is asked to do: for tests that look at the types of its arguments.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

// Calls `seen` with every operation that libtorch runs on this thread from now on, but for those that one of its own
// operations consists of: the name, and the types of those arguments that are tensors of floating point, such as
// "BFloat16 Float".
void tw_begin(void (*seen)(void *context, const char *name, const char *types), void *context);
void tw_end(void);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
