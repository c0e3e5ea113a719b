// Group normalisation, modulation and SiLU in one pass each way.
#include "internal.h"
#include "kernels.h"
#include "parallel.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {

using ct::BFloat16;
using ct::elements;
using ct::load;
using ct::store;

// The mean of each channel and the sum of squares around it.
template <typename T>
CT_INLINE void summarise(const T *x, int64_t rows, int64_t channels, float *means, float *squares) {
    // Around the first row, so that a mean far from 0 costs no precision.
    for (int64_t row = 1; row < rows; ++row) {
        for (int64_t c = 0; c < channels; ++c) means[c] += load(x[row * channels + c]) - load(x[c]);
    }
    for (int64_t c = 0; c < channels; ++c) means[c] = load(x[c]) + means[c] / float(rows);
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t c = 0; c < channels; ++c) {
            float away = load(x[row * channels + c]) - means[c];
            squares[c] += away * away;
        }
    }
}

template <typename T>
CT_INLINE void transform(
    const T *x, T *y, int64_t rows, int64_t channels, const float *scale, const float *shift, bool silu) {
    for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
        if (silu) {
            for (int64_t c = 0; c < channels; ++c) {
                float u = scale[c] * load(x[c]) + shift[c];
                store(y[c], u * ct::sigmoid(u));
            }
        } else {
            for (int64_t c = 0; c < channels; ++c) store(y[c], scale[c] * load(x[c]) + shift[c]);
        }
    }
}

CT_INLINE float slope(float u) {
    float s = ct::sigmoid(u);
    return s * (1.0f + u * (1.0f - s));
}

// Sums of du and of du · (x - mean) for each channel, with du the gradient before SiLU.
template <typename T>
CT_INLINE void gatherGradient(
    const T *x, const T *dy, int64_t rows, int64_t channels, const float *scale, const float *shift, const float *mean,
    bool silu, float *sums, float *products) {
    for (int64_t row = 0; row < rows; ++row, x += channels, dy += channels) {
        for (int64_t c = 0; c < channels; ++c) {
            float value = load(x[c]);
            float du = load(dy[c]);
            if (silu) du *= slope(scale[c] * value + shift[c]);
            sums[c] += du;
            products[c] += du * (value - mean[c]);
        }
    }
}

// dx = scale · du + slant · x + offset
template <typename T>
CT_INLINE void applyGradient(
    const T *x, const T *dy, T *dx, int64_t rows, int64_t channels, const float *scale, const float *shift,
    const float *slant, const float *offset, bool silu) {
    for (int64_t row = 0; row < rows; ++row, x += channels, dy += channels, dx += channels) {
        for (int64_t c = 0; c < channels; ++c) {
            float value = load(x[c]);
            float du = load(dy[c]);
            if (silu) du *= slope(scale[c] * value + shift[c]);
            store(dx[c], scale[c] * du + slant[c] * value + offset[c]);
        }
    }
}

// Clang clones functions, not templates.
#define CT_INSTANCES(T)                                                                                                \
    CT_CLONES void summariseRows(const T *x, int64_t rows, int64_t channels, float *means, float *squares) {           \
        summarise(x, rows, channels, means, squares);                                                                  \
    }                                                                                                                  \
    CT_CLONES void transformRows(                                                                                      \
        const T *x, T *y, int64_t rows, int64_t channels, const float *scale, const float *shift, bool silu) {         \
        if (silu) transform(x, y, rows, channels, scale, shift, true);                                                 \
        else transform(x, y, rows, channels, scale, shift, false);                                                     \
    }                                                                                                                  \
    CT_CLONES void gatherRows(                                                                                         \
        const T *x, const T *dy, int64_t rows, int64_t channels, const float *scale, const float *shift,               \
        const float *mean, bool silu, float *sums, float *products) {                                                  \
        if (silu) gatherGradient(x, dy, rows, channels, scale, shift, mean, true, sums, products);                     \
        else gatherGradient(x, dy, rows, channels, scale, shift, mean, false, sums, products);                         \
    }                                                                                                                  \
    CT_CLONES void applyRows(                                                                                          \
        const T *x, const T *dy, T *dx, int64_t rows, int64_t channels, const float *scale, const float *shift,        \
        const float *slant, const float *offset, bool silu) {                                                          \
        if (silu) applyGradient(x, dy, dx, rows, channels, scale, shift, slant, offset, true);                         \
        else applyGradient(x, dy, dx, rows, channels, scale, shift, slant, offset, false);                             \
    }
