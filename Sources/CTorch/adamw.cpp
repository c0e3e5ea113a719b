// AdamW, the moving average and the copies in lower precision, in one pass over the memory.
#include "internal.h"
#include "kernels.h"
#include "parallel.h"

#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <map>

namespace {

struct Step {
    float rate, decay, beta1, beta2, epsilon, correction1, correction2, scale, average;
};

template <typename T, typename L>
CT_INLINE void step(
    float *weight, L *low, const T *gradient, float *first, float *second, float *average, int64_t count, const Step &s) {
    for (int64_t i = 0; i < count; ++i) {
        float g = ct::load(gradient[i]) * s.scale;
        float m = first[i] + (g - first[i]) * (1 - s.beta1);
        float v = second[i] * s.beta2 + g * g * (1 - s.beta2);
        float w = weight[i] * s.decay - s.rate * (m * s.correction1) / (std::sqrt(v * s.correction2) + s.epsilon);
        first[i] = m;
        second[i] = v;
        weight[i] = w;
        if (low) ct::store(low[i], w);
        if (average) average[i] += (w - average[i]) * s.average;
    }
}

#define CT_INSTANCE(T, L)                                                                                              \
    CT_CLONES void stepRange(                                                                                          \
        float *weight, L *low, const T *gradient, float *first, float *second, float *average, int64_t count,          \
        const Step &s) {                                                                                               \
        if (low && average) step(weight, low, gradient, first, second, average, count, s);                             \
        else if (low) step<T, L>(weight, low, gradient, first, second, nullptr, count, s);                             \
        else if (average) step<T, L>(weight, nullptr, gradient, first, second, average, count, s);                     \
        else step<T, L>(weight, nullptr, gradient, first, second, nullptr, count, s);                                  \
    }
CT_INSTANCE(float, ct::BFloat16)
CT_INSTANCE(ct::BFloat16, ct::BFloat16)

// Whether all lie on the CPU in the order of memory of the weight, with the types that the kernel has.
bool isKnown(const ct_parameter &p) {
    const auto &weight = p.weight->value;
    auto lies = [&](const ct_tensor *tensor, at::ScalarType type) {
        if (!tensor) return true;
        const auto &x = tensor->value;
        return x.is_cpu() && x.scalar_type() == type && x.strides() == weight.strides();
    };
    const auto &gradient = p.gradient->value;
    bool isKnown = gradient.scalar_type() == at::kFloat || gradient.scalar_type() == at::kBFloat16;
    return weight.is_non_overlapping_and_dense() && gradient.is_cpu() && isKnown
        && lies(p.weight, at::kFloat) && lies(p.first_moment, at::kFloat) && lies(p.second_moment, at::kFloat)
        && lies(p.average, at::kFloat) && lies(p.low, at::kBFloat16);
}

void stepOnCPU(const ct_parameter &p, const Step &s) {
    const auto &weight = p.weight->value;
    auto count = weight.numel();
    // Moments have the order of memory of the weight, gradients need not.
    auto gradient = p.gradient->value;
    if (gradient.strides() != weight.strides()) gradient = at::empty_like(weight, gradient.options()).copy_(gradient);
    auto *w = weight.mutable_data_ptr<float>();
    auto *low = p.low ? static_cast<ct::BFloat16 *>(p.low->value.mutable_data_ptr()) : nullptr;
    auto *first = p.first_moment->value.mutable_data_ptr<float>();
    auto *second = p.second_moment->value.mutable_data_ptr<float>();
    auto *average = p.average ? p.average->value.mutable_data_ptr<float>() : nullptr;
    const void *g = gradient.const_data_ptr();
    bool isFloat = gradient.scalar_type() == at::kFloat;
    ct::parallel(count, 32768, [&](int64_t begin, int64_t end) {
        auto n = end - begin;
        auto *l = low ? low + begin : nullptr;
        auto *a = average ? average + begin : nullptr;
        if (isFloat) {
            stepRange(w + begin, l, static_cast<const float *>(g) + begin, first + begin, second + begin, a, n, s);
        } else {
            stepRange(w + begin, l, static_cast<const ct::BFloat16 *>(g) + begin, first + begin, second + begin, a, n, s);
        }
    });
}

// What libtorch's own operations take of parameters that decay alike, one list a column.
struct Group {
    std::vector<at::Tensor> weights, gradients, firsts, seconds, lows, lowWeights, averages, averageWeights;

