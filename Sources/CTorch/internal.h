// What the files of this target share: the handle, and the one place where exceptions end.
#pragma once

#include "CTorch.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/headeronly/version.h>

#include <new>
#include <string>
#include <utility>
#include <vector>

static_assert(TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 11, "PFrame takes libtorch 2.11 or a later 2.x");

struct ct_tensor {
    at::Tensor value;
};

namespace ct {

// Keeps the message of the exception that is being handled.
ct_status failed() noexcept;

// Runs a call's body; whatever it throws becomes a status and a message.
template <typename Body> ct_status guarded(Body &&body) noexcept {
    try {
        body();
        return CT_OK;
    } catch (...) {
        return failed();
    }
}

inline void give(ct_tensor **out, at::Tensor value) { *out = new ct_tensor{std::move(value)}; }

// Runs a call that makes a tensor.
template <typename Body> ct_status making(ct_tensor **out, Body &&body) noexcept {
    return guarded([&] { give(out, body()); });
}

// Counts the memory of a result, which gradients will need, where they are recorded.
void keep(const at::Tensor &result) noexcept;

// Runs a call that computes a tensor.
template <typename Body> ct_status computing(ct_tensor **out, Body &&body) noexcept {
    return guarded([&] {
        auto result = body();
        keep(result);
        give(out, std::move(result));
    });
}

// A result that has a shape and no elements, where libtorch itself has nothing for the meta device.
at::Tensor shapeOnly(at::IntArrayRef sizes, const at::Tensor &like, bool needsGradient);

inline std::optional<at::Tensor> optional(const ct_tensor *tensor) {
    return tensor ? std::optional<at::Tensor>(tensor->value) : std::nullopt;
}

// The elements of a dense tensor. The `const_data_ptr<T>` of libtorch 2.11 bears a name in its library that clang has not
// given such a function since version 18, so it cannot be linked; this one is no template.
template <typename T> const T *elements(const at::Tensor &tensor) {
    return static_cast<const T *>(tensor.const_data_ptr());
}

inline at::Tensor orUndefined(const ct_tensor *tensor) { return tensor ? tensor->value : at::Tensor(); }

at::ScalarType scalarType(ct_type type);
at::Device device(ct_device device);

// A copy of a tensor in page-locked memory on a GPU, which travels beside what the GPU still computes; what uses it waits.
at::Tensor upload(const at::Tensor &pinned, at::Device device);

// Counts a product of `flops` operations whose operands need so many gradients.
void count(double flops, int gradients) noexcept;

inline int gradients(const at::Tensor &left, const at::Tensor &right) {
    if (!at::GradMode::is_enabled()) return 0;
    return (left.requires_grad() ? 1 : 0) + (right.requires_grad() ? 1 : 0);
}

} // namespace ct
