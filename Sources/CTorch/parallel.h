// Loops on the threads of libtorch. at::parallel_for runs on one where a file is compiled without OpenMP.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace ct {

// Calls body(context, begin, end) for ranges that make up 0..<count, each of at least `grain` but the last.
void parallelRanges(
    int64_t count, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end), void *context);

// Calls body(begin, end) for such ranges. Which thread takes which, and how many there are, must not matter.
template <typename Body> void parallel(int64_t count, int64_t grain, Body &&body) {
    auto call = [](void *context, int64_t begin, int64_t end) {
        (*static_cast<std::remove_reference_t<Body> *>(context))(begin, end);
    };
    parallelRanges(count, grain, call, std::addressof(body));
}

} // namespace ct
