// The chain of a bottleneck's convolutions against float64, every kernel of it, and what it is chosen for.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "conv2d/chain.h"

#include "conv2d/chain_cost.h"
#include "conv2d/chain_shapes.h"
#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

struct Sizes {
  int n, h, w, c, k1, k2, k3;
  bool bias = true, residual = true;
  fusor_activation activation = kRelu;
};

ChainArguments sizes_of(const Sizes& s, fusor_dtype dtype) {
  ChainArguments a;
  a.dtype = dtype;
  a.n = s.n;
  a.h = s.h;
  a.w = s.w;
  a.c = s.c;
  a.k1 = s.k1;
  a.k2 = s.k2;
  a.k3 = s.k3;
  a.has_residual = s.residual;
  a.activation1 = a.activation2 = a.activation3 = s.activation;
  return a;
}

/** Every kernel that can compute it in the shared memory of a Hopper card. */
std::vector<ChainChoice> kernels_for(const Sizes& s, int blocks) {
  std::vector<ChainChoice> choices;
  chain_detail::for_each_shape<bf16>([&]<class S>(S) {
    if (S::N1 < s.k1 || S::N3 < s.k3 || (S::N3 == 0) != (s.k3 == 0)) return;
    chain_detail::Problem p{};
    p.slabs = chain_detail::round_up(s.c, chain_detail::kSlab) / chain_detail::kSlab;
    p.groups = chain_detail::round_up(s.k2, chain_detail::kGroup) / chain_detail::kGroup;
    p.ring = chain_detail::ring_pixels(S::kPixels, s.w);
    if (chain_detail::SharedLayout::of<S>(p).bytes > static_cast<int>(emulator::kMostSharedBytes)) return;
    ChainChoice choice;
    choice.n1 = S::N1;
    choice.n3 = S::N3;
    choice.fragments = S::Fragments;
    choice.resident = S::Resident;
    choice.blocks = blocks;
    choices.push_back(choice);
  });
  CHECK(!choices.empty());
  return choices;
}

/** A convolution in float64 of values in T. */
template <class T>
Reference convolved(const Sizes& s, int c, int k, int r, const std::vector<T>& x,
                    const std::vector<T>& weight, const std::type_identity_t<std::vector<T>>* bias,
                    const std::type_identity_t<std::vector<T>>* residual) {
  Conv2dArguments a = arguments_of({s.n, s.h, s.w, c, k, r, r, r / 2}, dtype_of<T>());
  const bool clamps = s.activation.kind == FUSOR_ACTIVATION_CLAMP;
  if (!clamps) a.activation = s.activation;
  Reference result = reference(a, x, weight, bias, residual);
  for (double& y : result.y) {
    if (clamps) y = std::fmin(std::fmax(y, s.activation.low), s.activation.high);
  }
  return result;
}

template <class T>
std::vector<T> rounded(const std::vector<double>& values) {
  std::vector<T> result;
  for (const double value : values) result.push_back(from_float<T>(static_cast<float>(value)));
  return result;
}

template <class T>
void compare(const char* what, const std::vector<T>& actual, const std::vector<double>& expected,
             const std::vector<double>& tolerance) {
  REQUIRE(actual.size() == expected.size());
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!(std::fabs(to_float(actual[i]) - expected[i]) <= tolerance[i]) && wrong++ == 0) first = i;
  }
  INFO(std::string(what), ": ", wrong, " of ", actual.size(), " differ; element ", first, " is ",
       wrong > 0 ? to_float(actual[first]) : 0.f, ", expected ", wrong > 0 ? expected[first] : 0.0);
  CHECK(wrong == 0);
}