CT_INSTANCES(float)
CT_INSTANCES(BFloat16)

// How (N, P, C) is cut into pieces: the same whatever the number of threads, so that sums are too.
struct Pieces {
    int64_t samples, positions, channels, rows, perSample;

    explicit Pieces(const at::Tensor &x) : samples(x.size(0)), positions(x.size(1)), channels(x.size(2)) {
        rows = std::max<int64_t>(1, 16384 / channels);
        perSample = (positions + rows - 1) / rows;
    }

    // How many rows the piece of that number has, counted within its sample.
    int64_t rowsOf(int64_t piece) const { return std::min(rows, positions - piece * rows); }

    // Calls body(piece, sample, offset, rows).
    template <typename Body> void run(Body &&body) const {
        ct::parallel(samples * perSample, 1, [&](int64_t begin, int64_t end) {
            for (int64_t piece = begin; piece < end; ++piece) {
                int64_t sample = piece / perSample, place = piece % perSample;
                body(piece, sample, (sample * positions + place * rows) * channels, rowsOf(place));
            }
        });
    }
};

const float *floats(const at::Tensor &tensor) { return ct::elements<float>(tensor); }

// For each sample and channel, y = scale · x + shift before SiLU; `mean` and `deviation` (the reciprocal) by group.
struct Lines {
    at::Tensor scale, shift, mean, deviation;
};

template <typename T>
Lines lines(
    const T *x, const Pieces &pieces, int64_t groups, const at::Tensor &weight, const at::Tensor &bias,
    const at::Tensor &modulation, double epsilon) {
    int64_t samples = pieces.samples, channels = pieces.channels, width = channels / groups;
    std::vector<float> partial(samples * pieces.perSample * channels * 2, 0.0f);
    pieces.run([&](int64_t piece, int64_t, int64_t offset, int64_t rows) {
        float *means = partial.data() + piece * channels * 2;
        summariseRows(x + offset, rows, channels, means, means + channels);
    });
    Lines result;
    result.scale = at::empty({samples, channels}, weight.options().dtype(at::kFloat));
    result.shift = at::empty_like(result.scale);
    result.mean = at::empty({samples, groups}, result.scale.options());
    result.deviation = at::empty_like(result.mean);
    for (int64_t n = 0; n < samples; ++n) {
        // What pieces add to the whole (Chan et al. 1983).
        std::vector<double> means(channels, 0.0), variances(channels, 0.0);
        const float *parts = partial.data() + n * pieces.perSample * channels * 2;
        for (int64_t piece = 0; piece < pieces.perSample; ++piece) {
            double share = double(pieces.rowsOf(piece)) / double(pieces.positions);
            for (int64_t c = 0; c < channels; ++c) means[c] += share * parts[piece * channels * 2 + c];
        }
        for (int64_t piece = 0; piece < pieces.perSample; ++piece) {
            double share = double(pieces.rowsOf(piece)) / double(pieces.positions);
            const float *part = parts + piece * channels * 2;
            for (int64_t c = 0; c < channels; ++c) {
                double away = part[c] - means[c];
                variances[c] += part[channels + c] / double(pieces.positions) + share * away * away;
            }
        }
        for (int64_t g = 0; g < groups; ++g) {
            double mean = 0, variance = 0;
            for (int64_t c = g * width; c < (g + 1) * width; ++c) mean += means[c] / double(width);
            for (int64_t c = g * width; c < (g + 1) * width; ++c) {
                double away = means[c] - mean;
                variance += (variances[c] + away * away) / double(width);
            }
            double deviation = 1 / std::sqrt(std::max(variance, 0.0) + epsilon);
            result.mean.mutable_data_ptr<float>()[n * groups + g] = float(mean);
            result.deviation.mutable_data_ptr<float>()[n * groups + g] = float(deviation);
            for (int64_t c = g * width; c < (g + 1) * width; ++c) {
                double factor = deviation * floats(weight)[c];
                double addend = floats(bias)[c] - mean * factor;
                if (modulation.defined()) {
                    const float *m = floats(modulation) + n * channels * 2;
                    factor *= 1 + m[c];
                    addend = addend * (1 + m[c]) + m[channels + c];
                }
                result.scale.mutable_data_ptr<float>()[n * channels + c] = float(factor);
                result.shift.mutable_data_ptr<float>()[n * channels + c] = float(addend);
            }
        }
    }
    return result;
}

