// Softmax attention over short sequences, such as the frames of a clip: products too small for a matrix library, so
// that it copies and calls more than it multiplies.
#include "internal.h"
#include "kernels.h"
#include "parallel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>

namespace {

using ct::BFloat16;

constexpr int64_t longest = 64, widest = 128;
// Pieces of work; each has gradients of the bias of its own.
constexpr int64_t mostPieces = 128;

// One head at one position: matrices with padded rows.
struct Rows {
    float q[longest * widest], k[longest * widest], v[longest * widest], y[longest * widest];
    // Of keys or values: (width, padded length).
    float transposed[widest * longest];
    float p[longest * longest];
    // Backward
    float dy[longest * widest], ds[longest * longest];
};

struct Shape {
    int64_t length, heads, width, stride, outStride;
    float scale;
};

// p = softmax(q kᵀ · scale + bias), row by row; `columns` is padded(length).
CT_INLINE void weigh(Rows &rows, const Shape &shape, const float *bias, int64_t width, int64_t columns) {
    int64_t n = shape.length;
    ct::transpose(rows.k, n, width, rows.transposed);
    ct::multiply(rows.q, ct::padded(width), 1, rows.transposed, rows.p, ct::quads(n), width, columns);
    for (int64_t i = 0; i < n; ++i) {
        float *p = rows.p + i * columns;
        for (int64_t j = 0; j < columns; ++j) p[j] *= shape.scale;
        for (int64_t j = 0; bias && j < n; ++j) p[j] += bias[i * n + j];
        for (int64_t j = n; j < columns; ++j) p[j] = -INFINITY;
        ct::softmax(p, columns);
    }
}

template <typename T>
CT_INLINE void attend(
    const T *qkv, T *out, const Shape &shape, const float *bias, Rows &rows, int64_t width, int64_t columns) {
    int64_t n = shape.length, inner = shape.heads * width;
    ct::gather(qkv, shape.stride, n, width, rows.q);
    ct::gather(qkv + inner, shape.stride, n, width, rows.k);
    ct::gather(qkv + 2 * inner, shape.stride, n, width, rows.v);
    weigh(rows, shape, bias, width, columns);
    ct::multiply(rows.p, columns, 1, rows.v, rows.y, ct::quads(n), n, ct::padded(width));
    ct::scatter(rows.y, shape.outStride, n, width, out);
}

template <typename T>
CT_INLINE void attendBackward(
    const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *bias, float *dbias, Rows &rows, int64_t width,
    int64_t columns) {
    int64_t n = shape.length, inner = shape.heads * width, wide = ct::padded(width), high = ct::quads(n);
    ct::gather(qkv, shape.stride, n, width, rows.q);
    ct::gather(qkv + inner, shape.stride, n, width, rows.k);
    ct::gather(qkv + 2 * inner, shape.stride, n, width, rows.v);
    ct::gather(dy, shape.outStride, n, width, rows.dy);
    weigh(rows, shape, bias, width, columns);
    // The gradient of p, then of the scores.
    ct::transpose(rows.v, n, width, rows.transposed);
    ct::multiply(rows.dy, wide, 1, rows.transposed, rows.ds, high, width, columns);
    for (int64_t i = 0; i < n; ++i) {
        float *p = rows.p + i * columns, *ds = rows.ds + i * columns;
        float mean = ct::dot(p, ds, columns);
        for (int64_t j = 0; j < columns; ++j) ds[j] = p[j] * (ds[j] - mean);
        for (int64_t j = 0; dbias && j < n; ++j) dbias[i * n + j] += ds[j];
        for (int64_t j = 0; j < columns; ++j) ds[j] *= shape.scale;
    }
    ct::multiply(rows.ds, columns, 1, rows.k, rows.y, high, n, wide);
    ct::scatter(rows.y, shape.stride, n, width, dqkv);
    ct::multiply(rows.ds, 1, columns, rows.q, rows.y, high, n, wide);
    ct::scatter(rows.y, shape.stride, n, width, dqkv + inner);
    ct::multiply(rows.p, 1, columns, rows.dy, rows.y, high, n, wide);
    ct::scatter(rows.y, shape.stride, n, width, dqkv + 2 * inner);
}

// The head width of every preset, with clips of up to 16 frames, gets loops of a fixed length.
#define CT_INSTANCES(T)                                                                                                \
    CT_CLONES void forwardHead(const T *qkv, T *out, const Shape &shape, const float *bias, Rows &rows) {              \
        int64_t columns = ct::padded(shape.length);                                                                    \
        if (shape.width == 32 && columns == 16) attend(qkv, out, shape, bias, rows, 32, 16);                           \
        else attend(qkv, out, shape, bias, rows, shape.width, columns);                                                \
    }                                                                                                                  \
    CT_CLONES void backwardHead(                                                                                       \
        const T *qkv, const T *dy, T *dqkv, const Shape &shape, const float *bias, float *dbias, Rows &rows) {         \
        int64_t columns = ct::padded(shape.length);                                                                    \
        if (shape.width == 32 && columns == 16) attendBackward(qkv, dy, dqkv, shape, bias, dbias, rows, 32, 16);       \
        else attendBackward(qkv, dy, dqkv, shape, bias, dbias, rows, shape.width, columns);                            \
    }
CT_INSTANCES(float)
CT_INSTANCES(BFloat16)

// The heads of all positions, in pieces that are the same whatever the number of threads.
struct Pieces {
    int64_t batches, positions, piece;
    Shape shape;

    Pieces(const at::Tensor &qkv, int64_t heads) : batches(qkv.size(0)), positions(qkv.size(2)) {
        int64_t inner = qkv.size(3) / 3, width = inner / heads;
        piece = (batches * positions + mostPieces - 1) / mostPieces;
        shape = {qkv.size(1), heads, width, positions * 3 * inner, positions * inner, 1 / std::sqrt(float(width))};
    }

    int64_t count() const { return (batches * positions + piece - 1) / piece; }

    // Calls body(piece, offset in qkv, offset in the output, head, scratch).
    template <typename Body> void run(Body &&body) const {
        ct::parallel(count(), 1, [&](int64_t begin, int64_t end) {
            thread_local std::unique_ptr<Rows> rows;
            if (!rows) rows = std::make_unique_for_overwrite<Rows>();
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

const float *orNull(const at::Tensor &bias) { return bias.defined() ? ct::elements<float>(bias) : nullptr; }

template <typename T> at::Tensor forward(const at::Tensor &qkv, const at::Tensor &bias, int64_t heads) {
    Pieces pieces(qkv, heads);
    auto result = at::empty({qkv.size(0), qkv.size(1), qkv.size(2), qkv.size(3) / 3}, qkv.options());
    auto source = ct::elements<T>(qkv);
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
    auto source = ct::elements<T>(qkv);
    auto gradient = ct::elements<T>(dy);
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
        std::vector<int64_t> scores{heads, x.size(1), x.size(1)};
        TORCH_CHECK(!b.defined() || b.sizes() == scores, "bias ", b.sizes(), " for ", heads, " heads of ", x.sizes());
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
