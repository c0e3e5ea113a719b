// What changes a tensor's shape or order and not its elements.
#include "internal.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/index_select.h>

ct_status ct_reshape(const ct_tensor *tensor, const int64_t *sizes, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.reshape(at::IntArrayRef(sizes, count)); });
}

ct_status ct_permute(const ct_tensor *tensor, const int64_t *order, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.permute(at::IntArrayRef(order, count)); });
}

ct_status ct_expand(const ct_tensor *tensor, const int64_t *sizes, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.expand(at::IntArrayRef(sizes, count)); });
}

ct_status ct_narrow(const ct_tensor *tensor, int64_t dimension, int64_t start, int64_t length, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.narrow(dimension, start, length); });
}

ct_status ct_concatenate(const ct_tensor *const *tensors, int32_t count, int64_t dimension, ct_tensor **out) {
    return ct::computing(out, [&] {
        std::vector<at::Tensor> list;
        for (int32_t index = 0; index < count; ++index) list.push_back(tensors[index]->value);
        return at::cat(list, dimension);
    });
}

ct_status ct_contiguous(const ct_tensor *tensor, bool channels_last, ct_tensor **out) {
    return ct::making(out, [&] {
        return tensor->value.contiguous(channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    });
}

ct_status ct_index_select(const ct_tensor *tensor, int64_t dimension, const ct_tensor *indices, ct_tensor **out) {
    return ct::making(out, [&] {
        const auto &x = tensor->value;
        if (!x.is_meta()) return at::index_select(x, dimension, indices->value);
        auto sizes = x.sizes().vec();
        sizes.at(size_t(dimension)) = indices->value.numel();
        return ct::shapeOnly(sizes, x, ct::gradients(x, x) > 0);
    });
}

ct_status ct_cumulative_sum(const ct_tensor *tensor, int64_t dimension, ct_tensor **out) {
    return ct::making(out, [&] { return at::cumsum(tensor->value, dimension); });
}
