// Softmax attention over many tokens.
#include "internal.h"

#include <ATen/ops/scaled_dot_product_attention.h>

ct_status ct_attention(
    const ct_tensor *query, const ct_tensor *key, const ct_tensor *value, int64_t heads, ct_tensor **out) {
    return ct::computing(out, [&] {
        const auto &q = query->value, &k = key->value, &v = value->value;
        TORCH_CHECK(
            q.dim() == 3 && k.dim() == 3 && k.sizes() == v.sizes() && q.size(0) == k.size(0) && q.size(2) == k.size(2),
            "queries ", q.sizes(), " for keys ", k.sizes(), " and values ", v.sizes());
        TORCH_CHECK(heads > 0 && q.size(2) % heads == 0, heads, " heads of ", q.size(2), " channels");
        // Scores and sums, with as many operations each.
        ct::count(2.0 * double(q.numel()) * double(k.size(1)), ct::gradients(q, k));
        ct::count(2.0 * double(q.numel()) * double(k.size(1)), ct::gradients(q, v));
        if (q.is_meta()) return ct::shapeOnly(q.sizes(), q, ct::gradients(q, k) > 0);
        auto split = [&](const at::Tensor &x) {
            return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
        };
        auto attended = at::scaled_dot_product_attention(split(q), split(k), split(v));
        return attended.transpose(1, 2).reshape(q.sizes());
    });
}
