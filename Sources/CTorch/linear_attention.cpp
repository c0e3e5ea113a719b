// Linear attention over positions (Shen et al. 2021, "Efficient Attention").
#include "internal.h"
#include "kernels.h"
#include "parallel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace {

using ct::BFloat16;
using ct::load;

constexpr int64_t widest = 64;
// Positions whose queries, keys and values are taken together.
constexpr int64_t most = 64;

// What the forward pass of one head leaves for the backward pass: the context (d, d) = softmax_P(k)ᵀ v, and the
// highest key and the reciprocal of the sum of exponentials for each of the d channels. Rows are padded.
CT_INLINE int64_t keptSize(int64_t width) { return (ct::quads(width) + 2) * ct::padded(width); }

struct Shape {
    int64_t positions, inner, width;
};

using Block = float[most * widest];

// softmax(q) / √d of some positions.
template <typename T>
CT_INLINE void queries(const T *q, int64_t stride, int64_t count, int64_t width, float *result) {
    int64_t columns = ct::padded(width);
    ct::gather(q, stride, count, width, result);
    for (int64_t p = 0; p < count; ++p) {
        float *row = result + p * columns;
        for (int64_t c = width; c < columns; ++c) row[c] = -INFINITY;
        ct::softmax(row, columns, 1 / std::sqrt(float(width)));
    }
}

// exp(k - high) of some positions.
template <typename T>
CT_INLINE void keys(const T *k, int64_t stride, int64_t count, int64_t width, const float *high, float *result) {
    int64_t columns = ct::padded(width);
    ct::gather(k, stride, count, width, result);
    for (int64_t p = 0; p < count; ++p) {
        float *row = result + p * columns;
        for (int64_t c = 0; c < columns; ++c) row[c] = ct::exponential(row[c] - high[c]);
    }
}

template <typename T>
CT_INLINE void attend(const T *qkv, T *out, const Shape &shape, float *kept, int64_t width) {
    int64_t columns = ct::padded(width), stride = 3 * shape.inner;
    float *context = kept, *high = kept + ct::quads(width) * columns, *sums = high + columns;
    const T *k = qkv + shape.inner, *v = qkv + 2 * shape.inner;
    for (int64_t c = 0; c < width; ++c) high[c] = load(k[c]);
    for (int64_t p = 1; p < shape.positions; ++p) {
        for (int64_t c = 0; c < width; ++c) high[c] = std::max(high[c], load(k[p * stride + c]));
    }
    for (int64_t c = width; c < columns; ++c) high[c] = 0;
    for (int64_t i = 0; i < ct::quads(width) * columns; ++i) context[i] = 0;
    for (int64_t c = 0; c < columns; ++c) sums[c] = 0;
    Block one, other;
    for (int64_t p = 0; p < shape.positions; p += most) {
        int64_t count = std::min(most, shape.positions - p);
        keys(k + p * stride, stride, count, width, high, one);
        ct::gather(v + p * stride, stride, count, width, other);
        for (int64_t row = 0; row < count; ++row) {
            for (int64_t c = 0; c < columns; ++c) sums[c] += one[row * columns + c];
        }
        ct::multiply<true>(one, 1, columns, other, context, ct::quads(width), count, columns);
    }
    for (int64_t c = 0; c < width; ++c) {
        sums[c] = 1 / sums[c];
        for (int64_t e = 0; e < columns; ++e) context[c * columns + e] *= sums[c];
    }
    for (int64_t p = 0; p < shape.positions; p += most) {
        int64_t count = std::min(most, shape.positions - p);
        queries(qkv + p * stride, stride, count, width, one);
        ct::multiply(one, columns, 1, context, other, ct::quads(count), width, columns);
        ct::scatter(other, shape.inner, count, width, out + p * shape.inner);
    }
}

