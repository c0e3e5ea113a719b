// Versions, threads, devices, errors, and the count of operations.
#include "internal.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>
#include <cpuinfo.h>
#include <dlfcn.h>
#include <climits>
#include <malloc.h>

namespace ct {

namespace {
thread_local std::string message;
thread_local ct_flops flops{};

std::string firstLine(const char *text) {
    std::string line(text);
    auto end = line.find('\n');
    return end == std::string::npos ? line : line.substr(0, end);
}
} // namespace

ct_status failed() noexcept {
    try {
        try {
            throw;
        } catch (const c10::OutOfMemoryError &error) {
            message = firstLine(error.what_without_backtrace());
            return CT_OUT_OF_MEMORY;
        } catch (const c10::Error &error) {
            message = firstLine(error.what_without_backtrace());
            // The allocator of the CPU has no exception type of its own.
            return message.find("DefaultCPUAllocator") == std::string::npos ? CT_FAILED : CT_OUT_OF_MEMORY;
        } catch (const std::bad_alloc &) {
            message = "out of memory";
            return CT_OUT_OF_MEMORY;
        } catch (const std::exception &error) {
            message = firstLine(error.what());
            return CT_FAILED;
        } catch (...) {
            message = "libtorch failed without a message";
            return CT_FAILED;
        }
    } catch (...) {
        // There was no memory for the message.
        return CT_OUT_OF_MEMORY;
    }
}

void count(double operations, int gradients) noexcept {
    flops.forward += operations;
    flops.backward += operations * gradients;
}

void keep(const at::Tensor &result) noexcept {
    if (at::GradMode::is_enabled()) flops.bytes += double(result.nbytes());
}

at::Tensor shapeOnly(at::IntArrayRef sizes, const at::Tensor &like, bool needsGradient) {
    auto result = at::empty(sizes, like.options().requires_grad(false));
    return needsGradient ? result.set_requires_grad(true) : result;
}

at::ScalarType scalarType(ct_type type) {
    switch (type) {
    case CT_FLOAT32: return at::kFloat;
    case CT_FLOAT16: return at::kHalf;
    case CT_BFLOAT16: return at::kBFloat16;
    case CT_FLOAT64: return at::kDouble;
    case CT_INT64: return at::kLong;
    case CT_INT32: return at::kInt;
    case CT_INT16: return at::kShort;
    case CT_INT8: return at::kChar;
    case CT_UINT8: return at::kByte;
    case CT_BOOL: return at::kBool;
    }
    TORCH_CHECK(false, "no such element type: ", int(type));
}

at::Device device(ct_device device) {
    switch (device.kind) {
    case CT_CPU: return at::Device(at::kCPU);
    case CT_CUDA: return at::Device(at::kCUDA, c10::DeviceIndex(device.index));
    case CT_META: return at::Device(at::kMeta);
    }
    TORCH_CHECK(false, "no such device: ", int(device.kind));
}

} // namespace ct

const char *ct_message(void) { return ct::message.c_str(); }

#define CT_TEXT_OF(x) #x
#define CT_TEXT(x) CT_TEXT_OF(x)
const char *ct_version(void) {
    return CT_TEXT(TORCH_VERSION_MAJOR) "." CT_TEXT(TORCH_VERSION_MINOR) "." CT_TEXT(TORCH_VERSION_PATCH);
}

void ct_set_threads(int32_t count) { at::set_num_threads(count); }
int32_t ct_threads(void) { return at::get_num_threads(); }

ct_status ct_cuda_devices(int32_t *count) {
    return ct::guarded([&] {
        // The CPU build has no such file, so this cannot be linked.
        const char *half = "libtorch_cuda.so";
        if (!dlopen(half, RTLD_NOW | RTLD_GLOBAL)) {
            std::string reason = dlerror();
            TORCH_CHECK(reason.rfind(half, 0) != 0, "this libtorch was built without CUDA");
            TORCH_CHECK(
                false, "this libtorch lacks libraries of NVIDIA's (", reason, "): build with LIBTORCH=DIR of a PyTorch "
                "that pip installed with its dependencies");
        }
        TORCH_CHECK(c10::impl::hasDeviceGuardImpl(at::kCUDA), "this libtorch was built without CUDA");
        *count = c10::impl::getDeviceGuardImpl(at::kCUDA)->deviceCount();
        TORCH_CHECK(
            *count > 0, "no CUDA device was found: ",
            dlopen("libcuda.so.1", RTLD_NOW)
                ? "nvidia-smi lists the GPUs of a machine, and CUDA_VISIBLE_DEVICES limits those that a process sees"
                : "NVIDIA's driver (libcuda.so.1) is missing; install it, or start the container with its GPUs");
    });
}

ct_status ct_open_device(ct_device device) {
    // A step takes and gives back the same tensors again and again. Left to itself, glibc returns each to the kernel,
    // which clears its pages again: a third of the time of small models.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    if (device.kind != CT_CUDA) return CT_OK;
    int32_t count = 0;
    if (auto status = ct_cuda_devices(&count); status != CT_OK) return status;
    return ct::guarded([&] {
        TORCH_CHECK(device.index >= 0 && device.index < count, "there are ", count, " CUDA devices, from number 0");
        c10::impl::getDeviceGuardImpl(at::kCUDA)->setDevice(ct::device(device));
    });
}

bool ct_describe_device(ct_device device, char *name, int32_t capacity, int64_t *memory) {
    if (device.kind != CT_CUDA) return false;
    // The headers of libtorch alone say neither; the driver is there wherever a device is.
    void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    if (!driver) return false;
    auto initialise = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
    auto numbered = reinterpret_cast<int (*)(int *, int)>(dlsym(driver, "cuDeviceGet"));
    auto named = reinterpret_cast<int (*)(char *, int, int)>(dlsym(driver, "cuDeviceGetName"));
    auto sized = reinterpret_cast<int (*)(size_t *, int)>(dlsym(driver, "cuDeviceTotalMem_v2"));
    int found = 0;
    size_t bytes = 0;
    bool isKnown = initialise && numbered && named && sized && initialise(0) == 0 && numbered(&found, device.index) == 0
        && named(name, capacity, found) == 0 && sized(&bytes, found) == 0;
    *memory = int64_t(bytes);
    return isKnown;
}

ct_status ct_synchronize(ct_device device) {
    return ct::guarded([&] {
        if (device.kind != CT_CUDA) return;
        c10::impl::getDeviceGuardImpl(at::kCUDA)->synchronizeDevice(c10::DeviceIndex(device.index));
    });
}

int64_t ct_highest_memory(ct_device device) {
    int64_t bytes = 0;
    if (device.kind == CT_CUDA) {
        (void)ct::guarded([&] {
            auto all = size_t(c10::CachingAllocator::StatType::AGGREGATE);
            bytes = c10::getDeviceAllocator(at::kCUDA)->getDeviceStats(c10::DeviceIndex(device.index)).allocated_bytes[all].peak;
        });
    }
    return bytes;
}

bool ct_has_bfloat16(ct_device device) {
    if (device.kind != CT_CPU) return true;
    return cpuinfo_initialize() && (cpuinfo_has_x86_avx512bf16() || cpuinfo_has_x86_amx_bf16() || cpuinfo_has_arm_bf16());
}

ct_flops ct_flops_so_far(void) { return ct::flops; }
