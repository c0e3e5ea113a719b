// Streams of work beside the operations on a device, and what travels to a device on one.
#include "internal.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

struct ct_stream {
    // Nothing on the CPU.
    std::optional<c10::Stream> own;
    void *handle;

    c10::Stream current() const { return c10::impl::getDeviceGuardImpl(own->device_type())->getStream(own->device()); }
};

namespace {

// What `later` gets from now on begins after all that `earlier` got.
void order(c10::Stream earlier, c10::Stream later) {
    c10::Event reached(earlier.device_type());
    reached.record(earlier);
    reached.block(later);
}

c10::Stream newStream(at::Device device) {
    return c10::impl::getDeviceGuardImpl(device.type())->getStreamFromGlobalPool(device);
}

// The stream that copies to a device: always the same one, for memory that was allocated on one stream serves no other.
c10::Stream copies(at::Device device) {
    static std::mutex mutex;
    static std::map<c10::DeviceIndex, c10::Stream> streams;
    std::lock_guard<std::mutex> lock(mutex);
    auto found = streams.find(device.index());
    return found != streams.end() ? found->second : streams.emplace(device.index(), newStream(device)).first->second;
}

} // namespace

namespace ct {

at::Tensor upload(const at::Tensor &pinned, at::Device device) {
    const auto *guard = c10::impl::getDeviceGuardImpl(device.type());
    auto own = copies(device), current = guard->getStream(device);
    at::Tensor result;
    {
        c10::StreamGuard within(own);
        result = pinned.to(device, pinned.scalar_type(), /*non_blocking=*/true);
    }
    order(own, current);
    // The memory is of the copying stream: it may be used again only after what the current one does with it.
    guard->recordDataPtrOnStream(result.storage().data_ptr(), current);
    return result;
}

} // namespace ct

ct_status ct_stream_new(ct_device device, ct_stream **out) {
    return ct::guarded([&] {
        auto stream = std::make_unique<ct_stream>();
        if (device.kind == CT_CUDA) stream->own = newStream(ct::device(device));
        stream->handle = stream->own ? stream->own->native_handle() : stream.get();
        *out = stream.release();
    });
}

void ct_stream_free(ct_stream *stream) { delete stream; }

ct_status ct_stream_follow(ct_stream *stream) {
    return ct::guarded([&] {
        if (stream->own) order(stream->current(), *stream->own);
    });
}

ct_status ct_stream_join(ct_stream *stream) {
    return ct::guarded([&] {
        if (stream->own) order(*stream->own, stream->current());
    });
}

void *ct_stream_handle(ct_stream *stream) { return stream->handle; }
