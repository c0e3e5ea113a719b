// The life of tensors.
#include "internal.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

void ct_tensor_free(ct_tensor *tensor) { delete tensor; }

int32_t ct_dimensions(const ct_tensor *tensor) { return int32_t(tensor->value.dim()); }

void ct_sizes(const ct_tensor *tensor, int64_t *sizes) {
    for (auto size : tensor->value.sizes()) *sizes++ = size;
}

ct_type ct_tensor_type(const ct_tensor *tensor) {
    switch (tensor->value.scalar_type()) {
    case at::kHalf: return CT_FLOAT16;
    case at::kBFloat16: return CT_BFLOAT16;
    case at::kDouble: return CT_FLOAT64;
    case at::kLong: return CT_INT64;
    case at::kInt: return CT_INT32;
    case at::kShort: return CT_INT16;
    case at::kChar: return CT_INT8;
    case at::kByte: return CT_UINT8;
    case at::kBool: return CT_BOOL;
    default: return CT_FLOAT32;
    }
}

ct_device ct_tensor_device(const ct_tensor *tensor) {
    auto device = tensor->value.device();
    if (device.is_cuda()) return {CT_CUDA, device.index()};
    return {device.is_meta() ? CT_META : CT_CPU, 0};
}

ct_status ct_full(const int64_t *sizes, int32_t count, double value, ct_type type, ct_device device, ct_tensor **out) {
    return ct::making(out, [&] {
        auto options = at::TensorOptions().dtype(ct::scalarType(type)).device(ct::device(device));
        return at::full(at::IntArrayRef(sizes, count), value, options);
    });
}

void *ct_memory(ct_tensor *tensor) {
    const auto &value = tensor->value;
    return value.is_contiguous() && !value.is_meta() ? value.mutable_data_ptr() : nullptr;
}

ct_status ct_fill(ct_tensor *target, double value) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        target->value.fill_(value);
    });
}

ct_status ct_zeros_like(const ct_tensor *tensor, ct_type type, ct_tensor **out) {
    return ct::making(out, [&] { return at::zeros_like(tensor->value, tensor->value.options().dtype(ct::scalarType(type))); });
}

ct_status ct_clone(const ct_tensor *tensor, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.clone(); });
}
