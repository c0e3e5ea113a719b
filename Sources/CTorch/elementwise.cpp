// What works element by element, and reductions.
#include "internal.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/amin.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sum.h>

namespace {

at::Tensor apply(ct_unary operation, const at::Tensor &x) {
    switch (operation) {
    case CT_ABS: return x.abs();
    case CT_ROUND: return x.round();
    case CT_SQUARE: return x.square();
    case CT_SQRT: return x.sqrt();
    case CT_EXP: return x.exp();
    case CT_LOG: return x.log();
    case CT_TANH: return x.tanh();
    case CT_SIGMOID: return x.sigmoid();
    case CT_SILU: return at::silu(x);
    case CT_GELU: return at::gelu(x);
    case CT_QUICK_GELU: return x.mul(x.mul(1.702).sigmoid());
    case CT_IS_FINITE: return at::isfinite(x);
    }
    TORCH_CHECK(false, "no such operation: ", int(operation));
}

at::Tensor combine(ct_binary operation, const at::Tensor &left, const at::Tensor &right) {
    switch (operation) {
    case CT_ADD: return left.add(right);
    case CT_SUBTRACT: return left.sub(right);
    case CT_MULTIPLY: return left.mul(right);
    case CT_DIVIDE: return left.div(right);
    case CT_LESS: return left.lt(right);
    }
    TORCH_CHECK(false, "no such operation: ", int(operation));
}

at::Tensor reduce(ct_reduction operation, const at::Tensor &x, at::IntArrayRef dimensions, bool keep) {
    switch (operation) {
    case CT_SUM: return at::sum(x, dimensions, keep);
    case CT_MEAN: return at::mean(x, dimensions, keep);
    case CT_MAX: return at::amax(x, dimensions, keep);
    case CT_MIN: return at::amin(x, dimensions, keep);
    }
    TORCH_CHECK(false, "no such reduction: ", int(operation));
}

} // namespace

ct_status ct_apply(ct_unary operation, const ct_tensor *tensor, ct_tensor **out) {
    return ct::computing(out, [&] { return apply(operation, tensor->value); });
}

ct_status ct_combine(ct_binary operation, const ct_tensor *left, const ct_tensor *right, ct_tensor **out) {
    return ct::computing(out, [&] { return combine(operation, left->value, right->value); });
}

ct_status ct_affine(const ct_tensor *tensor, double scale, double offset, ct_tensor **out) {
    return ct::computing(out, [&] {
        if (offset == 0) return tensor->value.mul(scale);
        if (scale == 1) return tensor->value.add(offset);
        return tensor->value.mul(scale).add(offset);
    });
}

ct_status ct_clamp(const ct_tensor *tensor, double low, double high, ct_tensor **out) {
    return ct::computing(out, [&] { return tensor->value.clamp(low, high); });
}

ct_status ct_accumulate(ct_tensor *target, const ct_tensor *source, double scale) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        target->value.add_(source->value, scale);
    });
}

ct_status ct_divide(ct_tensor *target, const ct_tensor *divisor) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        target->value.div_(divisor->value);
    });
}

ct_status ct_reduce(
    ct_reduction operation, const ct_tensor *tensor, const int64_t *dimensions, int32_t count, bool keep, ct_tensor **out) {
    return ct::computing(out, [&] {
        std::vector<int64_t> all;
        for (int64_t index = 0; count == 0 && index < tensor->value.dim(); ++index) all.push_back(index);
        auto chosen = count == 0 ? at::IntArrayRef(all) : at::IntArrayRef(dimensions, count);
        return reduce(operation, tensor->value, chosen, keep);
    });
}

ct_status ct_softmax(const ct_tensor *tensor, int64_t dimension, ct_tensor **out) {
    return ct::computing(out, [&] { return at::softmax(tensor->value, dimension); });
}

ct_status ct_argmax(const ct_tensor *tensor, int64_t dimension, ct_tensor **out) {
    return ct::making(out, [&] { return at::argmax(tensor->value, dimension); });
}

ct_status ct_cross_entropy(const ct_tensor *logits, const ct_tensor *classes, ct_tensor **out) {
    return ct::computing(out, [&] {
        auto chosen = at::gather(at::log_softmax(logits->value, -1), -1, classes->value.unsqueeze(-1));
        return chosen.squeeze(-1).neg();
    });
}