/** With `integers`, all sums are exact and the results must be equal. */
template <class T>
void check(const Sizes& s, int blocks, bool integers = false) {
  INFO("n ", s.n, " ", s.h, "x", s.w, "x", s.c, " -> ", s.k1, " -> ", s.k2, " -> ", s.k3, ", blocks ", blocks,
       ", dtype ", int{dtype_of<T>()});
  const auto pixels = static_cast<size_t>(s.n * s.h * s.w);
  const auto values = [&](size_t count, uint64_t seed) {
    return integers ? random_integers<T>(count, -1, 1, seed) : random_values<T>(count, seed);
  };
  const auto size = [](int a, int b, int taps = 1) {
    return static_cast<size_t>(a) * static_cast<size_t>(b * taps);
  };
  const auto x = values(pixels * static_cast<size_t>(s.c), 1),
             residual = values(pixels * static_cast<size_t>(s.k2), 2);
  const auto w1 = values(size(s.k1, s.c, 9), 3), w2 = values(size(s.k2, s.k1), 4),
             w3 = values(size(s.k3, s.k2), 5);
  const auto b1 = values(size(s.k1, 1), 6), b2 = values(size(s.k2, 1), 7), b3 = values(size(s.k3, 1), 8);
  const Reference hidden = convolved(s, s.c, s.k1, 3, x, w1, s.bias ? &b1 : nullptr, nullptr);
  const Reference y = convolved(s, s.k1, s.k2, 1, rounded<T>(hidden.y), w2, s.bias ? &b2 : nullptr,
                                s.residual ? &residual : nullptr);
  // Sums as in check_convolution. Hidden may have been rounded to the other neighbour: an error of two
  // roundings, of random sign, that comes through the weights with the root of the sum of squares; five times
  // that leaves a chance of one in a million for each element.
  const auto sum_error = [](int inner, double magnitude) {
    return (std::sqrt(inner) + 2) * 0x1p-24 * magnitude + 1e-6;
  };
  const double rounding = rounding_of<T>();
  std::vector<double> y_tolerance(y.y.size());
  for (size_t i = 0; i < y.y.size() && !integers; ++i) {
    const size_t pixel = i / static_cast<size_t>(s.k2), filter = i % static_cast<size_t>(s.k2);
    double squares = 0;
    for (size_t k = 0; k < static_cast<size_t>(s.k1); ++k) {
      const size_t at = pixel * static_cast<size_t>(s.k1) + k;
      // Only where the float64 sum lies so near the middle of two neighbours that the f32 sum can fall beyond
      // it.
      const double value = hidden.y[at], near = sum_error(9 * s.c, hidden.magnitude[at]);
      const auto neighbour = [](double number) {
        return to_float(from_float<T>(static_cast<float>(number)));
      };
      const bool sure = neighbour(value - near) == neighbour(value + near);
      const double error = sure ? 0
                                : 2 * rounding * (std::fabs(value) + near) *
                                      to_float(w2[filter * static_cast<size_t>(s.k1) + k]);
      squares += error * error;
    }
    y_tolerance[i] =
        5 * std::sqrt(squares) + sum_error(s.k1, y.magnitude[i]) + 1.01 * rounding * std::fabs(y.y[i]);
  }
  std::vector<double> y_expected = y.y;
  if (integers) {
    for (double& value : y_expected) value = to_float(from_float<T>(static_cast<float>(value)));
  }

  const DeviceBuffer<T> dx(x), dr(residual), dw1(w1), dw2(w2), dw3(w3), db1(b1), db2(b2), db3(b3);
  for (const ChainChoice& choice : kernels_for(s, blocks)) {
    INFO("kernel ", choice.n1, ", ", choice.n3, ", fragments ", choice.fragments,
         choice.resident ? ", resident" : ", streamed");
    in_every_schedule([&] {
      TestStream stream;
      const DeviceBuffer<T> dy(pixels * static_cast<size_t>(s.k2)), dz(pixels * static_cast<size_t>(s.k3));
      ChainArguments a = sizes_of(s, dtype_of<T>());
      a.x = dx.data();
      a.weight1 = dw1.data();
      a.weight2 = dw2.data();
      a.y = dy.data();
      if (s.k3 > 0) a.weight3 = dw3.data();
      if (s.k3 > 0) a.z = dz.data();
      if (s.residual) a.residual = dr.data();
      if (s.bias) {
        a.bias1 = db1.data();
        a.bias2 = db2.data();
        if (s.k3 > 0) a.bias3 = db3.data();
      }
      REQUIRE_OK(chain(stream, a, choice));
      REQUIRE_OK(device::synchronize());
      const std::vector<T> actual = dy.read();
      compare("y", actual, y_expected, y_tolerance);
      if (s.k3 == 0) return;
      // z is made of y as it was written.
      const Reference z = convolved(s, s.k2, s.k3, 1, actual, w3, s.bias ? &b3 : nullptr, nullptr);
      std::vector<double> z_expected = z.y, z_tolerance(z.y.size());
      for (size_t i = 0; i < z.y.size(); ++i) {
        if (integers) {
          z_expected[i] = to_float(from_float<T>(static_cast<float>(z.y[i])));
        } else {
          z_tolerance[i] = sum_error(s.k2, z.magnitude[i]) + 1.01 * rounding * std::fabs(z.y[i]);
        }
      }
      compare("z", dz.read(), z_expected, z_tolerance);
    });
  }
}