template <typename T>
at::Tensor forward(const at::Tensor &x, const Pieces &pieces, const Lines &lines, bool silu) {
    auto y = at::empty_like(x);
    T *target = static_cast<T *>(y.mutable_data_ptr());
    pieces.run([&](int64_t, int64_t sample, int64_t offset, int64_t rows) {
        transformRows(
            elements<T>(x) + offset, target + offset, rows, pieces.channels,
            floats(lines.scale) + sample * pieces.channels, floats(lines.shift) + sample * pieces.channels, silu);
    });
    return y;
}

struct Gradients {
    at::Tensor input, weight, bias, modulation;
};

template <typename T>
Gradients backward(
    const at::Tensor &x, const at::Tensor &dy, const Lines &lines, int64_t groups, const at::Tensor &weight,
    const at::Tensor &bias, const at::Tensor &modulation, bool silu) {
    Pieces pieces(x);
    int64_t samples = pieces.samples, channels = pieces.channels, width = channels / groups;
    std::vector<float> means(samples * channels), partial(samples * pieces.perSample * channels * 2, 0.0f);
    for (int64_t index = 0; index < samples * channels; ++index) means[index] = floats(lines.mean)[index / width];
    const float *scale = floats(lines.scale), *shift = floats(lines.shift);
    pieces.run([&](int64_t piece, int64_t sample, int64_t offset, int64_t rows) {
        float *sums = partial.data() + piece * channels * 2;
        int64_t first = sample * channels;
        gatherRows(
            elements<T>(x) + offset, elements<T>(dy) + offset, rows, channels, scale + first, shift + first,
            means.data() + first, silu, sums, sums + channels);
    });
    Gradients result{at::empty_like(x), at::zeros({channels}, lines.scale.options()), {}, {}};
    result.bias = at::zeros({channels}, lines.scale.options());
    if (modulation.defined()) result.modulation = at::empty({samples, 2 * channels}, lines.scale.options());
    std::vector<float> slant(samples * channels), offset(samples * channels);
    double count = double(pieces.positions) * double(width);
    for (int64_t n = 0; n < samples; ++n) {
        std::vector<double> first(channels, 0.0), second(channels, 0.0);
        for (int64_t piece = n * pieces.perSample; piece < (n + 1) * pieces.perSample; ++piece) {
            for (int64_t c = 0; c < channels; ++c) {
                first[c] += partial[piece * channels * 2 + c];
                second[c] += partial[piece * channels * 2 + channels + c];
            }
        }
        for (int64_t g = 0; g < groups; ++g) {
            double deviation = floats(lines.deviation)[n * groups + g], mean = floats(lines.mean)[n * groups + g];
            double total = 0, product = 0;
            for (int64_t c = g * width; c < (g + 1) * width; ++c) {
                second[c] *= deviation;
                double w = floats(weight)[c], modulated = 1;
                if (modulation.defined()) {
                    modulated += floats(modulation)[n * channels * 2 + c];
                    float *target = result.modulation.mutable_data_ptr<float>() + n * channels * 2;
                    target[c] = float(w * second[c] + floats(bias)[c] * first[c]);
                    target[channels + c] = float(first[c]);
                }
                result.weight.mutable_data_ptr<float>()[c] += float(modulated * second[c]);
                result.bias.mutable_data_ptr<float>()[c] += float(modulated * first[c]);
                total += modulated * w * first[c] / count;
                product += modulated * w * second[c] / count;
            }
            for (int64_t c = g * width; c < (g + 1) * width; ++c) {
                slant[n * channels + c] = float(-deviation * deviation * product);
                offset[n * channels + c] = float(deviation * (deviation * product * mean - total));
            }
        }
    }
    T *target = static_cast<T *>(result.input.mutable_data_ptr());
    pieces.run([&](int64_t, int64_t sample, int64_t place, int64_t rows) {
        int64_t first = sample * channels;
        applyRows(
            elements<T>(x) + place, elements<T>(dy) + place, target + place, rows, channels, scale + first,
            shift + first, slant.data() + first, offset.data() + first, silu);
    });
    return result;
}