template <typename T>
CT_INLINE void attendBackward(
    const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *kept, int64_t width) {
    int64_t columns = ct::padded(width), stride = 3 * shape.inner;
    const float *context = kept, *high = kept + ct::quads(width) * columns, *sums = high + columns;
    const T *k = qkv + shape.inner, *v = qkv + 2 * shape.inner;
    float dcontext[widest * widest], contextT[widest * widest], dcontextT[widest * widest], mean[widest];
    Block q, key, value, d, result;
    for (int64_t i = 0; i < ct::quads(width) * columns; ++i) dcontext[i] = 0;
    for (int64_t p = 0; p < shape.positions; p += most) {
        int64_t count = std::min(most, shape.positions - p);
        queries(qkv + p * stride, stride, count, width, q);
        ct::gather(dy + p * shape.inner, shape.inner, count, width, d);
        ct::multiply<true>(q, 1, columns, d, dcontext, ct::quads(width), count, columns);
    }
    // Σ_p softmax(k) · d softmax(k) is Σ_e context · dcontext.
    for (int64_t c = 0; c < columns; ++c) {
        mean[c] = c < width ? ct::dot(context + c * columns, dcontext + c * columns, columns) : 0;
    }
    ct::transpose(context, width, width, contextT);
    ct::transpose(dcontext, width, width, dcontextT);
    float root = std::sqrt(float(width));
    for (int64_t p = 0; p < shape.positions; p += most) {
        int64_t count = std::min(most, shape.positions - p), rows = ct::quads(count);
        T *target = dqkv + p * stride;
        queries(qkv + p * stride, stride, count, width, q);
        keys(k + p * stride, stride, count, width, high, key);
        ct::gather(v + p * stride, stride, count, width, value);
        ct::gather(dy + p * shape.inner, shape.inner, count, width, d);
        for (int64_t row = 0; row < count; ++row) {
            for (int64_t c = 0; c < columns; ++c) key[row * columns + c] *= sums[c];
        }
        ct::multiply(d, columns, 1, contextT, result, rows, width, columns);
        for (int64_t row = 0; row < count; ++row) {
            float *dq = result + row * columns, *own = q + row * columns;
            float product = root * ct::dot(own, dq, columns);
            for (int64_t c = 0; c < columns; ++c) dq[c] = own[c] * (dq[c] - product);
        }
        ct::scatter(result, stride, count, width, target);
        ct::multiply(value, columns, 1, dcontextT, result, rows, width, columns);
        for (int64_t row = 0; row < count; ++row) {
            float *dk = result + row * columns, *own = key + row * columns;
            for (int64_t c = 0; c < columns; ++c) dk[c] = own[c] * (dk[c] - mean[c]);
        }
        ct::scatter(result, stride, count, width, target + shape.inner);
        ct::multiply(key, columns, 1, dcontext, result, rows, width, columns);
        ct::scatter(result, stride, count, width, target + 2 * shape.inner);
    }
}

// The head width of every preset gets loops of a fixed length.
#define CT_INSTANCES(T)                                                                                                \
    CT_CLONES void forwardHead(const T *qkv, T *out, const Shape &shape, float *kept) {                                \
        if (shape.width == 32) attend(qkv, out, shape, kept, 32);                                                      \
        else attend(qkv, out, shape, kept, shape.width);                                                               \
    }                                                                                                                  \
    CT_CLONES void backwardHead(const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *kept) {           \
        if (shape.width == 32) attendBackward(qkv, dy, dqkv, shape, kept, 32);                                         \
        else attendBackward(qkv, dy, dqkv, shape, kept, shape.width);                                                  \
    }
CT_INSTANCES(float)
CT_INSTANCES(BFloat16)

template <typename Body> void forEachHead(const at::Tensor &qkv, int64_t heads, Body &&body) {
    Shape shape{qkv.size(1), qkv.size(2) / 3, qkv.size(2) / 3 / heads};
    ct::parallel(qkv.size(0) * heads, 1, [&](int64_t begin, int64_t end) {
        for (int64_t index = begin; index < end; ++index) {
            int64_t row = index / heads * shape.positions, column = index % heads * shape.width;
            body(index, row * 3 * shape.inner + column, row * shape.inner + column, shape);
        }
    });
}

