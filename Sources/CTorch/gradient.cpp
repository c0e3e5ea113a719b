// Automatic differentiation.
#include "internal.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace {

struct Ready final : torch::autograd::PostAccumulateGradHook {
    void (*call)(void *, int64_t);
    void *context;
    int64_t index;

    Ready(void (*call)(void *, int64_t), void *context, int64_t index) : call(call), context(context), index(index) {}

    void operator()(const torch::autograd::Variable &) override { call(context, index); }
};

} // namespace

bool ct_record_gradients(bool enabled) {
    bool before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(enabled);
    return before;
}

bool ct_requires_gradient(const ct_tensor *tensor) { return tensor->value.requires_grad(); }

ct_status ct_set_requires_gradient(ct_tensor *tensor, bool required) {
    return ct::guarded([&] { tensor->value.set_requires_grad(required); });
}

ct_status ct_detach(const ct_tensor *tensor, ct_tensor **out) {
    return ct::making(out, [&] { return tensor->value.detach(); });
}

ct_status ct_backward(const ct_tensor *loss) {
    return ct::guarded([&] { torch::autograd::backward({loss->value}, {}); });
}

ct_status ct_gradient(const ct_tensor *tensor, ct_tensor **out) {
    return ct::guarded([&] {
        const auto &gradient = tensor->value.grad();
        if (gradient.defined()) ct::give(out, gradient);
    });
}

void ct_clear_gradient(ct_tensor *tensor) { tensor->value.mutable_grad().reset(); }

ct_status ct_on_gradient(ct_tensor *leaf, void (*ready)(void *, int64_t), void *context, int64_t index) {
    return ct::guarded([&] {
        auto hook = ready ? std::make_unique<Ready>(ready, context, index) : nullptr;
        torch::autograd::impl::set_post_acc_grad_hooks(leaf->value, std::move(hook));
    });
}