at::Tensor asFloat(const at::Tensor &tensor) {
    return tensor.defined() ? tensor.to(at::kFloat).contiguous() : tensor;
}

struct GroupNorm : torch::autograd::Function<GroupNorm> {
    static at::Tensor forward(
        torch::autograd::AutogradContext *context, const at::Tensor &input, int64_t groups, const at::Tensor &weight,
        const at::Tensor &bias, const std::optional<at::Tensor> &given, bool silu, double epsilon) {
        auto x = input.contiguous();
        auto modulation = given.value_or(at::Tensor());
        auto w = asFloat(weight), b = asFloat(bias), m = asFloat(modulation);
        Pieces pieces(x);
        bool isFloat = x.scalar_type() == at::kFloat;
        auto made = isFloat ? lines(elements<float>(x), pieces, groups, w, b, m, epsilon)
                            : lines(elements<BFloat16>(x), pieces, groups, w, b, m, epsilon);
        context->save_for_backward(
            {x, weight, bias, modulation, made.scale, made.shift, made.mean, made.deviation});
        context->saved_data["groups"] = groups;
        context->saved_data["silu"] = silu;
        return isFloat ? ::forward<float>(x, pieces, made, silu) : ::forward<BFloat16>(x, pieces, made, silu);
    }

    static torch::autograd::variable_list backward(
        torch::autograd::AutogradContext *context, const torch::autograd::variable_list &outputs) {
        auto saved = context->get_saved_variables();
        const auto &x = saved[0];
        auto dy = outputs[0].contiguous();
        Lines made{saved[4], saved[5], saved[6], saved[7]};
        auto w = asFloat(saved[1]), b = asFloat(saved[2]), m = asFloat(saved[3]);
        auto groups = context->saved_data["groups"].toInt();
        auto silu = context->saved_data["silu"].toBool();
        auto result = x.scalar_type() == at::kFloat ? ::backward<float>(x, dy, made, groups, w, b, m, silu)
                                                    : ::backward<BFloat16>(x, dy, made, groups, w, b, m, silu);
        auto modulation = saved[3].defined() ? result.modulation.to(saved[3].scalar_type()) : at::Tensor();
        return {result.input, at::Tensor(), result.weight.to(saved[1].scalar_type()),
                result.bias.to(saved[2].scalar_type()), modulation, at::Tensor(), at::Tensor()};
    }
};

// The same of libtorch's own operations, for devices and types that the kernels do not know.
at::Tensor composed(
    const at::Tensor &x, int64_t groups, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &modulation,
    bool silu, double epsilon) {
    auto type = x.scalar_type();
    auto y = at::group_norm(x.transpose(1, 2), groups, weight.to(type), bias.to(type), epsilon).transpose(1, 2);
    if (modulation.defined()) {
        auto parts = modulation.to(type).unsqueeze(1).chunk(2, 2);
        y = y.mul(parts[0].add(1)).add(parts[1]);
    }
    return silu ? at::silu(y) : y;
}

} // namespace

ct_status ct_group_norm(
    const ct_tensor *input, int64_t groups, const ct_tensor *weight, const ct_tensor *bias, const ct_tensor *modulation,
    bool silu, double epsilon, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &x = input->value;
        TORCH_CHECK(x.dim() == 3 && groups > 0 && x.size(2) % groups == 0, "group norm of ", x.sizes(), " in ", groups, " groups");
        auto m = ct::orUndefined(modulation);
        std::vector<int64_t> channels{x.size(2)}, both{x.size(0), 2 * x.size(2)};
        TORCH_CHECK(weight->value.sizes() == channels, "weight ", weight->value.sizes(), " for ", x.sizes());
        TORCH_CHECK(bias->value.sizes() == channels, "bias ", bias->value.sizes(), " for ", x.sizes());
        TORCH_CHECK(!m.defined() || m.sizes() == both, "modulation ", m.sizes(), " for ", x.sizes());
        if (x.is_meta()) return ct::shapeOnly(x.sizes(), x, ct::gradients(x, weight->value) > 0);
        bool isKnown = x.is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
        if (!isKnown || x.numel() == 0) return composed(x, groups, weight->value, bias->value, m, silu, epsilon);
        return GroupNorm::apply(x, groups, weight->value, bias->value, ct::optional(modulation), silu, epsilon);
    });
}