    void append(const ct_parameter &p) {
        const auto &weight = p.weight->value;
        // libtorch checks this on a GPU alone.
        for (const auto *tensor : {p.weight, p.first_moment, p.second_moment}) {
            const auto &x = tensor->value;
            bool lies = x.scalar_type() == at::kFloat && x.strides() == weight.strides();
            TORCH_CHECK(
                lies && x.is_non_overlapping_and_dense(), "weight and moments of ", x.scalar_type(),
                " in orders of memory ", weight.strides(), " and ", x.strides());
        }
        weights.push_back(weight);
        gradients.push_back(p.gradient->value);
        firsts.push_back(p.first_moment->value);
        seconds.push_back(p.second_moment->value);
        if (p.low) {
            lows.push_back(p.low->value);
            lowWeights.push_back(weight);
        }
        if (p.average) {
            averages.push_back(p.average->value);
            averageWeights.push_back(weight);
        }
    }

    // Gradients as float32 in the order of memory of their weights.
    std::vector<at::Tensor> floats() const {
        std::vector<at::Tensor> all, made, sources;
        for (size_t index = 0; index < weights.size(); ++index) {
            const auto &gradient = gradients[index];
            bool isReady = gradient.scalar_type() == at::kFloat && gradient.strides() == weights[index].strides();
            all.push_back(isReady ? gradient : at::empty_like(weights[index]));
            if (isReady) continue;
            made.push_back(all.back());
            sources.push_back(gradient);
        }
        if (!made.empty()) at::_foreach_copy_(made, sources);
        return all;
    }
};

// The same of libtorch's own operations on other devices: a GPU takes a few launches for all parameters together.
void stepElsewhere(const Group &group, double decay, const at::Tensor &scale, const ct_adamw &options) {
    auto step = at::full({}, double(options.step), group.weights[0].options().dtype(at::kFloat));
    std::vector<at::Tensor> steps(group.weights.size(), step);
    // libtorch divides the gradients in place, and leaves all as it is where the last argument is 1.
    at::_fused_adamw_(
        group.weights, group.floats(), group.firsts, group.seconds, {}, steps, options.rate, options.beta1, options.beta2,
        decay, options.epsilon, false, false, scale.reciprocal(), scale.isnan().to(at::kFloat));
    if (!group.lows.empty()) at::_foreach_copy_(group.lows, group.lowWeights);
    if (!group.averages.empty()) at::_foreach_lerp_(group.averages, group.averageWeights, 1 - options.average_decay);
}

} // namespace

ct_status ct_adamw_step(const ct_parameter *parameters, int32_t count, const ct_tensor *scale, ct_adamw options) {
    return ct::guarded([&] {
        at::NoGradGuard unrecorded;
        const auto &factor = scale->value;
        TORCH_CHECK(
            factor.scalar_type() == at::kFloat && factor.numel() == 1, "a scale of ", factor.sizes(), " of ",
            factor.scalar_type());
        std::map<double, Group> others;
        for (int32_t index = 0; index < count; ++index) {
            const auto &p = parameters[index];
            for (const ct_tensor *tensor : {p.gradient, p.first_moment, p.second_moment, p.low, p.average}) {
                if (!tensor) continue;
                const auto &x = tensor->value;
                bool fits = x.sizes() == p.weight->value.sizes() && x.is_floating_point();
                TORCH_CHECK(fits, "a weight ", p.weight->value.sizes(), " with ", x.sizes(), " of ", x.scalar_type());
            }
            if (!isKnown(p) || !factor.is_cpu()) {
                others[p.decay].append(p);
                continue;
            }
            Step s{};
            s.rate = float(options.rate);
            s.decay = float(1 - options.rate * p.decay);
            s.beta1 = float(options.beta1);
            s.beta2 = float(options.beta2);
            s.epsilon = float(options.epsilon);
            s.correction1 = float(1 / (1 - std::pow(options.beta1, double(options.step))));
            s.correction2 = float(1 / (1 - std::pow(options.beta2, double(options.step))));
            s.scale = *ct::elements<float>(factor);
            s.average = float(1 - options.average_decay);
            if (!std::isnan(s.scale)) stepOnCPU(p, s);
        }
        for (const auto &[decay, group] : others) stepElsewhere(group, decay, factor, options);
    });
}

ct_status ct_norm(const ct_tensor *const *tensors, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] {
        at::NoGradGuard unrecorded;
        TORCH_CHECK(count > 0, "the norm of no tensors");
        std::vector<at::Tensor> norms;
        if (tensors[0]->value.is_cpu()) {
            for (int32_t index = 0; index < count; ++index) {
                norms.push_back(at::linalg_vector_norm(tensors[index]->value, 2, std::nullopt, false, at::kFloat));
            }
        } else {
            // A few launches for all tensors of a type.
            std::map<at::ScalarType, std::vector<at::Tensor>> types;
            for (int32_t index = 0; index < count; ++index) {
                types[tensors[index]->value.scalar_type()].push_back(tensors[index]->value);
            }
            for (const auto &[type, alike] : types) {
                for (auto &norm : at::_foreach_norm(alike, 2, at::kFloat)) norms.push_back(std::move(norm));
            }
        }
        return at::stack(norms).to(at::kDouble).square().sum().sqrt();
    });
}
