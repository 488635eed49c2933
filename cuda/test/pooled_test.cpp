// Convolution with its max-pool in one kernel against the convolution by itself by the same products, pooled
// on the host: equal bits.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "conv2d/pool_tiles.h"

#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

struct Window {
  int kernel, stride, pad;
  bool ceil_mode = false;
};

// Outputs of the pool along an axis, as torch.nn.functional.max_pool2d has them.
int pooled_size(int size, const Window& w) {
  const int room = size + 2 * w.pad - w.kernel;
  const int count = (w.ceil_mode ? room + w.stride - 1 : room) / w.stride + 1;
  return w.ceil_mode && (count - 1) * w.stride >= size + w.pad ? count - 1 : count;
}

Conv2dArguments with_pool(Conv2dArguments a, const Window& w) {
  a.pool = {w.kernel, w.kernel, w.stride, w.stride, w.pad, w.pad, pooled_size(a.p, w), pooled_size(a.q, w)};
  return a;
}

/** The pool of a convolution's result: NaN where the window has one, -inf where it has nothing. */
template <class T>
std::vector<T> pooled(const Conv2dArguments& a, const std::vector<T>& y) {
  std::vector<T> result;
  for (int64_t n = 0; n < a.n; ++n)
    for (int i = 0; i < a.pool.p; ++i)
      for (int j = 0; j < a.pool.q; ++j)
        for (int k = 0; k < a.k; ++k) {
          float most = -INFINITY;
          for (int r = 0; r < a.pool.kernel_h; ++r)
            for (int s = 0; s < a.pool.kernel_w; ++s) {
              const int p = i * a.pool.stride_h - a.pool.pad_top + r,
                        q = j * a.pool.stride_w - a.pool.pad_left + s;
              if (p < 0 || q < 0 || p >= a.p || q >= a.q) continue;
              const float x = to_float(y[static_cast<size_t>(((n * a.p + p) * a.q + q) * a.k + k)]);
              if (x > most || std::isnan(x)) most = x;
            }
          result.push_back(from_float<T>(most));
        }
  return result;
}

template <class T>
std::vector<T> run(Conv2dArguments a, const Conv2dChoice& choice, size_t outputs) {
  TestStream stream;
  const DeviceBuffer<T> y(outputs);
  const DeviceBuffer<unsigned char> workspace(static_cast<size_t>(conv2d_workspace(a, choice)));
  a.y = y.data();
  a.workspace = workspace.data();
  REQUIRE_OK(conv2d(stream, a, choice));
  REQUIRE_OK(device::synchronize());
  return y.read();
}

template <class T>
void check(const Problem& p, const Window& window, Precision precision = Precision::f32,
           const std::vector<std::pair<size_t, float>>& planted = {}) {
  INFO("n ", p.n, " ", p.h, "x", p.w, "x", p.c, " -> ", p.k, ", ", p.r, "x", p.s, ", pool ", window.kernel,
       "/", window.stride, ", dtype ", int{dtype_of<T>()}, " precision ", static_cast<int>(precision));
  Conv2dArguments a = arguments_of(p, dtype_of<T>());
  a.precision = precision;
  auto x = random_values<T>(static_cast<size_t>(a.n * a.h * a.w * a.c), 1);
  for (const auto& [place, value] : planted) x[place] = from_float<T>(value);
  const auto weight = random_values<T>(static_cast<size_t>(a.k * a.r * a.s * a.c), 2);
  // Most results are negative before an activation, whole windows too: padding must not be taken for zeros.
  auto bias = random_values<T>(static_cast<size_t>(a.k), 3);
  for (T& value : bias) value = from_float<T>(to_float(value) - 2.f);
  const DeviceBuffer<T> dx(x), dw(weight), db(bias);
  a.x = dx.data();
  a.weight = dw.data();
  a.bias = p.bias ? db.data() : nullptr;

  emulator::set_schedule(emulator::Schedule::forward);
  Conv2dChoice apart = choose_conv2d(emulator::emulated_properties(), a);
  const bool by_patch = apart.algorithm == Conv2dAlgorithm::patch;
  if (!by_patch) {
    apart.algorithm = Conv2dAlgorithm::implicit_gemm;
    apart.splits = 1;
    if (apart.padded_c != 4 && a.c != 4) apart.tile = Tile::t64x64;
  }
  const std::vector<T> convolved = run<T>(a, apart, static_cast<size_t>(a.n * a.p * a.q * a.k));
  a = with_pool(a, window);
  const std::vector<T> expected = pooled(a, convolved);
  in_every_schedule([&] {
    const Conv2dChoice together = choose_conv2d(emulator::emulated_properties(), a);
    REQUIRE(together.algorithm == (by_patch ? Conv2dAlgorithm::patch : Conv2dAlgorithm::pooled));
    const std::vector<T> actual = run<T>(a, together, expected.size());
    size_t wrong = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
      const float got = to_float(actual[i]), want = to_float(expected[i]);
      wrong += !(got == want || (std::isnan(got) && std::isnan(want)));
    }
    CHECK(wrong == 0);
  });
}

