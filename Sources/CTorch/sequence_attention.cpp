// Softmax attention over short sequences, such as the frames of a clip: products too small for a matrix library, so
// that it copies and calls more than it multiplies.
#include "internal.h"
#include "kernels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace {

using ct::BFloat16;
using ct::load;
using ct::store;

constexpr int64_t longest = 64, widest = 128;
// Positions that one piece of work takes.
constexpr int64_t piece = 16;

// One head at one position, as float rows; the transposed ones have rows of `longest`.
struct Rows {
    float q[longest * widest], k[longest * widest], v[longest * widest];
    float kt[widest * longest], vt[widest * longest];
    float p[longest * longest];
    // Backward
    float dy[longest * widest], dq[longest * widest], dk[longest * widest], dv[longest * widest], ds[longest * longest];
};

struct Shape {
    int64_t length, heads, width, stride, outStride;
    float scale;
};

template <typename T>
CT_INLINE void gather(const T *source, int64_t stride, int64_t length, int64_t width, float *rows) {
    for (int64_t i = 0; i < length; ++i) {
        for (int64_t c = 0; c < width; ++c) rows[i * width + c] = load(source[i * stride + c]);
    }
}

CT_INLINE void transpose(const float *rows, int64_t length, int64_t width, float *result) {
    for (int64_t c = 0; c < width; ++c) {
        for (int64_t i = 0; i < length; ++i) result[c * longest + i] = rows[i * width + c];
    }
}

// p = softmax(q kᵀ · scale + bias), row by row.
CT_INLINE void weigh(Rows &rows, const Shape &shape, const float *bias) {
    int64_t n = shape.length, width = shape.width;
    for (int64_t i = 0; i < n; ++i) {
        float *p = rows.p + i * longest;
        float scores[longest];
        for (int64_t j = 0; j < n; ++j) scores[j] = 0;
        for (int64_t c = 0; c < width; ++c) {
            float q = rows.q[i * width + c];
            for (int64_t j = 0; j < n; ++j) scores[j] += q * rows.kt[c * longest + j];
        }
        float high = -INFINITY, total = 0;
        for (int64_t j = 0; j < n; ++j) {
            scores[j] = scores[j] * shape.scale + (bias ? bias[i * n + j] : 0.0f);
            high = std::max(high, scores[j]);
        }
        for (int64_t j = 0; j < n; ++j) scores[j] = ct::exponential(scores[j] - high);
        for (int64_t j = 0; j < n; ++j) total += scores[j];
        for (int64_t j = 0; j < n; ++j) p[j] = scores[j] / total;
    }
}

template <typename T>
CT_INLINE void attend(const T *qkv, T *out, const Shape &shape, const float *bias, Rows &rows) {
    int64_t n = shape.length, width = shape.width, inner = shape.heads * width;
    gather(qkv, shape.stride, n, width, rows.q);
    gather(qkv + inner, shape.stride, n, width, rows.k);
    gather(qkv + 2 * inner, shape.stride, n, width, rows.v);
    transpose(rows.k, n, width, rows.kt);
    weigh(rows, shape, bias);
    for (int64_t i = 0; i < n; ++i) {
        float sum[widest];
        for (int64_t c = 0; c < width; ++c) sum[c] = 0;
        for (int64_t j = 0; j < n; ++j) {
            float p = rows.p[i * longest + j];
            for (int64_t c = 0; c < width; ++c) sum[c] += p * rows.v[j * width + c];
        }
        for (int64_t c = 0; c < width; ++c) store(out[i * shape.outStride + c], sum[c]);
    }
}

