// Linear attention over positions (Shen et al. 2021, "Efficient Attention").
#include "internal.h"
#include "kernels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace {

using ct::BFloat16;
using ct::load;
using ct::store;

constexpr int64_t widest = 64;

// What the forward pass of one head leaves for the backward pass: the context (d, d) = softmax_P(k)ᵀ v, and the
// highest key and the reciprocal of the sum of exponentials for each of the d channels.
CT_INLINE int64_t keptSize(int64_t width) { return width * width + 2 * width; }

struct Shape {
    int64_t positions, inner, width;
};

// softmax(q) / √d of one position.
template <typename T>
CT_INLINE void query(const T *q, int64_t width, float *result) {
    float high = -INFINITY, total = 0;
    for (int64_t c = 0; c < width; ++c) result[c] = load(q[c]);
    for (int64_t c = 0; c < width; ++c) high = std::max(high, result[c]);
    for (int64_t c = 0; c < width; ++c) result[c] = ct::exponential(result[c] - high);
    for (int64_t c = 0; c < width; ++c) total += result[c];
    float factor = 1 / (total * std::sqrt(float(width)));
    for (int64_t c = 0; c < width; ++c) result[c] *= factor;
}

template <typename T>
CT_INLINE void attend(const T *qkv, T *out, const Shape &shape, float *kept, int64_t width) {
    float *context = kept, *high = kept + width * width, *sums = high + width;
    int64_t stride = 3 * shape.inner;
    const T *k = qkv + shape.inner, *v = qkv + 2 * shape.inner;
    for (int64_t c = 0; c < width; ++c) high[c] = -INFINITY;
    for (int64_t p = 0; p < shape.positions; ++p) {
        for (int64_t c = 0; c < width; ++c) high[c] = std::max(high[c], load(k[p * stride + c]));
    }
    for (int64_t i = 0; i < width * width; ++i) context[i] = 0;
    for (int64_t c = 0; c < width; ++c) sums[c] = 0;
    for (int64_t p = 0; p < shape.positions; ++p) {
        float key[widest], value[widest];
        for (int64_t c = 0; c < width; ++c) key[c] = ct::exponential(load(k[p * stride + c]) - high[c]);
        for (int64_t c = 0; c < width; ++c) sums[c] += key[c];
        for (int64_t e = 0; e < width; ++e) value[e] = load(v[p * stride + e]);
        for (int64_t c = 0; c < width; ++c) {
            float weight = key[c];
            for (int64_t e = 0; e < width; ++e) context[c * width + e] += weight * value[e];
        }
    }
    for (int64_t c = 0; c < width; ++c) {
        sums[c] = 1 / sums[c];
        for (int64_t e = 0; e < width; ++e) context[c * width + e] *= sums[c];
    }
    for (int64_t p = 0; p < shape.positions; ++p) {
        float q[widest], result[widest];
        query(qkv + p * stride, width, q);
        for (int64_t e = 0; e < width; ++e) result[e] = 0;
        for (int64_t c = 0; c < width; ++c) {
            for (int64_t e = 0; e < width; ++e) result[e] += q[c] * context[c * width + e];
        }
        for (int64_t e = 0; e < width; ++e) store(out[p * shape.inner + e], result[e]);
    }
}

template <typename T>
CT_INLINE void attendBackward(
    const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *kept, int64_t width) {
    const float *context = kept, *high = kept + width * width, *sums = high + width;
    int64_t stride = 3 * shape.inner;
    const T *k = qkv + shape.inner, *v = qkv + 2 * shape.inner;
    float dcontext[widest * widest], contextT[widest * widest], dcontextT[widest * widest], mean[widest];
    for (int64_t i = 0; i < width * width; ++i) dcontext[i] = 0;
    for (int64_t c = 0; c < width; ++c) {
        for (int64_t e = 0; e < width; ++e) contextT[e * width + c] = context[c * width + e];
    }
    for (int64_t p = 0; p < shape.positions; ++p) {
        float q[widest], d[widest];
        query(qkv + p * stride, width, q);
        for (int64_t e = 0; e < width; ++e) d[e] = load(dy[p * shape.inner + e]);
        for (int64_t c = 0; c < width; ++c) {
            for (int64_t e = 0; e < width; ++e) dcontext[c * width + e] += q[c] * d[e];
        }
    }
    // Σ_p softmax(k) · d softmax(k) is Σ_e context · dcontext.
    for (int64_t c = 0; c < width; ++c) {
        mean[c] = 0;
        for (int64_t e = 0; e < width; ++e) {
            mean[c] += context[c * width + e] * dcontext[c * width + e];
            dcontextT[e * width + c] = dcontext[c * width + e];
        }
    }
    float root = std::sqrt(float(width));
    for (int64_t p = 0; p < shape.positions; ++p) {
        float q[widest], key[widest], dq[widest], dk[widest], dv[widest], product = 0;
        query(qkv + p * stride, width, q);
        for (int64_t c = 0; c < width; ++c) key[c] = ct::exponential(load(k[p * stride + c]) - high[c]) * sums[c];
        for (int64_t c = 0; c < width; ++c) dq[c] = dk[c] = dv[c] = 0;
        for (int64_t e = 0; e < width; ++e) {
            float d = load(dy[p * shape.inner + e]), value = load(v[p * stride + e]);
            for (int64_t c = 0; c < width; ++c) dq[c] += d * contextT[e * width + c];
            for (int64_t c = 0; c < width; ++c) dk[c] += value * dcontextT[e * width + c];
        }
        for (int64_t c = 0; c < width; ++c) {
            for (int64_t e = 0; e < width; ++e) dv[e] += key[c] * dcontext[c * width + e];
        }
        for (int64_t c = 0; c < width; ++c) product += q[c] * dq[c];
        T *target = dqkv + p * stride;
        for (int64_t c = 0; c < width; ++c) store(target[c], q[c] * (dq[c] - root * product));
        for (int64_t c = 0; c < width; ++c) store(target[shape.inner + c], key[c] * (dk[c] - mean[c]));
        for (int64_t e = 0; e < width; ++e) store(target[2 * shape.inner + e], dv[e]);
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
    at::parallel_for(0, qkv.size(0) * heads, 1, [&](int64_t begin, int64_t end) {
        for (int64_t index = begin; index < end; ++index) {
            int64_t row = index / heads * shape.positions, column = index % heads * shape.width;
            body(index, row * 3 * shape.inner + column, row * shape.inner + column, shape);
        }
    });
}

template <typename T>
at::Tensor forward(const at::Tensor &qkv, int64_t heads, at::Tensor &kept) {
    auto result = at::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.options());
    auto source = static_cast<const T *>(qkv.const_data_ptr());
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
    auto source = static_cast<const T *>(qkv.const_data_ptr());
    auto gradient = static_cast<const T *>(dy.const_data_ptr());
    auto target = static_cast<T *>(result.mutable_data_ptr());
    const float *keeping = kept.const_data_ptr<float>();
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
