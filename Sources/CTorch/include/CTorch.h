// libtorch behind a C interface: opaque handles, out-parameters, a status from every call that can fail.
//
// No C++ exception crosses it: a call that fails returns other than CT_OK, leaves its out-parameter alone, and keeps its
// message for ct_message() on that thread. A handle given out is owned by the caller, who ends it with its _free.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

typedef struct ct_tensor ct_tensor;
typedef struct ct_reading ct_reading;
typedef struct ct_script ct_script;

typedef int32_t ct_status;
static const ct_status CT_OK = 0, CT_FAILED = 1, CT_OUT_OF_MEMORY = 2;

// What went wrong in the last call that failed on this thread: one line.
const char *ct_message(void);

typedef enum ct_type {
    CT_FLOAT32, CT_FLOAT16, CT_BFLOAT16, CT_FLOAT64, CT_INT64, CT_INT32, CT_INT16, CT_INT8, CT_UINT8, CT_BOOL,
} ct_type;

typedef enum ct_kind { CT_CPU, CT_CUDA, CT_META } ct_kind;
// A kind of device; of several CUDA devices its number, from 0.
typedef struct ct_device {
    ct_kind kind;
    int32_t index;
} ct_device;

// The process

const char *ct_version(void);
void ct_set_threads(int32_t count);
int32_t ct_threads(void);
// Loads the CUDA half of libtorch where there is one, and counts the CUDA devices that the process sees, at least 1.
ct_status ct_cuda_devices(int32_t *count);
// Makes a device ready, and the current one.
ct_status ct_open_device(ct_device device);
// What NVIDIA's driver calls a CUDA device (with its final 0 at most `capacity` bytes), and the bytes of its memory. False
// where the driver does not say it, and for other devices.
bool ct_describe_device(ct_device device, char *name, int32_t capacity, int64_t *memory);
// Waits for what the device still does.
ct_status ct_synchronize(ct_device device);
// The most memory of the device that tensors held at once, in bytes; 0 on the CPU, where libtorch does not count.
int64_t ct_highest_memory(ct_device device);
// Whether this processor multiplies bfloat16 without emulation.
bool ct_has_bfloat16(ct_device device);

// Floating-point operations of convolutions and products since the thread began (2 a multiply-add), as called, and as
// their gradients will take; and the bytes of all results that were recorded, most of which gradients need.
typedef struct ct_flops {
    double forward, backward, bytes;
} ct_flops;
ct_flops ct_flops_so_far(void);

// Tensors: life and contents

