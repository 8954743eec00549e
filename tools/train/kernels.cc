// SPDX-License-Identifier: Apache-2.0
//
// The element-wise loops that would dominate training on a CPU once the matrix products run in bfloat16: the causal
// softmax of attention, the cross entropy over the vocabulary, GELU and LayerNorm, each fused into few passes.
// Called through ctypes from kernels.py; test_kernels.py compares them with torch's own.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

inline float widen(uint16_t half) {
  uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Round to nearest even; no NaN comes in.
inline uint16_t narrow(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// e^x for x <= 0 and down to -87, relative error about 3e-6; branch-free, so that the compiler vectorises it.
inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  float n = __builtin_floorf(x * 1.44269504f + 0.5f);
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.0f + r * (1.0f + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * 0.0083333333f))));
  int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, 4);
  return p * scale;
}

constexpr int kMaxRow = 16384;

// The tanh form of GELU needs sigmoid(2u); u is clamped where it has saturated.
inline float gelu_gate(float x) {
  float u = 1.5957691216f * (x + 0.044715f * x * x * x);
  float a = u < 0.0f ? u : -u;
  float e = fast_exp(a);
  float s = 1.0f / (1.0f + e);
  return u < 0.0f ? e * s : s;
}

}  // namespace

extern "C" {

// In place: scores[matrix][query][key] become probabilities; keys after the query become zero.
// `rows_per_query` query rows share one position (the heads of multi-query attention): row r is at position
// first + r / rows_per_query.
void causal_softmax(uint16_t* scores, int64_t matrices, int64_t rows, int64_t keys, int64_t rows_per_query,
                    int64_t first, float scale) {
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t row = 0; row < matrices * rows; ++row) {
    uint16_t* s = scores + row * keys;
    int64_t n = first + (row % rows) / rows_per_query + 1;
    float x[kMaxRow];
    float high = -1e30f;
    for (int64_t i = 0; i < n; ++i) {
      x[i] = widen(s[i]) * scale;
      high = x[i] > high ? x[i] : high;
    }
    float sum = 0.0f;
    for (int64_t i = 0; i < n; ++i) {
      x[i] = fast_exp(x[i] - high);
      sum += x[i];
    }
    float inverse = 1.0f / sum;
    for (int64_t i = 0; i < n; ++i) s[i] = narrow(x[i] * inverse);
    std::memset(s + n, 0, static_cast<size_t>(keys - n) * 2);
  }
}

// In place: the gradient of the probabilities becomes the gradient of the scores.
void causal_softmax_backward(uint16_t* gradient, const uint16_t* probabilities, int64_t matrices, int64_t rows,
                             int64_t keys, int64_t rows_per_query, int64_t first, float scale) {
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t row = 0; row < matrices * rows; ++row) {
    uint16_t* g = gradient + row * keys;
    const uint16_t* p = probabilities + row * keys;
    int64_t n = first + (row % rows) / rows_per_query + 1;
    float dot = 0.0f;
    for (int64_t i = 0; i < n; ++i) dot += widen(g[i]) * widen(p[i]);
    for (int64_t i = 0; i < n; ++i) g[i] = narrow((widen(g[i]) - dot) * widen(p[i]) * scale);
    std::memset(g + n, 0, static_cast<size_t>(keys - n) * 2);
  }
}

// In place: logits become their gradient, times weights[row]; losses[row] gets the cross entropy in nats, unweighted.
void cross_entropy(uint16_t* logits, const int64_t* targets, const float* weights, float* losses, int64_t rows,
                   int64_t vocabulary) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < rows; ++row) {
    uint16_t* l = logits + row * vocabulary;
    float x[kMaxRow];
    float high = -1e30f;
    for (int64_t i = 0; i < vocabulary; ++i) {
      x[i] = widen(l[i]);
      high = x[i] > high ? x[i] : high;
    }
    int64_t target = targets[row];
    float wanted = x[target];
    float sum = 0.0f;
    for (int64_t i = 0; i < vocabulary; ++i) {
      x[i] = fast_exp(x[i] - high);
      sum += x[i];
    }
    losses[row] = std::log(sum) + high - wanted;
    float weight = weights[row];
    float factor = weight / sum;
    for (int64_t i = 0; i < vocabulary; ++i) l[i] = narrow(x[i] * factor);
    l[target] = narrow(x[target] * factor - weight);
  }
}

void gelu(const uint16_t* in, uint16_t* out, int64_t count) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < count; ++i) {
    float x = widen(in[i]);
    out[i] = narrow(x * gelu_gate(x));
  }
}

void gelu_backward(const uint16_t* in, const uint16_t* gradient, uint16_t* out, int64_t count) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < count; ++i) {
    float x = widen(in[i]);
    float s = gelu_gate(x);
    float slope = 1.5957691216f * (1.0f + 3.0f * 0.044715f * x * x);
    out[i] = narrow(widen(gradient[i]) * (s + x * s * (1.0f - s) * slope));
  }
}

// statistics: mean and inverse deviation of each row, kept for the way back.
void layer_norm(const uint16_t* in, const float* weight, const float* bias, uint16_t* out, float* statistics,
                int64_t rows, int64_t width) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < rows; ++row) {
    const uint16_t* x = in + row * width;
    uint16_t* y = out + row * width;
    float sum = 0.0f, squares = 0.0f;
    for (int64_t i = 0; i < width; ++i) sum += widen(x[i]);
    float mean = sum / static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) squares += (widen(x[i]) - mean) * (widen(x[i]) - mean);
    float inverse = 1.0f / std::sqrt(squares / static_cast<float>(width) + 1e-5f);
    for (int64_t i = 0; i < width; ++i) y[i] = narrow((widen(x[i]) - mean) * inverse * weight[i] + bias[i]);
    statistics[2 * row] = mean;
    statistics[2 * row + 1] = inverse;
  }
}

// d_weight and d_bias are added to; one thread, since they are shared by all rows.
void layer_norm_backward(const uint16_t* in, const uint16_t* gradient, const float* weight, const float* statistics,
                         uint16_t* d_in, float* d_weight, float* d_bias, int64_t rows, int64_t width) {
  for (int64_t row = 0; row < rows; ++row) {
    const uint16_t* x = in + row * width;
    const uint16_t* g = gradient + row * width;
    float mean = statistics[2 * row], inverse = statistics[2 * row + 1];
    float sum = 0.0f, dot = 0.0f;
    for (int64_t i = 0; i < width; ++i) {
      float normal = (widen(x[i]) - mean) * inverse, d = widen(g[i]);
      d_weight[i] += d * normal;
      d_bias[i] += d;
      sum += d * weight[i];
      dot += d * weight[i] * normal;
    }
    sum /= static_cast<float>(width);
    dot /= static_cast<float>(width);
    for (int64_t i = 0; i < width; ++i) {
      float normal = (widen(x[i]) - mean) * inverse;
      d_in[row * width + i] = narrow((widen(g[i]) * weight[i] - sum - normal * dot) * inverse);
    }
  }
}

}  // extern "C"
