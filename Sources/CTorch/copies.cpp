// Copies between the host and devices, and the count of those that the host waits for.
#include "internal.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

struct ct_reading {
    at::Tensor host;
    // Of a copy that is queued on a device: when it has arrived.
    std::optional<c10::Event> arrival;
};

static thread_local ct_copies copies{};

ct_copies ct_copies_so_far(void) { return copies; }

ct_status ct_from_bytes(
    const void *bytes, size_t length, const int64_t *sizes, int32_t count, ct_type type, ct_device device, ct_tensor **out) {
    return ct::making(out, [&] {
        auto place = ct::device(device);
        // A GPU fetches page-locked memory by itself, and libtorch keeps the memory until then.
        auto options = at::TensorOptions().dtype(ct::scalarType(type)).pinned_memory(place.is_cuda());
        auto host = at::empty(at::IntArrayRef(sizes, count), options);
        TORCH_CHECK(host.nbytes() == length, "a tensor of ", host.nbytes(), " bytes from ", length);
        if (length > 0) memcpy(host.mutable_data_ptr(), bytes, length);
        ++copies.uploads;
        return place.is_cuda() ? ct::upload(host, place) : place.is_cpu() ? host : host.to(place);
    });
}

ct_status ct_to_bytes(const ct_tensor *tensor, void *bytes, size_t length) {
    return ct::guarded([&] {
        ++copies.waits;
        auto dense = tensor->value.detach().cpu().contiguous();
        TORCH_CHECK(dense.nbytes() == length, "a tensor of ", dense.nbytes(), " bytes into ", length);
        if (length > 0) memcpy(bytes, dense.const_data_ptr(), length);
    });
}

ct_status ct_set_bytes(ct_tensor *tensor, const void *bytes, size_t length) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        TORCH_CHECK(tensor->value.nbytes() == length, "a tensor of ", tensor->value.nbytes(), " bytes from ", length);
        if (length == 0) return;
        ++copies.waits;
        auto source = at::from_blob(const_cast<void *>(bytes), tensor->value.sizes(), tensor->value.scalar_type());
        tensor->value.copy_(source);
    });
}

void *ct_data(ct_tensor *tensor) {
    const auto &value = tensor->value;
    ++copies.waits;
    return value.is_cpu() && value.is_contiguous() ? value.mutable_data_ptr() : nullptr;
}

ct_status ct_convert(const ct_tensor *tensor, ct_type type, ct_device device, ct_tensor **out) {
    return ct::making(out, [&] {
        auto place = ct::device(device);
        if (place.type() != tensor->value.device().type()) ++copies.waits;
        return tensor->value.to(place, ct::scalarType(type));
    });
}

ct_status ct_copy_into(ct_tensor *target, const ct_tensor *source) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        if (target->value.device().type() != source->value.device().type()) ++copies.waits;
        target->value.copy_(source->value);
    });
}

ct_status ct_reading_start(const ct_tensor *tensor, ct_reading **out) {
    return ct::guarded([&] {
        ++copies.readings;
        auto source = tensor->value.detach().contiguous();
        auto device = source.device();
        if (device.is_cpu()) {
            *out = new ct_reading{source.clone(), std::nullopt};
            return;
        }
        auto host = at::empty_like(source, source.options().device(at::kCPU).pinned_memory(true));
        host.copy_(source, true);
        c10::Event arrival(device.type());
        arrival.record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
        *out = new ct_reading{std::move(host), std::move(arrival)};
    });
}

ct_status ct_reading_finish(const ct_reading *reading, void *bytes, size_t length) {
    return ct::guarded([&] {
        TORCH_CHECK(reading->host.nbytes() == length, "a tensor of ", reading->host.nbytes(), " bytes into ", length);
        if (reading->arrival) reading->arrival->synchronize();
        if (length > 0) memcpy(bytes, reading->host.const_data_ptr(), length);
    });
}

void ct_reading_free(ct_reading *reading) { delete reading; }