void ct_tensor_free(ct_tensor *tensor);
int32_t ct_dimensions(const ct_tensor *tensor);
void ct_sizes(const ct_tensor *tensor, int64_t *sizes);
ct_type ct_tensor_type(const ct_tensor *tensor);
ct_device ct_tensor_device(const ct_tensor *tensor);
ct_status ct_full(const int64_t *sizes, int32_t count, double value, ct_type type, ct_device device, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_fill(ct_tensor *target, double value);
// A new tensor of zeros with the sizes and the order of memory of another.
ct_status ct_zeros_like(const ct_tensor *tensor, ct_type type, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_clone(const ct_tensor *tensor, ct_tensor *_Nullable *_Nonnull out);

// Copies between the host and devices

// Copies that this thread has asked for. The CPU counts as a device, so that a count on the CPU is the count on a GPU.
typedef struct ct_copies {
    // The host waits: elements are read, overwritten, lent, or moved to another device.
    int64_t waits;
    // Elements follow the work that the device was given, and the host goes on.
    int64_t uploads, readings;
} ct_copies;
ct_copies ct_copies_so_far(void);
// Copies `bytes` (C order) into a new tensor: an upload. They travel to a CUDA device beside what it still computes, and
// operations on the tensor wait for them.
ct_status ct_from_bytes(const void *_Nullable bytes, size_t length, const int64_t *sizes, int32_t count, ct_type type, ct_device device, ct_tensor *_Nullable *_Nonnull out);
// Copies the elements out in C order, whatever the strides and the device.
ct_status ct_to_bytes(const ct_tensor *tensor, void *_Nullable bytes, size_t length);
// Copies bytes (C order, the tensor's type) into a tensor that exists.
ct_status ct_set_bytes(ct_tensor *tensor, const void *_Nullable bytes, size_t length);
// The first element of a dense tensor on the CPU; NULL elsewhere.
void *_Nullable ct_data(ct_tensor *tensor);
// The first element of a dense tensor, in the memory of its device; NULL for another.
void *_Nullable ct_memory(ct_tensor *tensor);
ct_status ct_convert(const ct_tensor *tensor, ct_type type, ct_device device, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_copy_into(ct_tensor *target, const ct_tensor *source);
// Starts a copy of the elements, as they are when the device comes to it, to the host.
ct_status ct_reading_start(const ct_tensor *tensor, ct_reading *_Nullable *_Nonnull out);
// Waits until the elements have arrived, and gives them in C order.
ct_status ct_reading_finish(const ct_reading *reading, void *_Nullable bytes, size_t length);
void ct_reading_free(ct_reading *reading);

// Random numbers

// The four words of a counter of four words and a key of two: Philox 4x32-10 (Salmon et al. 2011).
void ct_philox(const uint32_t *counter, const uint32_t *key, uint32_t *words);
// Standard normal float32 numbers by Philox, on the device of the int64 seeds: for each seed as many as `sizes` say, those
// of one seed behind those of the other along the first dimension. A number depends on its seed and its place alone.
ct_status ct_normal(const ct_tensor *seeds, const int64_t *sizes, int32_t count, ct_tensor *_Nullable *_Nonnull out);
// Uniform float32 numbers in [0, 1), as ct_normal.
ct_status ct_uniform(const ct_tensor *seeds, const int64_t *sizes, int32_t count, ct_tensor *_Nullable *_Nonnull out);

// Shapes

ct_status ct_reshape(const ct_tensor *tensor, const int64_t *sizes, int32_t count, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_permute(const ct_tensor *tensor, const int64_t *order, int32_t count, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_expand(const ct_tensor *tensor, const int64_t *sizes, int32_t count, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_narrow(const ct_tensor *tensor, int64_t dimension, int64_t start, int64_t length, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_concatenate(const ct_tensor *_Nullable const *_Nonnull tensors, int32_t count, int64_t dimension, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_contiguous(const ct_tensor *tensor, bool channels_last, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_index_select(const ct_tensor *tensor, int64_t dimension, const ct_tensor *indices, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_cumulative_sum(const ct_tensor *tensor, int64_t dimension, ct_tensor *_Nullable *_Nonnull out);

// Element by element

typedef enum ct_unary {
    CT_ABS, CT_ROUND, CT_SQUARE, CT_SQRT, CT_EXP, CT_LOG, CT_TANH, CT_SIGMOID, CT_SILU, CT_GELU, CT_QUICK_GELU, CT_IS_FINITE,
} ct_unary;
ct_status ct_apply(ct_unary operation, const ct_tensor *tensor, ct_tensor *_Nullable *_Nonnull out);

// CT_LESS gives bool.
typedef enum ct_binary { CT_ADD, CT_SUBTRACT, CT_MULTIPLY, CT_DIVIDE, CT_LESS } ct_binary;
ct_status ct_combine(ct_binary operation, const ct_tensor *left, const ct_tensor *right, ct_tensor *_Nullable *_Nonnull out);
// scale · x + offset
ct_status ct_affine(const ct_tensor *tensor, double scale, double offset, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_clamp(const ct_tensor *tensor, double low, double high, ct_tensor *_Nullable *_Nonnull out);
// target += scale · source, in place
ct_status ct_accumulate(ct_tensor *target, const ct_tensor *source, double scale);
// target /= divisor, in place
ct_status ct_divide(ct_tensor *target, const ct_tensor *divisor);

// Reductions

typedef enum ct_reduction { CT_SUM, CT_MEAN, CT_MAX, CT_MIN } ct_reduction;
// Over the dimensions given, all where none is.
ct_status ct_reduce(ct_reduction operation, const ct_tensor *tensor, const int64_t *_Nullable dimensions, int32_t count, bool keep, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_softmax(const ct_tensor *tensor, int64_t dimension, ct_tensor *_Nullable *_Nonnull out);
// The index of the greatest element along a dimension, int64.
ct_status ct_argmax(const ct_tensor *tensor, int64_t dimension, ct_tensor *_Nullable *_Nonnull out);
// -log softmax of logits (..., C) at classes (...), int64.
ct_status ct_cross_entropy(const ct_tensor *logits, const ct_tensor *classes, ct_tensor *_Nullable *_Nonnull out);

// Products

ct_status ct_matmul(const ct_tensor *left, const ct_tensor *right, ct_tensor *_Nullable *_Nonnull out);
// X of A X = B for each A (…, n, n) and B (…, n, k).
ct_status ct_solve(const ct_tensor *matrix, const ct_tensor *right, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_linear(const ct_tensor *input, const ct_tensor *weight, const ct_tensor *_Nullable bias, ct_tensor *_Nullable *_Nonnull out);
// Images are (N, H, W, C), weights (O, I, h, w) and best with channels last in memory.
ct_status ct_convolution(const ct_tensor *input, const ct_tensor *weight, const ct_tensor *_Nullable bias, int64_t stride, int64_t padding, ct_tensor *_Nullable *_Nonnull out);
// The weight is (I, O, h, w).
ct_status ct_transposed_convolution(const ct_tensor *input, const ct_tensor *weight, const ct_tensor *_Nullable bias, int64_t stride, int64_t padding, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_embedding(const ct_tensor *table, const ct_tensor *indices, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_upsample_nearest(const ct_tensor *input, int64_t factor, ct_tensor *_Nullable *_Nonnull out);
// Bilinear, pixel centres at halves, with antialiasing where it shrinks.
ct_status ct_resize_bilinear(const ct_tensor *input, int64_t height, int64_t width, bool antialias, ct_tensor *_Nullable *_Nonnull out);
// Bicubic (a = -1/2) with antialiasing where it shrinks.
ct_status ct_resize_bicubic(const ct_tensor *input, int64_t height, int64_t width, ct_tensor *_Nullable *_Nonnull out);

// Normalisation

// Over the last dimension; the weight and the bias are taken in the type of the input.
ct_status ct_layer_norm(const ct_tensor *input, const ct_tensor *_Nullable weight, const ct_tensor *_Nullable bias, double epsilon, ct_tensor *_Nullable *_Nonnull out);
// Group normalisation of (N, P, C), then (1 + scale) · y + shift with `modulation` (N, 2C) = [scale, shift] where given,
// then SiLU where `silu`: one pass forward and one backward.
ct_status ct_group_norm(const ct_tensor *input, int64_t groups, const ct_tensor *weight, const ct_tensor *bias, const ct_tensor *_Nullable modulation, bool silu, double epsilon, ct_tensor *_Nullable *_Nonnull out);

// Attention

// Softmax attention along the second dimension of qkv (B, T, P, 3·heads·d), for each of B · P positions and each head:
// softmax(q kᵀ / √d + bias) v, with bias (heads, T, T). For short sequences: T up to 64, d up to 128. Gives (B, T, P, heads·d).
ct_status ct_sequence_attention(const ct_tensor *qkv, const ct_tensor *_Nullable bias, int64_t heads, ct_tensor *_Nullable *_Nonnull out);
// Softmax attention of queries (B, T, heads·d) among keys and values (B, S, heads·d): softmax(q kᵀ / √d) v for each head.
// The scores (T, S) are never in memory as a whole. Gives (B, T, heads·d).
ct_status ct_attention(const ct_tensor *query, const ct_tensor *key, const ct_tensor *value, int64_t heads, ct_tensor *_Nullable *_Nonnull out);
// Linear attention over the positions P of qkv (N, P, 3·heads·d) (Shen et al. 2021): softmax_d(q) / √d · (softmax_P(k)ᵀ v).
ct_status ct_linear_attention(const ct_tensor *qkv, int64_t heads, ct_tensor *_Nullable *_Nonnull out);

// Gradients

// Whether operations on this thread are recorded; returns what held before.
bool ct_record_gradients(bool enabled);
bool ct_requires_gradient(const ct_tensor *tensor);
ct_status ct_set_requires_gradient(ct_tensor *tensor, bool required);
ct_status ct_detach(const ct_tensor *tensor, ct_tensor *_Nullable *_Nonnull out);
ct_status ct_backward(const ct_tensor *loss);
// The gradient of a leaf; NULL where it has none.
ct_status ct_gradient(const ct_tensor *tensor, ct_tensor *_Nullable *_Nonnull out);
void ct_clear_gradient(ct_tensor *tensor);
// Calls `ready(context, index)` during ct_backward, on its thread, once the leaf's gradient is complete; NULL ends that.
ct_status ct_on_gradient(ct_tensor *leaf, void (*_Nullable ready)(void *context, int64_t index), void *context, int64_t index);

// Optimisation

// The tensors of one parameter; `weight` is the float32 master, `low` the copy in lower precision that the model runs on.
typedef struct ct_parameter {
    ct_tensor *weight;
    ct_tensor *_Nullable low;
    ct_tensor *gradient;
    ct_tensor *first_moment;
    ct_tensor *second_moment;
    ct_tensor *_Nullable average;
    double decay;
} ct_parameter;
typedef struct ct_adamw {
    double rate, beta1, beta2, epsilon, average_decay;
    // From 1.
    int64_t step;
} ct_adamw;
// One AdamW step (Loshchilov & Hutter 2019, algorithm 2) and one of the moving average, in one pass over the memory.
// Gradients are multiplied with `scale`, one float32 number on their device, and are spent. Where `scale` is not a number,
// weights, copies and moments stay as they are.
ct_status ct_adamw_step(const ct_parameter *parameters, int32_t count, const ct_tensor *scale, ct_adamw options);
// The Euclidean norm over one or more tensors together: one float64 number on their device.
ct_status ct_norm(const ct_tensor *_Nullable const *_Nonnull tensors, int32_t count, ct_tensor *_Nullable *_Nonnull out);

// Streams

// An order of work of its own, beside the operations on a device. On the CPU, whose operations are done when a call
// returns, it orders nothing.
typedef struct ct_stream ct_stream;
ct_status ct_stream_new(ct_device device, ct_stream *_Nullable *_Nonnull out);
void ct_stream_free(ct_stream *stream);
// What the stream gets from now on begins after the operations that this thread gave the device.
ct_status ct_stream_follow(ct_stream *stream);
// The operations that this thread gives the device from now on begin after what the stream got.
ct_status ct_stream_join(ct_stream *stream);
// The cudaStream_t; on the CPU what tells one stream from another.
void *ct_stream_handle(ct_stream *stream);

// Work that a device repeats

// A CUDA graph: work that a CUDA device was given once, and repeats without being given its operations one by one.
typedef struct ct_graph ct_graph;
// Begins to record what this thread gives the device, which computes nothing of it yet. What is recorded must neither read
// from the host nor wait for the device.
ct_status ct_graph_begin(ct_device device, ct_graph *_Nullable *_Nonnull out);
// Ends it. Tensors that were made meanwhile get their values from a replay, and keep their memory as long as the graph.
ct_status ct_graph_end(ct_graph *graph);
// Gives the device the work, on the memory that it was recorded on.
ct_status ct_graph_replay(ct_graph *graph);
// Ends recording too, where it has not ended, and waits for the device.
void ct_graph_free(ct_graph *graph);

// What NCCL calls ncclUniqueId.
typedef struct ct_nccl_id {
    uint8_t bytes[128];
} ct_nccl_id;

// TorchScript

ct_status ct_script_load(const char *path, ct_device device, ct_script *_Nullable *_Nonnull out);
void ct_script_free(ct_script *script);
// Whether forward takes an argument of that name.
bool ct_script_has_argument(const ct_script *script, const char *name);
// Runs forward with tensors by position, then booleans by name; the first tensor of what it returns.
ct_status ct_script_run(ct_script *script, const ct_tensor *_Nullable const *_Nullable inputs, int32_t count, const char *_Nullable const *_Nullable names, const bool *_Nullable flags, int32_t flag_count, ct_tensor *_Nullable *_Nonnull out);
// Parameters and buffers by name: calls `visit` with each.
ct_status ct_script_parameters(ct_script *script, void (*visit)(void *context, const char *name, ct_tensor *tensor), void *context);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
