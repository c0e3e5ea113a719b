// Loops on the threads of libtorch: those of GNU's OpenMP, which it brings along.
#include "parallel.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace {

using Region = void (*)(void (*)(void *), void *, unsigned, unsigned);

// Starts a parallel region, as compilers call it; there is none where libtorch has another OpenMP.
Region region() {
    static const auto found = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    return found;
}

struct Loop {
    int64_t count, step;
    void (*body)(void *, int64_t, int64_t);
    void *context;
    std::atomic<int64_t> next{0};
    std::atomic_flag hasFailed = ATOMIC_FLAG_INIT;
    std::exception_ptr failure;

    // Takes ranges until none is left. Nothing may be thrown through the region.
    void run() noexcept {
        try {
            for (int64_t begin; (begin = next.fetch_add(step)) < count;) {
                body(context, begin, std::min(begin + step, count));
            }
        } catch (...) {
            next = count;
            if (!hasFailed.test_and_set()) failure = std::current_exception();
        }
    }
};

} // namespace

namespace ct {

void parallelRanges(int64_t count, int64_t grain, void (*body)(void *, int64_t, int64_t), void *context) {
    if (count <= 0) return;
    int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
    if (threads <= 1 || !region() || at::in_parallel_region()) return body(context, 0, count);
    // Several ranges a thread, for a thread may be held up.
    Loop loop{count, std::max(grain, (count + 4 * threads - 1) / (4 * threads)), body, context};
    region()([](void *loop) { static_cast<Loop *>(loop)->run(); }, &loop, unsigned(threads), 0);
    if (loop.failure) std::rethrow_exception(loop.failure);
}

} // namespace ct