template <typename T>
CT_INLINE void attendBackward(
    const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *bias, float *dbias, Rows &rows) {
    int64_t n = shape.length, width = shape.width, inner = shape.heads * width;
    gather(qkv, shape.stride, n, width, rows.q);
    gather(qkv + inner, shape.stride, n, width, rows.k);
    gather(qkv + 2 * inner, shape.stride, n, width, rows.v);
    gather(dy, shape.outStride, n, width, rows.dy);
    transpose(rows.k, n, width, rows.kt);
    transpose(rows.v, n, width, rows.vt);
    weigh(rows, shape, bias);
    for (int64_t i = 0; i < n * width; ++i) rows.dk[i] = rows.dv[i] = 0;
    for (int64_t i = 0; i < n; ++i) {
        const float *p = rows.p + i * longest;
        float dp[longest], dq[widest], mean = 0;
        for (int64_t j = 0; j < n; ++j) dp[j] = 0;
        for (int64_t c = 0; c < width; ++c) {
            float d = rows.dy[i * width + c];
            for (int64_t j = 0; j < n; ++j) dp[j] += d * rows.vt[c * longest + j];
        }
        for (int64_t j = 0; j < n; ++j) mean += p[j] * dp[j];
        for (int64_t j = 0; j < n; ++j) dp[j] = p[j] * (dp[j] - mean);
        if (dbias) {
            for (int64_t j = 0; j < n; ++j) dbias[i * n + j] += dp[j];
        }
        for (int64_t c = 0; c < width; ++c) dq[c] = 0;
        for (int64_t j = 0; j < n; ++j) {
            float ds = dp[j] * shape.scale, weight = p[j];
            for (int64_t c = 0; c < width; ++c) dq[c] += ds * rows.k[j * width + c];
            for (int64_t c = 0; c < width; ++c) rows.dk[j * width + c] += ds * rows.q[i * width + c];
            for (int64_t c = 0; c < width; ++c) rows.dv[j * width + c] += weight * rows.dy[i * width + c];
        }
        for (int64_t c = 0; c < width; ++c) store(dqkv[i * shape.stride + c], dq[c]);
    }
    for (int64_t i = 0; i < n; ++i) {
        T *target = dqkv + i * shape.stride;
        for (int64_t c = 0; c < width; ++c) store(target[inner + c], rows.dk[i * width + c]);
        for (int64_t c = 0; c < width; ++c) store(target[2 * inner + c], rows.dv[i * width + c]);
    }
}

// The head width of every preset gets loops of a fixed length.
#define CT_INSTANCES(T)                                                                                                \
    CT_CLONES void forwardHead(const T *qkv, T *out, Shape shape, const float *bias, Rows &rows) {                     \
        if (shape.width == 32) {                                                                                       \
            shape.width = 32;                                                                                          \
            attend(qkv, out, shape, bias, rows);                                                                       \
        } else {                                                                                                       \
            attend(qkv, out, shape, bias, rows);                                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    CT_CLONES void backwardHead(                                                                                       \
        const T *qkv, const T *dy, T *dqkv, Shape shape, const float *bias, float *dbias, Rows &rows) {                \
        if (shape.width == 32) {                                                                                       \
            shape.width = 32;                                                                                          \
            attendBackward(qkv, dy, dqkv, shape, bias, dbias, rows);                                                   \
        } else {                                                                                                       \
            attendBackward(qkv, dy, dqkv, shape, bias, dbias, rows);                                                   \
        }                                                                                                              \
    }
CT_INSTANCES(float)
CT_INSTANCES(BFloat16)

// The heads of all positions, in pieces that are the same whatever the number of threads.
struct Pieces {
    int64_t batches, positions;
    Shape shape;

    Pieces(const at::Tensor &qkv, int64_t heads) : batches(qkv.size(0)), positions(qkv.size(2)) {
        int64_t inner = qkv.size(3) / 3, width = inner / heads;
        shape = {qkv.size(1), heads, width, positions * 3 * inner, positions * inner, 1 / std::sqrt(float(width))};
    }

    int64_t count() const { return (batches * positions + piece - 1) / piece; }

    // Calls body(piece, offset in qkv, offset in the output, head, scratch).
    template <typename Body> void run(Body &&body) const {
        at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
            auto rows = std::make_unique<Rows>();
            int64_t inner = shape.heads * shape.width;
            for (int64_t place = begin * piece; place < std::min(end * piece, batches * positions); ++place) {
                int64_t row = place / positions * shape.length * positions + place % positions;
                for (int64_t head = 0; head < shape.heads; ++head) {
                    body(place / piece, row * 3 * inner + head * shape.width, row * inner + head * shape.width, head, *rows);
                }
            }
        });
    }
};

const float *orNull(const at::Tensor &bias) { return bias.defined() ? bias.const_data_ptr<float>() : nullptr; }

template <typename T> at::Tensor forward(const at::Tensor &qkv, const at::Tensor &bias, int64_t heads) {
    Pieces pieces(qkv, heads);
    auto result = at::empty({qkv.size(0), qkv.size(1), qkv.size(2), qkv.size(3) / 3}, qkv.options());
    auto source = static_cast<const T *>(qkv.const_data_ptr());
    auto target = static_cast<T *>(result.mutable_data_ptr());
    int64_t area = pieces.shape.length * pieces.shape.length;
    pieces.run([&](int64_t, int64_t from, int64_t to, int64_t head, Rows &rows) {
        forwardHead(source + from, target + to, pieces.shape, orNull(bias) ? orNull(bias) + head * area : nullptr, rows);
    });
    return result;
}

