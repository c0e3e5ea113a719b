// Random numbers by counter: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//
// The seed is the key (its lower 32 bits first), and numbers 4i … 4i + 3 of a seed come from the four words of the counter
// (i, 0, 0, 0). Normal numbers follow by Box and Muller in float64, rounded to float32 at the end: words w₀ and w₁ give
// r cos θ and r sin θ with r = √(−2 ln((w₀ + ½) / 2³²)) and θ = 2π w₁ / 2³², and so do w₂ and w₃. Uniform numbers are
// the upper 24 bits of a word over 2²⁴.
#include "internal.h"
#include "kernels.h"
#include "parallel.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <numbers>

// Rounding must not depend on the level of x86-64.
#pragma clang fp contract(off)

namespace {

constexpr uint64_t multipliers[2] = {0xD2511F53, 0xCD9E8D57};
constexpr uint64_t weyl[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int rounds = 10;
constexpr uint64_t low = 0xFFFFFFFF;

// Eight words, each in 64 bits, and eight numbers.
using Words = uint64_t __attribute__((ext_vector_type(8)));
using Reals = double __attribute__((ext_vector_type(8)));
using Floats = float __attribute__((ext_vector_type(8)));
constexpr int64_t width = 8;
// Numbers of a group of eight counters.
constexpr int64_t group = 4 * width;

// The words of eight counters from (first, 0, 0, 0) on. Within a round the upper halves hold rests that no product reads.
CT_INLINE void philox(uint64_t key, uint64_t first, Words (&words)[4]) {
    for (int64_t lane = 0; lane < width; ++lane) words[0][lane] = first + uint64_t(lane);
    words[1] = words[2] = words[3] = 0;
    uint64_t keys[2] = {key & low, key >> 32};
    for (int round = 0; round < rounds; ++round) {
        Words left = (words[0] & low) * multipliers[0], right = (words[2] & low) * multipliers[1];
        words[0] = (right >> 32) ^ words[1] ^ keys[0];
        words[2] = (left >> 32) ^ words[3] ^ keys[1];
        words[1] = right;
        words[3] = left;
        for (int half = 0; half < 2; ++half) keys[half] += weyl[half];
    }
    for (auto &word : words) word &= low;
}

// Whole numbers below 2⁵² as they are: the bits of 2⁵² + n are those of 2⁵² with n behind them.
CT_INLINE void convert(const Words &whole, Reals &out) {
    out = __builtin_bit_cast(Reals, whole | 0x4330000000000000u) - 0x1p52;
}

// ln x of normal numbers above 0: x = 2ᵏ m with m from √½ to √2, and ln m = 2 artanh((m − 1) / (m + 1)).
CT_INLINE void logarithm(const Reals &x, Reals &out) {
    Words bits = __builtin_bit_cast(Words, x);
    Words shifted = bits - 0x3FE6A09E667F3BCDu + 0x3FF0000000000000u;
    Reals k, m = __builtin_bit_cast(Reals, bits - (shifted & 0xFFF0000000000000u) + 0x3FF0000000000000u);
    convert(shifted >> 52, k);
    Reals s = (m - 1.0) / (m + 1.0), z = s * s, sum = 2.0 / 17;
    for (int divisor = 15; divisor > 1; divisor -= 2) sum = sum * z + 2.0 / divisor;
    out = (k - 1023.0) * std::numbers::ln2 + (s * 2.0 + s * z * sum);
}

// cos and sin of 2π w / 2³²: Taylor's polynomials of the rest from the nearest quarter, at most π/4.
CT_INLINE void circle(const Words &word, Reals &cosine, Reals &sine) {
    Words quarter = (word + (1u << 29)) >> 30;
    Reals angle, turned;
    convert(word, angle);
    convert(quarter, turned);
    angle = (angle - turned * 0x1p30) * (2 * std::numbers::pi * 0x1p-32);
    Reals z = angle * angle, c = 1, s = 1;
    for (int divisor = 14; divisor > 0; divisor -= 2) {
        c = 1.0 - c * z * (1.0 / (divisor * (divisor - 1)));
        s = 1.0 - s * z * (1.0 / (divisor * (divisor + 1)));
    }
    Words even = __builtin_bit_cast(Words, c), odd = __builtin_bit_cast(Words, s * angle);
    Words exchanged = (even ^ odd) & (0 - (quarter & 1));
    cosine = __builtin_bit_cast(Reals, (even ^ exchanged) ^ (((quarter + 1) & 2) << 62));
    sine = __builtin_bit_cast(Reals, (odd ^ exchanged) ^ ((quarter & 2) << 62));
}

CT_INLINE void normalGroup(uint64_t key, uint64_t first, float *out) {
    Words words[4];
    philox(key, first, words);
    for (int pair = 0; pair < 2; ++pair) {
        Reals unit, radius, cosine, sine;
        convert(words[2 * pair], unit);
        logarithm((unit + 0.5) * 0x1p-32, radius);
        radius = __builtin_elementwise_sqrt(radius * -2.0);
        circle(words[2 * pair + 1], cosine, sine);
        Floats ahead = __builtin_convertvector(radius * cosine, Floats);
        Floats behind = __builtin_convertvector(radius * sine, Floats);
        for (int64_t lane = 0; lane < width; ++lane) {
            out[4 * lane + 2 * pair] = ahead[lane];
            out[4 * lane + 2 * pair + 1] = behind[lane];
        }
    }
}

CT_INLINE void uniformGroup(uint64_t key, uint64_t first, float *out) {
    Words words[4];
    philox(key, first, words);
    for (int place = 0; place < 4; ++place) {
        for (int64_t lane = 0; lane < width; ++lane) out[4 * lane + place] = float(int32_t(words[place][lane] >> 8)) * 0x1p-24f;
    }
}

// Groups begin ..< end of the numbers of a key, of which there are `count`.
CT_CLONES void drawNormal(uint64_t key, int64_t begin, int64_t end, int64_t count, float *out) {
    for (int64_t index = begin; index < end; ++index) {
        float last[group];
        bool isWhole = (index + 1) * group <= count;
        normalGroup(key, uint64_t(index * width), isWhole ? out + index * group : last);
        if (!isWhole) memcpy(out + index * group, last, size_t(count - index * group) * sizeof(float));
    }
}

CT_CLONES void drawUniform(uint64_t key, int64_t begin, int64_t end, int64_t count, float *out) {
    for (int64_t index = begin; index < end; ++index) {
        float last[group];
        bool isWhole = (index + 1) * group <= count;
        uniformGroup(key, uint64_t(index * width), isWhole ? out + index * group : last);
        if (!isWhole) memcpy(out + index * group, last, size_t(count - index * group) * sizeof(float));
    }
}

// The same words of libtorch's own operations, for the seeds of other devices: those of the upper pair behind those of the
// lower, w₀ and w₂ in `firsts` and w₁ and w₃ in `seconds`, each (2, seeds, counters).
struct Composed {
    at::Tensor firsts, seconds;

    Composed(const at::Tensor &seeds, int64_t counters) {
        auto whole = seeds.options();
        auto both = [&](const uint64_t (&values)[2]) {
            return at::stack({at::full({1, 1}, int64_t(values[0]), whole), at::full({1, 1}, int64_t(values[1]), whole)});
        };
        auto keys = at::stack({seeds.unsqueeze(1), seeds.unsqueeze(1).bitwise_right_shift(32)});
        auto steps = both(weyl), factors = both(multipliers);
        auto place = at::arange(counters, whole).unsqueeze(0);
        firsts = at::stack({place, at::full({1, counters}, 0, whole)});
        seconds = at::full({2, 1, 1}, 0, whole);
        for (int round = 0; round < rounds; ++round) {
            // Words 0 and 2 take the upper halves of each other's products, words 1 and 3 the lower ones.
            auto products = firsts.mul(factors).flip({0});
            firsts = products.bitwise_right_shift(32).bitwise_xor_(seconds).bitwise_xor(keys).bitwise_and_(int64_t(low));
            seconds = products;
            keys.add_(steps);
        }
        seconds = seconds.bitwise_and(int64_t(low));
    }

    // Results of the words of each pair as (seeds, numbers), in the order of the numbers.
    at::Tensor ordered(const at::Tensor &ahead, const at::Tensor &behind, int64_t count) const {
        auto all = at::stack({ahead, behind}, -1).permute({1, 2, 0, 3}).reshape({ahead.size(1), -1});
        return all.narrow(1, 0, count);
    }

    at::Tensor normal(int64_t count) const {
        auto radius = firsts.to(at::kDouble).add_(0.5).mul_(0x1p-32).log_().mul_(-2).sqrt_();
        auto angle = seconds.to(at::kDouble).mul_(2 * std::numbers::pi * 0x1p-32);
        return ordered(angle.cos().mul_(radius).to(at::kFloat), angle.sin().mul_(radius).to(at::kFloat), count);
    }

    at::Tensor uniform(int64_t count) const {
        auto share = [](const at::Tensor &words) { return words.bitwise_right_shift(8).to(at::kFloat).mul_(0x1p-24); };
        return ordered(share(firsts), share(seconds), count);
    }
};

using Draw = void (*)(uint64_t, int64_t, int64_t, int64_t, float *);

// As many numbers of each seed as `sizes` say, those of one seed behind those of the other along the first dimension.
at::Tensor drawn(
    const at::Tensor &seeds, at::IntArrayRef sizes, Draw draw, at::Tensor (Composed::*compose)(int64_t) const) {
    TORCH_CHECK(seeds.scalar_type() == at::kLong && !sizes.empty(), "numbers ", sizes, " of seeds of ", seeds.scalar_type());
    int64_t count = c10::multiply_integers(sizes), groups = (count + group - 1) / group;
    TORCH_CHECK(groups * width <= int64_t(low), count, " numbers of a seed");
    auto all = sizes.vec();
    all[0] *= seeds.numel();
    auto options = seeds.options().dtype(at::kFloat);
    if (seeds.is_meta() || count == 0) return at::empty(all, options);
    if (!seeds.is_cpu() || !seeds.is_contiguous()) {
        return (Composed(seeds.flatten(), (count + 3) / 4).*compose)(count).reshape(all);
    }
    auto result = at::empty(all, options);
    const auto *keys = ct::elements<int64_t>(seeds);
    float *out = result.mutable_data_ptr<float>();
    ct::parallel(seeds.numel() * groups, 512, [&](int64_t begin, int64_t end) {
        while (begin < end) {
            int64_t seed = begin / groups, place = begin % groups, last = std::min(groups, place + end - begin);
            draw(uint64_t(keys[seed]), place, last, count, out + seed * count);
            begin += last - place;
        }
    });
    return result;
}

} // namespace

void ct_philox(const uint32_t *counter, const uint32_t *key, uint32_t *words) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < rounds; ++round) {
        uint64_t left = multipliers[0] * c[0], right = multipliers[1] * c[2];
        uint32_t next[4] = {uint32_t(right >> 32) ^ c[1] ^ k[0], uint32_t(right), uint32_t(left >> 32) ^ c[3] ^ k[1], uint32_t(left)};
        memcpy(c, next, sizeof c);
        for (int half = 0; half < 2; ++half) k[half] += uint32_t(weyl[half]);
    }
    memcpy(words, c, sizeof c);
}

ct_status ct_normal(const ct_tensor *seeds, const int64_t *sizes, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] {
        return drawn(seeds->value, at::IntArrayRef(sizes, count), drawNormal, &Composed::normal);
    });
}

ct_status ct_uniform(const ct_tensor *seeds, const int64_t *sizes, int32_t count, ct_tensor **out) {
    return ct::making(out, [&] {
        return drawn(seeds->value, at::IntArrayRef(sizes, count), drawUniform, &Composed::uniform);
    });
}