template <typename T>
at::Tensor forward(const at::Tensor &qkv, int64_t heads, at::Tensor &kept) {
    auto result = at::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.options());
    auto source = ct::elements<T>(qkv);
    auto target = static_cast<T *>(result.mutable_data_ptr());
    float *keeping = kept.mutable_data_ptr<float>();
    forEachHead(qkv, heads, [&](int64_t index, int64_t from, int64_t to, const Shape &shape) {
        forwardHead(source + from, target + to, shape, keeping + index * keptSize(shape.width));
    });
    return result;
}

template <typename T>
at::Tensor backward(const at::Tensor &qkv, const at::Tensor &dy, int64_t heads, const at::Tensor &kept) {
    auto result = at::empty_like(qkv);
    auto source = ct::elements<T>(qkv);
    auto gradient = ct::elements<T>(dy);
    auto target = static_cast<T *>(result.mutable_data_ptr());
    const float *keeping = ct::elements<float>(kept);
    forEachHead(qkv, heads, [&](int64_t index, int64_t from, int64_t to, const Shape &shape) {
        backwardHead(source + from, gradient + to, target + from, shape, keeping + index * keptSize(shape.width));
    });
    return result;
}

struct LinearAttention : torch::autograd::Function<LinearAttention> {
    static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &input, int64_t heads) {
        auto qkv = input.contiguous();
        int64_t width = qkv.size(2) / 3 / heads;
        auto kept = at::empty({qkv.size(0), heads, keptSize(width)}, qkv.options().dtype(at::kFloat));
        auto result = qkv.scalar_type() == at::kFloat ? ::forward<float>(qkv, heads, kept)
                                                      : ::forward<BFloat16>(qkv, heads, kept);
        context->save_for_backward({qkv, kept});
        context->saved_data["heads"] = heads;
        return result;
    }

    static torch::autograd::variable_list backward(
        torch::autograd::AutogradContext *context, const torch::autograd::variable_list &outputs) {
        auto saved = context->get_saved_variables();
        auto dy = outputs[0].contiguous();
        auto heads = context->saved_data["heads"].toInt();
        auto result = saved[0].scalar_type() == at::kFloat ? ::backward<float>(saved[0], dy, heads, saved[1])
                                                           : ::backward<BFloat16>(saved[0], dy, heads, saved[1]);
        return {result, at::Tensor()};
    }
};

// The same of libtorch's own operations, for other devices.
at::Tensor composed(const at::Tensor &qkv, int64_t heads) {
    auto n = qkv.size(0), p = qkv.size(1), inner = qkv.size(2) / 3, width = inner / heads;
    // (3, N, heads, P, d)
    auto parts = qkv.reshape({n, p, 3, heads, width}).permute({2, 0, 3, 1, 4});
    auto q = at::softmax(parts.select(0, 0), -1).mul(1 / std::sqrt(double(width)));
    auto context = at::matmul(at::softmax(parts.select(0, 1), -2).transpose(-1, -2), parts.select(0, 2));
    return at::matmul(q, context).permute({0, 2, 1, 3}).reshape({n, p, inner});
}

} // namespace

ct_status ct_linear_attention(const ct_tensor *qkv, int64_t heads, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &x = qkv->value;
        TORCH_CHECK(x.dim() == 3 && heads > 0 && x.size(2) % (3 * heads) == 0, "attention of ", x.sizes(), ", ", heads, " heads");
        int64_t width = x.size(2) / 3 / heads;
        ct::count(2.0 * 2.0 * double(x.numel() / 3) * double(width), ct::gradients(x, x));
        if (x.is_meta()) return ct::shapeOnly({x.size(0), x.size(1), x.size(2) / 3}, x, ct::gradients(x, x) > 0);
        bool isKnown = x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
        if (!isKnown || width > widest || x.numel() == 0) return composed(x, heads);
        return LinearAttention::apply(x, heads);
    });
}