template <typename T>
std::pair<at::Tensor, at::Tensor> backward(
    const at::Tensor &qkv, const at::Tensor &dy, const at::Tensor &bias, int64_t heads) {
    Pieces pieces(qkv, heads);
    auto result = at::empty_like(qkv);
    int64_t area = pieces.shape.length * pieces.shape.length;
    std::vector<float> partial(bias.defined() ? pieces.count() * heads * area : 0, 0.0f);
    auto source = static_cast<const T *>(qkv.const_data_ptr());
    auto gradient = static_cast<const T *>(dy.const_data_ptr());
    auto target = static_cast<T *>(result.mutable_data_ptr());
    pieces.run([&](int64_t index, int64_t from, int64_t to, int64_t head, Rows &rows) {
        float *dbias = partial.empty() ? nullptr : partial.data() + (index * heads + head) * area;
        backwardHead(
            source + from, gradient + to, target + from, pieces.shape,
            orNull(bias) ? orNull(bias) + head * area : nullptr, dbias, rows);
    });
    if (!bias.defined()) return {result, at::Tensor()};
    auto total = at::zeros(bias.sizes(), bias.options());
    float *sums = total.mutable_data_ptr<float>();
    for (int64_t index = 0; index < pieces.count(); ++index) {
        for (int64_t place = 0; place < heads * area; ++place) sums[place] += partial[index * heads * area + place];
    }
    return {result, total};
}

struct SequenceAttention : torch::autograd::Function<SequenceAttention> {
    static at::Tensor forward(
        torch::autograd::AutogradContext *context, const at::Tensor &input, const std::optional<at::Tensor> &bias,
        int64_t heads) {
        auto qkv = input.contiguous();
        auto b = bias ? bias->to(at::kFloat).contiguous() : at::Tensor();
        context->save_for_backward({qkv, b});
        context->saved_data["heads"] = heads;
        context->saved_data["type"] = bias ? bias->scalar_type() : at::kFloat;
        return qkv.scalar_type() == at::kFloat ? ::forward<float>(qkv, b, heads) : ::forward<BFloat16>(qkv, b, heads);
    }

    static torch::autograd::variable_list backward(
        torch::autograd::AutogradContext *context, const torch::autograd::variable_list &outputs) {
        auto saved = context->get_saved_variables();
        auto dy = outputs[0].contiguous();
        auto heads = context->saved_data["heads"].toInt();
        auto result = saved[0].scalar_type() == at::kFloat ? ::backward<float>(saved[0], dy, saved[1], heads)
                                                           : ::backward<BFloat16>(saved[0], dy, saved[1], heads);
        if (result.second.defined()) result.second = result.second.to(context->saved_data["type"].toScalarType());
        return {result.first, result.second, at::Tensor()};
    }
};

// The same of libtorch's own operations, for long sequences and other devices.
at::Tensor composed(const at::Tensor &qkv, const at::Tensor &bias, int64_t heads) {
    auto b = qkv.size(0), t = qkv.size(1), p = qkv.size(2), inner = qkv.size(3) / 3;
    // (3, B, P, heads, T, d)
    auto parts = qkv.reshape({b, t, p, 3, heads, inner / heads}).permute({3, 0, 2, 4, 1, 5});
    auto scores = at::matmul(parts.select(0, 0), parts.select(0, 1).transpose(-1, -2)).mul(1 / std::sqrt(double(inner / heads)));
    if (bias.defined()) scores = scores.add(bias.to(scores.scalar_type()));
    auto result = at::matmul(at::softmax(scores, -1), parts.select(0, 2));
    return result.permute({0, 3, 1, 2, 4}).reshape({b, t, p, inner});
}

} // namespace

ct_status ct_sequence_attention(const ct_tensor *qkv, const ct_tensor *bias, int64_t heads, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &x = qkv->value;
        TORCH_CHECK(x.dim() == 4 && heads > 0 && x.size(3) % (3 * heads) == 0, "attention of ", x.sizes(), ", ", heads, " heads");
        auto b = ct::orUndefined(bias);
        double products = 2.0 * 2.0 * double(x.size(0) * x.size(2) * x.size(1) * x.size(1) * x.size(3) / 3);
        ct::count(products, ct::gradients(x, x));
        if (x.is_meta()) {
            return ct::shapeOnly({x.size(0), x.size(1), x.size(2), x.size(3) / 3}, x, ct::gradients(x, x) > 0);
        }
        bool isKnown = x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
        bool isShort = x.size(1) <= longest && x.size(3) / (3 * heads) <= widest;
        if (!isKnown || !isShort || x.numel() == 0) return composed(x, b, heads);
        return SequenceAttention::apply(x, ct::optional(bias), heads);
    });
}