constexpr Window kStem{3, 2, 1};

}  // namespace

TEST_CASE_TEMPLATE("the ResNets' stem, ragged, several rectangles an image", T, bf16, f16, float) {
  check<T>({2, 37, 71, 3, 72, 7, 7, 3, 2, 1, 1, true, false, kRelu}, kStem);
  check<T>({1, 29, 9, 3, 5, 7, 7, 3, 2}, kStem);  // channels that are no vector, no activation
}

TEST_CASE("f32 in tf32 and in bf16x3") {
  for (const Precision precision : {Precision::tf32, Precision::bf16x3}) {
    check<float>({1, 33, 41, 3, 24, 7, 7, 3, 2, 1, 1, true, false, kRelu}, kStem, precision);
  }
}

TEST_CASE_TEMPLATE("other convolutions and windows", T, bf16, float) {
  check<T>({2, 18, 19, 16, 40, 3, 3, 1, 1, 1, 1, true, false, kRelu}, {2, 2, 0});  // as in VGG
  check<T>({1, 11, 13, 24, 16, 3, 3, 1, 1, 1, 1, false, false, kGelu}, {3, 1, 1});
  check<T>({1, 12, 9, 8, 8, 1, 1}, {3, 2, 0, true});  // windows that end past the image
  check<T>({3, 1, 1, 8, 8, 1, 1}, {1, 1, 0});
  check<T>({1, 16, 17, 13, 17, 3, 3, 1}, {5, 3, 2});  // padded to a vector of channels
  check<T>({1, 16, 17, 3, 17, 3, 3, 1}, {2, 2, 0});   // few channels, but an odd stride
}

TEST_CASE_TEMPLATE("NaN and infinities of the image come out where the two ops have them", T, bf16, float) {
  const Problem p{1, 21, 23, 3, 16, 7, 7, 3, 2, 1, 1, true, false, kRelu};
  check<T>(p, kStem, Precision::f32,
           {{3 * (10 * 23 + 11) + 1, NAN}, {0, INFINITY}, {3 * (20 * 23 + 22), -INFINITY}});
}

TEST_CASE("rectangles: few, and 15 x 17 under 7 x 8 of ResNet's stem") {
  conv2d_detail::PoolTiles stem{3, 3, 2, 2, 1, 1, 56, 56, 0, 0, 0, 0};
  REQUIRE(stem.cover(256));
  CHECK(stem.height() * stem.width() == 255);
  CHECK(stem.tiles_h * stem.tiles_w == 56);
  conv2d_detail::PoolTiles vgg{2, 2, 2, 2, 0, 0, 112, 112, 0, 0, 0, 0};
  REQUIRE(vgg.cover(256));
  CHECK(vgg.height() * vgg.width() == 256);
  CHECK(vgg.tiles_h * vgg.tiles_w == 112 * 112 / 64);
  conv2d_detail::PoolTiles huge{17, 16, 1, 1, 0, 0, 4, 4, 0, 0, 0, 0};
  CHECK(!huge.cover(256));
}

TEST_CASE("the stem is merged on large cards, in batches large and small; what is not worth it is not") {
  DeviceProperties h200;
  h200.major = 9;
  h200.multiprocessors = 132;
  h200.shared_bytes_per_block = 227 << 10;
  for (const int n : {1, 8, 256}) {
    const Conv2dArguments stem = with_pool(arguments_of({n, 224, 224, 3, 64, 7, 7, 3, 2}, FUSOR_BF16), kStem);
    CHECK(pays_to_pool(h200, stem));
    // wgmma convolves 3x3 over 512 channels in half the time; the result to be saved is small.
    CHECK(!pays_to_pool(h200, with_pool(arguments_of({n, 28, 28, 512, 512, 3, 3, 1}, FUSOR_BF16), kStem)));
  }
  CHECK(!pays_to_pool(h200, with_pool(arguments_of({1, 28, 28, 64, 64, 3, 3, 1}, FUSOR_BF16), {17, 1, 8})));
  CHECK(!pays_to_pool(h200,
                      with_pool(arguments_of({1, 28, 28, 64, 64, 3, 3, 1, 1, 1, 64}, FUSOR_BF16), kStem)));
}
