// Convolution of images of a few pixels, as deep levels of a U-Net over latents have them: of a 3×3 kernel on one pixel
// eight taps of nine meet nothing but padding. Here each output pixel is a sum of products of matrices over those taps
// alone that lie within the image, on the weights where they are: a quarter to a ninth of the arithmetic, and no copy of
// the weights in another order.
#include "small_convolution.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace {

constexpr int64_t largest = 2;

struct Shape {
    int64_t images, height, width, inputs, outputs, kernel, stride, padding, rows, columns;

    Shape(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding)
        : images(x.size(0)), height(x.size(1)), width(x.size(2)), inputs(x.size(3)), outputs(weight.size(0)),
          kernel(weight.size(2)), stride(stride), padding(padding), rows((height + 2 * padding - kernel) / stride + 1),
          columns((width + 2 * padding - kernel) / stride + 1) {}
};

// Neighbouring taps of one row of the kernel that meet neighbouring pixels of the input: in memory both are one run.
struct Run {
    int64_t output, input, tap, length;
};

// Calls body for all runs; those of an output pixel follow each other.
template <typename Body> void forRuns(const Shape &s, Body &&body) {
    for (int64_t row = 0; row < s.rows; ++row) {
        for (int64_t column = 0; column < s.columns; ++column) {
            int64_t top = row * s.stride - s.padding, left = column * s.stride - s.padding;
            int64_t first = std::max<int64_t>(0, -left), last = std::min(s.kernel, s.width - left);
            for (int64_t y = std::max<int64_t>(0, -top); y < std::min(s.kernel, s.height - top); ++y) {
                body(Run{
                    row * s.columns + column, (top + y) * s.width + left + first, y * s.kernel + first, last - first});
            }
        }
    }
}

// Pixels of all images (N, length · channels), from one pixel on.
at::Tensor pixels(const at::Tensor &x, int64_t pixel, int64_t length) {
    int64_t channels = x.size(3);
    int64_t image = x.size(1) * x.size(2) * channels;
    return x.as_strided({x.size(0), length * channels}, {image, 1}, x.storage_offset() + pixel * channels);
}

// Taps of all outputs (O, length · I) of weights whose channels are last in memory.
at::Tensor taps(const at::Tensor &weight, const Run &run) {
    int64_t inputs = weight.size(1);
    int64_t output = weight.size(2) * weight.size(3) * inputs;
    return weight.as_strided(
        {weight.size(0), run.length * inputs}, {output, 1}, weight.storage_offset() + run.tap * inputs);
}

struct SmallConvolution : torch::autograd::Function<SmallConvolution> {
    static at::Tensor forward(
        torch::autograd::AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
        const at::Tensor &bias, int64_t stride, int64_t padding) {
        auto x = input.contiguous();
        Shape shape(x, weight, stride, padding);
        context->save_for_backward({x, weight});
        context->saved_data["stride"] = stride;
        context->saved_data["padding"] = padding;
        auto result = at::empty({shape.images, shape.rows, shape.columns, shape.outputs}, x.options());
        int64_t begun = -1;
        forRuns(shape, [&](const Run &run) {
            auto place = pixels(result, run.output, 1);
            auto product = taps(weight, run).t();
            if (run.output == begun) place.addmm_(pixels(x, run.input, run.length), product);
            else at::addmm_out(place, bias, pixels(x, run.input, run.length), product);
            begun = run.output;
        });
        return result;
    }

    static torch::autograd::variable_list backward(
        torch::autograd::AutogradContext *context, const torch::autograd::variable_list &outputs) {
        auto saved = context->get_saved_variables();
        const auto &x = saved[0], &weight = saved[1];
        auto dy = outputs[0].contiguous();
        Shape shape(x, weight, context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt());
        at::Tensor dx, dw, db;
        if (context->needs_input_grad(0)) dx = at::zeros_like(x);
        if (context->needs_input_grad(1)) dw = at::zeros_like(weight);
        if (context->needs_input_grad(2)) db = dy.sum({0, 1, 2});
        forRuns(shape, [&](const Run &run) {
            auto gradient = pixels(dy, run.output, 1);
            if (dx.defined()) pixels(dx, run.input, run.length).addmm_(gradient, taps(weight, run));
            if (dw.defined()) taps(dw, run).addmm_(gradient.t(), pixels(x, run.input, run.length));
        });
        return {dx, dw, db, at::Tensor(), at::Tensor()};
    }
};

} // namespace

namespace ct {

bool isSmallConvolution(const at::Tensor &input, const at::Tensor &weight, int64_t stride, int64_t padding) {
    if (!input.is_cpu() || weight.size(2) < 3 || !weight.is_contiguous(at::MemoryFormat::ChannelsLast)) return false;
    Shape shape(input, weight, stride, padding);
    // What does not fit is left to conv2d to refuse; with less padding than kernel every output pixel has taps.
    bool fits = weight.size(3) == shape.kernel && padding < shape.kernel
        && std::min(shape.height, shape.width) + 2 * padding >= shape.kernel;
    if (!fits) return false;
    bool isOne = shape.height * shape.width == 1 && shape.rows * shape.columns == 1;
    // Sums of several products are kept in float32 alone.
    if (input.scalar_type() != at::kFloat && !isOne) return false;
    return shape.images > 0 && std::max({shape.height, shape.width, shape.rows, shape.columns}) <= largest;
}

at::Tensor smallConvolution(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, int64_t stride, int64_t padding) {
    return SmallConvolution::apply(input, weight, bias, stride, padding);
}

} // namespace ct
