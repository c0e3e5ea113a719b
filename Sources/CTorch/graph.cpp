// Work that a CUDA device repeats by itself: CUDA graphs.
#include "internal.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace {

// libtorch's at::cuda::CUDAGraph, which also keeps the memory that the work takes. Its header needs CUDA's own headers, and
// the CPU build lacks its library. Its functions are therefore looked up by their names, with `this` as the first argument,
// as the C++ ABI of Linux has it.
struct Functions {
    void (*construct)(void *, bool);
    // A pool of memory, {0, 0} for a new one, and cudaStreamCaptureMode.
    void (*begin)(void *, std::pair<unsigned long long, unsigned long long>, int);
    void (*end)(void *);
    void (*replay)(void *);
    void (*destroy)(void *);

    Functions() {
        find(construct, "_ZN2at4cuda9CUDAGraphC1Eb");
        find(begin, "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
        find(end, "_ZN2at4cuda9CUDAGraph11capture_endEv");
        find(replay, "_ZN2at4cuda9CUDAGraph6replayEv");
        find(destroy, "_ZN2at4cuda9CUDAGraphD1Ev");
    }

private:
    template <typename Function> static void find(Function &function, const char *name) {
        // ct_cuda_devices has opened the library.
        void *library = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_NOLOAD);
        function = library ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
        TORCH_CHECK(function, "this libtorch has no ", name);
    }
};

} // namespace

struct ct_graph {
    explicit ct_graph(c10::Device device) : guard(*c10::impl::getDeviceGuardImpl(device.type())), device(device) {
        functions.construct(memory, /*keep_graph=*/false);
    }

    ct_graph(const ct_graph &) = delete;
    ct_graph &operator=(const ct_graph &) = delete;

    void begin() {
        // What lies idle in the allocator's cache shall serve the work, whose memory is apart from it.
        guard.synchronizeDevice(device.index());
        c10::getDeviceAllocator(device.type())->emptyCache();
        // The stream that CUDA begins with cannot be captured.
        before = guard.exchangeStream(guard.getStreamFromGlobalPool(device));
        functions.begin(memory, {0, 0}, /*cudaStreamCaptureModeGlobal=*/0);
    }

    void end() {
        auto own = std::exchange(before, std::nullopt);
        TORCH_CHECK(own, "no work is being recorded");
        try {
            functions.end(memory);
        } catch (...) {
            guard.exchangeStream(*own);
            throw;
        }
        guard.exchangeStream(*own);
    }

    ~ct_graph() {
        (void)ct::guarded([&] {
            if (before) end();
        });
        (void)ct::guarded([&] { guard.synchronizeDevice(device.index()); });
        functions.destroy(memory);
    }

    Functions functions;

private:
    const c10::impl::DeviceGuardImplInterface &guard;
    c10::Device device;
    // The stream to return to, while work is recorded.
    std::optional<c10::Stream> before;

public:
    // A CUDAGraph takes 104 bytes in libtorch 2.11 and 448 in 2.15.
    alignas(std::max_align_t) std::byte memory[4096];
};

ct_status ct_graph_begin(ct_device device, ct_graph **out) {
    return ct::guarded([&] {
        auto place = ct::device(device);
        TORCH_CHECK(place.is_cuda(), "only a CUDA device repeats work");
        auto graph = std::make_unique<ct_graph>(place);
        graph->begin();
        *out = graph.release();
    });
}

ct_status ct_graph_end(ct_graph *graph) {
    return ct::guarded([&] { graph->end(); });
}

ct_status ct_graph_replay(ct_graph *graph) {
    return ct::guarded([&] { graph->functions.replay(graph->memory); });
}

void ct_graph_free(ct_graph *graph) { delete graph; }
