// Matrix products, convolutions, resampling and layer normalisation.
#include "internal.h"
#include "small_convolution.h"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_solve_ex.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>

ct_status ct_matmul(const ct_tensor *left, const ct_tensor *right, ct_tensor **out) {
    return ct::computing(out, [&] {
        auto result = at::matmul(left->value, right->value);
        ct::count(2.0 * double(result.numel()) * double(left->value.size(-1)), ct::gradients(left->value, right->value));
        return result;
    });
}

// In float32 where the type is narrower. A singular matrix gives numbers that are not finite: to look for it would make the
// host wait for a GPU.
ct_status ct_solve(const ct_tensor *matrix, const ct_tensor *right, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &a = matrix->value, &b = right->value;
        if (b.is_meta()) return ct::shapeOnly(b.sizes(), b, ct::gradients(a, b) > 0);
        auto type = b.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
        return std::get<0>(at::linalg_solve_ex(a.to(type), b.to(type))).to(b.scalar_type());
    });
}

ct_status ct_linear(const ct_tensor *input, const ct_tensor *weight, const ct_tensor *bias, ct_tensor **out) {
    return ct::computing(out, [&] {
        auto result = at::linear(input->value, weight->value, ct::optional(bias));
        ct::count(2.0 * double(result.numel()) * double(input->value.size(-1)), ct::gradients(input->value, weight->value));
        return result;
    });
}

// (N, H, W, C) as the (N, C, H, W) of libtorch, with channels last in memory: no element moves.
static at::Tensor channelsSecond(const at::Tensor &x) { return x.permute({0, 3, 1, 2}); }
static at::Tensor channelsLast(const at::Tensor &x) { return x.permute({0, 2, 3, 1}).contiguous(); }

ct_status ct_convolution(
    const ct_tensor *input, const ct_tensor *weight, const ct_tensor *bias, int64_t stride, int64_t padding, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &w = weight->value;
        auto x = channelsSecond(input->value);
        int64_t rows = (x.size(2) + 2 * padding - w.size(2)) / stride + 1;
        int64_t columns = (x.size(3) + 2 * padding - w.size(3)) / stride + 1;
        at::Tensor result;
        if (x.is_meta()) {
            result = ct::shapeOnly({x.size(0), rows, columns, w.size(0)}, x, ct::gradients(x, w) > 0);
        } else if (bias && ct::isSmallConvolution(input->value, w, stride, padding)) {
            result = ct::smallConvolution(input->value, w, bias->value, stride, padding);
        } else {
            result = channelsLast(at::conv2d(x, w, ct::optional(bias), stride, padding));
        }
        ct::count(
            2.0 * double(result.numel()) * double(w.size(1) * w.size(2) * w.size(3)), ct::gradients(input->value, w));
        return result;
    });
}

ct_status ct_transposed_convolution(
    const ct_tensor *input, const ct_tensor *weight, const ct_tensor *bias, int64_t stride, int64_t padding, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &w = weight->value;
        auto x = channelsSecond(input->value);
        int64_t rows = (x.size(2) - 1) * stride - 2 * padding + w.size(2);
        int64_t columns = (x.size(3) - 1) * stride - 2 * padding + w.size(3);
        auto result = x.is_meta() ? ct::shapeOnly({x.size(0), rows, columns, w.size(1)}, x, ct::gradients(x, w) > 0)
                                  : channelsLast(at::conv_transpose2d(x, w, ct::optional(bias), stride, padding));
        ct::count(2.0 * double(x.numel()) * double(w.size(1) * w.size(2) * w.size(3)), ct::gradients(x, w));
        return result;
    });
}

ct_status ct_embedding(const ct_tensor *table, const ct_tensor *indices, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &rows = table->value, &places = indices->value;
        if (!rows.is_meta()) return at::embedding(rows, places);
        auto sizes = places.sizes().vec();
        sizes.push_back(rows.size(1));
        return ct::shapeOnly(sizes, rows, ct::gradients(rows, rows) > 0);
    });
}

ct_status ct_upsample_nearest(const ct_tensor *input, int64_t factor, ct_tensor **out) {
    return ct::computing(out, [&] {
        auto x = channelsSecond(input->value);
        return channelsLast(at::upsample_nearest2d(x, {x.size(2) * factor, x.size(3) * factor}));
    });
}

// The antialiasing kernels of the CPU know no type below float32.
template <typename Resize> static at::Tensor antialiased(const at::Tensor &input, Resize &&resize) {
    auto x = channelsSecond(input);
    bool isLow = at::isReducedFloatingType(x.scalar_type());
    return channelsLast(resize(isLow ? x.to(at::kFloat) : x).to(x.scalar_type()));
}

ct_status ct_resize_bilinear(const ct_tensor *input, int64_t height, int64_t width, bool antialias, ct_tensor **out) {
    return ct::computing(out, [&] {
        if (!antialias) return channelsLast(at::upsample_bilinear2d(channelsSecond(input->value), {height, width}, false));
        return antialiased(input->value, [&](const at::Tensor &x) {
            return at::_upsample_bilinear2d_aa(x, {height, width}, false);
        });
    });
}

ct_status ct_resize_bicubic(const ct_tensor *input, int64_t height, int64_t width, ct_tensor **out) {
    return ct::computing(out, [&] {
        return antialiased(input->value, [&](const at::Tensor &x) {
            return at::_upsample_bicubic2d_aa(x, {height, width}, false);
        });
    });
}

ct_status ct_layer_norm(
    const ct_tensor *input, const ct_tensor *weight, const ct_tensor *bias, double epsilon, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &x = input->value;
        if (x.is_meta()) return ct::shapeOnly(x.sizes(), x, ct::gradients(x, x) > 0);
        // Parameters are float32 whatever the input's type; on the CPU layer_norm takes such a pair, on CUDA it does not.
        auto alike = [&](const ct_tensor *tensor) {
            return tensor ? std::optional(tensor->value.to(x.scalar_type())) : std::nullopt;
        };
        return at::layer_norm(x, {x.size(-1)}, alike(weight), alike(bias), epsilon);
    });
}
