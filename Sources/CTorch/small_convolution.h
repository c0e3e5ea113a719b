// Convolution of images of a few pixels.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

// Whether smallConvolution takes these: on the CPU, channels last, at most 2×2 pixels before and after, and a kernel so
// large that most of it lies outside.
bool isSmallConvolution(const at::Tensor &input, const at::Tensor &weight, int64_t stride, int64_t padding);

// at::conv2d of an input (N, H, W, I), a weight (O, I, k, k) and a bias: (N, H', W', O).
at::Tensor smallConvolution(
    const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias, int64_t stride, int64_t padding);

} // namespace ct