DeviceProperties card(int capability, int multiprocessors, int shared_kib) {
  DeviceProperties device;
  device.major = capability / 10;
  device.minor = capability % 10;
  device.multiprocessors = multiprocessors;
  device.shared_bytes_per_block = (shared_kib - 1) << 10;
  device.shared_bytes_per_multiprocessor = shared_kib << 10;
  return device;
}

const DeviceProperties kH200 = card(90, 132, 228), kA100 = card(80, 108, 164), k4090 = card(89, 128, 100);

}  // namespace

TEST_CASE_TEMPLATE(
    "three convolutions: ragged channels, images that end inside of tiles, several tiles a block", T, bf16,
    f16) {
  check<T>({3, 11, 13, 40, 56, 72, 40}, 1);
  check<T>({1, 9, 17, 64, 64, 64, 64, false, true, {FUSOR_ACTIVATION_NONE, 0.f, 0.f}}, 2);
}

TEST_CASE("two convolutions") {
  check<bf16>({2, 13, 11, 24, 64, 40, 0}, 1);
  check<f16>({1, 7, 9, 72, 40, 104, 0, true, false, {FUSOR_ACTIVATION_CLAMP, -0.5f, 2.f}}, 1);
}

TEST_CASE("more than 64 channels: two slabs of inputs, sums of 128") {
  check<bf16>({1, 9, 19, 72, 120, 136, 72}, 1);
  check<f16>({1, 6, 7, 136, 128, 40, 128}, 1);
}

TEST_CASE("one pixel, one row, one column, few channels; the ring's end meets every place") {
  check<bf16>({1, 1, 1, 8, 8, 8, 8}, 1);
  check<bf16>({300, 1, 1, 16, 16, 8, 8}, 1);
  check<bf16>({2, 1, 37, 8, 16, 24, 16}, 1);
  check<f16>({9, 43, 1, 16, 8, 32, 8}, 2);
  check<bf16>({1, 21, 31, 8, 8, 8, 0}, 1);
}

TEST_CASE_TEMPLATE("small integers give equal results", T, bf16, f16) {
  check<T>({2, 10, 15, 48, 64, 96, 64}, 1, true);
  check<T>({1, 12, 13, 64, 128, 64, 0}, 1, true);
}

TEST_CASE("shared memory is read without conflicts of banks") {
  emulator::take_counters();
  check<bf16>({1, 16, 18, 64, 64, 64, 64}, 1);
  const emulator::Counters counters = emulator::take_counters();
  CHECK(counters.ldmatrix_phases > 0);
  CHECK(counters.ldmatrix_bank_conflicts == 0);
}

TEST_CASE("lanes have eight channels of a group next to each other") {
  bool met[32] = {};
  for (int lane = 0; lane < 4; ++lane) {
    for (int fragment = 0; fragment < 4; ++fragment) {
      for (int e = 0; e < 2; ++e) {
        const int channel = chain_detail::channel_of_row(fragment * 8 + lane * 2 + e);
        CHECK(channel == lane * 8 + fragment * 2 + e);
        met[channel] = true;
      }
    }
  }
  for (const bool each : met) CHECK(each);
}

TEST_CASE("the choice: resident weights where they fit, streamed ones elsewhere, and why not") {
  const auto choose = [](const DeviceProperties& device, const Sizes& s, fusor_dtype dtype = FUSOR_BF16) {
    return choose_chain(device, sizes_of(s, dtype));
  };
  const Sizes first{256, 56, 56, 64, 64, 256, 64}, second{256, 28, 28, 128, 128, 512, 128};
  CHECK(choose(kH200, first).resident);
  CHECK(choose(kH200, first).fragments == 2);
  CHECK(choose(kH200, first).gain < 1);  // wgmma multiplies faster than the chain, which an H100 showed
  CHECK(!choose(kA100, first).resident);
  CHECK(choose(kA100, first).gain > 1.2);
  CHECK(choose(kA100, second).gain > 1.1);
  CHECK(choose(kH200, second).possible());
  CHECK(choose(k4090, {256, 112, 112, 128, 128, 512, 128}).reason.find("KiB") != std::string::npos);
  CHECK(!choose(kH200, {256, 28, 28, 128, 128, 512, 256}).possible());
  CHECK(!choose(kH200, {1, 8, 8, 12, 64, 64, 64}).possible());
  CHECK(!choose(kH200, first, FUSOR_F32).possible());
  CHECK(!choose(kH200, {1, 8, 8, 64, 64, 64, 64, true, true, kGelu}).possible());
  // 49 pixels are one tile: its block would work alone.
  CHECK(choose(kH200, {1, 7, 7, 64, 64, 256, 64}).gain < 1);
}
