// Large results are written around the caches: the same bits as those of small ones.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <memory>

#include "cpu/batch_norm/batch_norm.h"
#include "cpu/binary/binary.h"
#include "cpu/convert/convert.h"
#include "cpu/copy/copy.h"
#include "cpu/layer_norm/layer_norm.h"
#include "cpu/memory/memory.h"
#include "cpu/residual_add/residual_add.h"
#include "cpu/softmax/softmax.h"
#include "cpu/unary/unary.h"
#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

// Floats aligned to vectors, as those of tensors are (a row kernel streams no others).
struct Aligned {
  explicit Aligned(int64_t count)
      : bytes(count * int64_t{sizeof(float)}), data(static_cast<float*>(allocate_memory(bytes))) {
    REQUIRE(data);
    std::fill_n(data, count, -123.f);
  }
  ~Aligned() { release_memory(data, bytes); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  int64_t bytes;
  float* data;
};

bool same(const Aligned& a, const Aligned& b) {
  return std::memcmp(a.data, b.data, static_cast<size_t>(a.bytes)) == 0;
}

// More elements than kStreamedBytes hold, and not a multiple of anything.
constexpr int64_t kMany = kStreamedBytes / int64_t{sizeof(float)} + 1037;

}  // namespace

TEST_CASE("layer-, add + layer- and RMS-norm") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t width : {16, 48, 128, 768, 784, 1000, 1021})
      for (int64_t rows : {1, 2, 7}) {
        CAPTURE(width);
        CAPTURE(rows);
        const Floats x = random_floats({rows, width}, 1), residual = random_floats({rows, width}, 2),
                     weight = random_floats({width}, 3), bias = random_floats({width}, 4);
        for (bool adds : {false, true})
          for (bool scales : {false, true})
            for (bool rms : {false, true}) {
              if (rms && adds) continue;
              Aligned output(rows * width), streamed(rows * width), sum(rows * width),
                  streamed_sum(rows * width);
              LayerNormRows call{x.data.data(),
                                 adds ? residual.data.data() : nullptr,
                                 scales ? weight.data.data() : nullptr,
                                 scales && !rms ? bias.data.data() : nullptr,
                                 adds ? sum.data : nullptr,
                                 output.data,
                                 rows,
                                 width,
                                 1e-5f,
                                 false};
              const auto run = rms ? kernels.layer_norm->rms_norm : kernels.layer_norm->layer_norm;
              run(call);
              call.output = streamed.data;
              call.sum = adds ? streamed_sum.data : nullptr;
              call.streams = true;
              run(call);
              CHECK(same(output, streamed));
              CHECK(same(sum, streamed_sum));
            }
      }
  });
}

TEST_CASE("softmax and its logarithm") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t width : {16, 128, 1000, 8192, 8208})
      for (bool log : {false, true}) {
        CAPTURE(width);
        CAPTURE(log);
        const int64_t rows = 3;
        const Floats x = random_floats({rows, width}, 1);
        Aligned output(rows * width), streamed(rows * width);
        kernels.softmax->rows({x.data.data(), output.data, rows, width, log, false});
        kernels.softmax->rows({x.data.data(), streamed.data, rows, width, log, true});
        CHECK(same(output, streamed));
      }
  });
}

TEST_CASE("copies of any alignment and size") {
  on_every_set([](const KernelSet& kernels) {
    Aligned memory(600);
    std::vector<char> from(2000);
    for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>(i * 7 + i / 256);
    char* const base = reinterpret_cast<char*>(memory.data);
    for (int64_t offset : {0, 4, 16, 60, 63})
      for (int64_t bytes : {0, 1, 3, 4, 63, 64, 65, 200, 1000}) {
        std::memset(base, 0x55, 2400);
        kernels.copy->stream(from.data() + 3, base + 64 + offset, bytes);
        CHECK(std::memcmp(base + 64 + offset, from.data() + 3, static_cast<size_t>(bytes)) == 0);
        CHECK(base[64 + offset - 1] == 0x55);
        CHECK(base[64 + offset + bytes] == 0x55);
      }
  });
}

TEST_CASE("elementwise ops, with broadcast operands and steps through memory") {
  const Floats x = random_floats({kMany}, 1), one({1}, {2.5f});
  Floats doubled({2 * kMany}), y({kMany});
  for (int64_t i = 0; i < kMany; ++i) doubled[2 * i] = x[i];
  const fusor_buffer bx = x.buffer(), b1 = one.buffer();
  fusor_buffer every_other = doubled.buffer();
  every_other.sizes[0] = kMany;
  every_other.strides[0] = 2;
  fusor_buffer by = y.buffer();
  const KernelSet& kernels = *active_kernels();
  const fusor_unary_attributes relu{sizeof relu, FUSOR_UNARY_RELU, 0, 0};
  for (const fusor_buffer* input : {&bx, static_cast<const fusor_buffer*>(&every_other)}) {
    run_op(kernels, unary_op, &relu, {input}, {&by});
    int64_t wrong = 0;
    for (int64_t i = 0; i < kMany; ++i) wrong += y[i] != std::max(x[i], 0.f);
    CHECK(wrong == 0);
  }
  const fusor_binary_attributes subtract{sizeof subtract, FUSOR_BINARY_SUB};
  run_op(kernels, binary_op, &subtract, {&bx, &b1}, {&by});
  int64_t wrong = 0;
  for (int64_t i = 0; i < kMany; ++i) wrong += y[i] != x[i] - 2.5f;
  CHECK(wrong == 0);
  const fusor_residual_add_attributes add{sizeof add, {}};
  run_op(kernels, residual_add_op, &add, {&bx, &every_other}, {&by});
  wrong = 0;
  for (int64_t i = 0; i < kMany; ++i) wrong += y[i] != x[i] + x[i];
  CHECK(wrong == 0);
}

TEST_CASE("conversion to another size of elements") {
  Array<int64_t> y({kMany});
  Floats x({kMany});
  for (int64_t i = 0; i < kMany; ++i) x[i] = static_cast<float>(i % 1000 - 500);
  const fusor_buffer bx = x.buffer();
  fusor_buffer by = y.buffer();
  run_op(*active_kernels(), convert_op, nullptr, {&bx}, {&by});
  int64_t wrong = 0;
  for (int64_t i = 0; i < kMany; ++i) wrong += y[i] != i % 1000 - 500;
  CHECK(wrong == 0);
}

TEST_CASE("batch-norm of channels and of rows") {
  const int64_t c = 3;
  const Floats mean({c}, {0.f, 1.f, 2.f}), variance({c}, {1.f, 1.f, 1.f}), weight({c}, {1.f, 2.f, 4.f});
  const fusor_buffer bm = mean.buffer(), bv = variance.buffer(), bw = weight.buffer();
  const fusor_batch_norm_attributes attributes{sizeof attributes, 0.f, {FUSOR_ACTIVATION_RELU, 0, 0}};
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{2, c, kMany / 6 + 1}, std::vector<int64_t>{kMany / 3 + 1, c}}) {
    const Floats x = small_integers(shape, 1);
    Floats y(shape);
    const fusor_buffer bx = x.buffer();
    fusor_buffer by = y.buffer();
    run_op(*active_kernels(), batch_norm_op, &attributes, {&bx, &bm, &bv, &bw, nullptr}, {&by});
    const int64_t inner = shape.size() == 3 ? shape[2] : 1;
    int64_t wrong = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      const int64_t channel = i / inner % c;
      wrong += y[i] != std::max(0.f, (x[i] - mean[channel]) * weight[channel]);
    }
    CHECK(wrong == 0);
  }
}
