// Functions of two tensors against double precision and 64-bit integers, over every way to broadcast.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/binary/binary.h"

#include <bit>
#include <limits>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

const int32_t kAll[] = {FUSOR_BINARY_ADD,         FUSOR_BINARY_SUB,       FUSOR_BINARY_MUL,
                        FUSOR_BINARY_DIV,         FUSOR_BINARY_FLOOR_DIV, FUSOR_BINARY_REMAINDER,
                        FUSOR_BINARY_POW,         FUSOR_BINARY_MAXIMUM,   FUSOR_BINARY_MINIMUM,
                        FUSOR_BINARY_EQ,          FUSOR_BINARY_NE,        FUSOR_BINARY_LT,
                        FUSOR_BINARY_LE,          FUSOR_BINARY_GT,        FUSOR_BINARY_GE,
                        FUSOR_BINARY_LOGICAL_AND, FUSOR_BINARY_LOGICAL_OR};

// As PyTorch does it, in double.
double exact(int32_t function, double a, double b) {
  const double rest = std::fmod(a, b);
  switch (function) {
    case FUSOR_BINARY_ADD:
      return a + b;
    case FUSOR_BINARY_SUB:
      return a - b;
    case FUSOR_BINARY_MUL:
      return a * b;
    case FUSOR_BINARY_DIV:
      return a / b;
    case FUSOR_BINARY_FLOOR_DIV:
      if (b == 0) return a / b;
      return std::floor((a - rest) / b + 0.5) - (rest != 0 && (b < 0) != (rest < 0) ? 1 : 0);
    case FUSOR_BINARY_REMAINDER:
      return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
    case FUSOR_BINARY_POW:
      return std::pow(a, b);
    case FUSOR_BINARY_MAXIMUM:
      return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    case FUSOR_BINARY_MINIMUM:
      return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
    case FUSOR_BINARY_EQ:
      return a == b;
    case FUSOR_BINARY_NE:
      return a != b;
    case FUSOR_BINARY_LT:
      return a < b;
    case FUSOR_BINARY_LE:
      return a <= b;
    case FUSOR_BINARY_GT:
      return a > b;
    case FUSOR_BINARY_GE:
      return a >= b;
    case FUSOR_BINARY_LOGICAL_AND:
      return a != 0 && b != 0;
    default:
      return a != 0 || b != 0;
  }
}

// Up to a rounding of the exact result.
bool is_rounded(float actual, double expected) {
  const float nearest = static_cast<float>(expected);
  if (std::isnan(nearest)) return std::isnan(actual);
  return actual == nearest || actual == std::nextafter(nearest, INFINITY) ||
         actual == std::nextafter(nearest, -INFINITY);
}

// An operand: a view into `data` whose strides may be anything.
template <class T>
struct View {
  Array<T> base;
  fusor_buffer buffer;

  T at(const std::vector<int64_t>& index) const {
    int64_t offset = buffer.byte_offset / static_cast<int64_t>(sizeof(T));
    const size_t skipped = index.size() - static_cast<size_t>(buffer.rank);
    for (int32_t d = 0; d < buffer.rank; ++d) {
      if (buffer.sizes[d] != 1) offset += index[skipped + static_cast<size_t>(d)] * buffer.strides[d];
    }
    return base[offset];
  }
};

// `sizes` lying transposed, every `step`-th element, from `offset` on.
template <class T>
View<T> view_of(std::vector<int64_t> sizes, bool transposed, int64_t step, int64_t offset, uint32_t seed,
                int64_t low, int64_t high) {
  View<T> view;
  const int64_t count = product(sizes) * step + offset;
  view.base = Array<T>({std::max<int64_t>(count, 1)});
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int64_t> values(low, high);
  for (T& x : view.base.data) x = static_cast<T>(values(generator));
  view.buffer = view.base.buffer();
  view.buffer.rank = static_cast<int32_t>(sizes.size());
  int64_t stride = step;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t d = transposed ? i : sizes.size() - 1 - i;
    view.buffer.sizes[d] = sizes[d];
    view.buffer.strides[d] = stride;
    stride *= std::max<int64_t>(sizes[d], 1);
  }
  view.buffer.byte_offset = offset * static_cast<int64_t>(sizeof(T));
  view.buffer.byte_size = view.base.size() * static_cast<int64_t>(sizeof(T));
  return view;
}

std::vector<int64_t> broadcast_shape(const fusor_buffer& a, const fusor_buffer& b) {
  std::vector<int64_t> shape(static_cast<size_t>(std::max(a.rank, b.rank)));
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto size = [&](const fusor_buffer& x) {
      const int64_t own = static_cast<int64_t>(d) - (static_cast<int64_t>(shape.size()) - x.rank);
      return own < 0 ? int64_t{1} : x.sizes[own];
    };
    shape[d] = size(a) == 1 ? size(b) : size(a);
  }
  return shape;
}

template <class T, class R, class Expected>
void check_call(const KernelSet& kernels, int32_t function, const View<T>& a, const View<T>& b,
                const Expected& expected) {
  const std::vector<int64_t> shape = broadcast_shape(a.buffer, b.buffer);
  Array<R> y(shape);
  fusor_buffer output = y.buffer();
  const fusor_binary_attributes attributes{sizeof attributes, function};
  run_op(kernels, binary_op, &attributes, {&a.buffer, &b.buffer}, {&output});
  int64_t wrong = 0;
  std::vector<int64_t> index(shape.size());
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t rest = i;
    for (size_t d = shape.size(); d-- > 0;) {
      index[d] = rest % shape[d];
      rest /= shape[d];
    }
    wrong += !expected(y[i], a.at(index), b.at(index));
  }
  CAPTURE(function);
  CHECK(wrong == 0);
}

struct Shapes {
  std::vector<int64_t> a, b;
};
// Equal shapes, numbers, rows, channels, columns, both sides repeated, empty and rank 0; rows shorter and
// longer than vectors and than what is gathered.
const Shapes kShapes[] = {{{}, {}},
                          {{1}, {}},
                          {{17}, {17}},
                          {{3, 5, 7}, {3, 5, 7}},
                          {{33, 67}, {67}},
                          {{33, 67}, {33, 1}},
                          {{2, 5, 6, 9}, {1, 5, 1, 1}},
                          {{2, 5, 37}, {5, 1}},
                          {{4, 1, 3}, {1, 5, 1}},
                          {{129, 3}, {3}},
                          {{}, {1000}},
                          {{70, 300}, {1, 1}},
                          {{0, 4}, {1, 4}},
                          {{2, 3, 1, 2, 1, 3, 1, 41}, {3, 4, 1, 2, 3, 5, 1}}};

template <class T>
void check_integers(const KernelSet& kernels) {
  const int64_t low = std::is_same_v<T, uint8_t> ? 0 : -100, high = std::is_same_v<T, uint8_t> ? 255 : 100;
  for (const int32_t function : kAll) {
    if (function == FUSOR_BINARY_DIV) continue;
    const bool is_power = function == FUSOR_BINARY_POW;
    uint32_t seed = 1;
    for (const Shapes& shapes : kShapes) {
      const View<T> a = view_of<T>(shapes.a, seed % 2 == 0, 1, 0, seed,
                                   is_power ? std::max<int64_t>(low, -3) : low, is_power ? 3 : high);
      const View<T> b = view_of<T>(shapes.b, false, 1 + seed % 3, 1, seed + 100,
                                   is_power ? std::max<int64_t>(low, -3) : low, is_power ? 12 : high);
      ++seed;
      const auto expected = [&](auto actual, T x, T y) {
        if ((function == FUSOR_BINARY_FLOOR_DIV || function == FUSOR_BINARY_REMAINDER) && y == 0)
          return actual == 0;
        const double value = exact(function, static_cast<double>(x), static_cast<double>(y));
        if (is_power && static_cast<double>(y) < 0)
          return x == 0 ? actual == 0 : static_cast<double>(actual) == std::trunc(value);
        // Wraps around the type's width.
        return actual == static_cast<decltype(actual)>(static_cast<int64_t>(value));
      };
      if (function >= FUSOR_BINARY_EQ) {
        check_call<T, uint8_t>(kernels, function, a, b, expected);
      } else {
        check_call<T, T>(kernels, function, a, b, expected);
      }
    }
  }
}

}  // namespace

TEST_CASE("every function of f32 on small whole numbers, over all ways to broadcast and any strides") {
  on_every_set([](const KernelSet& kernels) {
    for (const int32_t function : kAll) {
      uint32_t seed = 1;
      for (const Shapes& shapes : kShapes) {
        const View<float> a = view_of<float>(shapes.a, seed % 2 == 0, 1 + seed % 3, 2, seed, -9, 9);
        const View<float> b = view_of<float>(shapes.b, seed % 3 == 0, 1, 0, seed + 100, -9, 9);
        ++seed;
        const auto expected = [&](auto actual, float x, float y) {
          return is_rounded(static_cast<float>(actual), exact(function, x, y));
        };
        if (function >= FUSOR_BINARY_EQ) {
          check_call<float, uint8_t>(kernels, function, a, b, expected);
        } else {
          check_call<float, float>(kernels, function, a, b, expected);
        }
      }
    }
  });
}

TEST_CASE("every function of integers, exactly") {
  on_every_set([](const KernelSet& kernels) {
    check_integers<int32_t>(kernels);
    check_integers<int64_t>(kernels);
    check_integers<uint8_t>(kernels);
  });
}

TEST_CASE("integers wrap around, and the least one divided by -1 does not trap") {
  on_every_set([](const KernelSet& kernels) {
    const auto run = [&](int32_t function, int64_t x, int64_t y) {
      Array<int64_t> a({3}, {x, x, x}), b({3}, {y, y, y}), out({3});
      fusor_buffer input_a = a.buffer(), input_b = b.buffer(), output = out.buffer();
      const fusor_binary_attributes attributes{sizeof attributes, function};
      run_op(kernels, binary_op, &attributes, {&input_a, &input_b}, {&output});
      return out[1];
    };
    constexpr int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
    CHECK(run(FUSOR_BINARY_ADD, most, 1) == least);
    CHECK(run(FUSOR_BINARY_SUB, least, 1) == most);
    CHECK(run(FUSOR_BINARY_MUL, most, 2) == -2);
    CHECK(run(FUSOR_BINARY_FLOOR_DIV, least, -1) == least);
    CHECK(run(FUSOR_BINARY_REMAINDER, least, -1) == 0);
    CHECK(run(FUSOR_BINARY_POW, 3, 41) == -420491770248316829);  // 3^41 - 2 * 2^64
    CHECK(run(FUSOR_BINARY_POW, -1, -3) == -1);
    CHECK(run(FUSOR_BINARY_POW, 2, -1) == 0);
  });
}

TEST_CASE("f32: NaN, infinities, signed zeros, and quotients far beyond f32's 24 bits") {
  on_every_set([](const KernelSet& kernels) {
    const std::vector<float> special = {0.f,    -0.f,       1.f,  -1.f,  2.f,      -2.f,      0.5f,
                                        -0.5f,  3.f,        -3.f, 7.5f,  1e30f,    -1e30f,    1e-30f,
                                        1e-42f, 16777217.f, 1e9f, -1e9f, INFINITY, -INFINITY, NAN};
    const int64_t n = static_cast<int64_t>(special.size());
    const Array<float> a({n, 1}, special), b({n}, special);
    for (const int32_t function : kAll) {
      CAPTURE(function);
      const fusor_binary_attributes attributes{sizeof attributes, function};
      const fusor_buffer input_a = a.buffer(), input_b = b.buffer();
      Array<float> y({n, n});
      Array<uint8_t> truth({n, n});
      fusor_buffer output = function >= FUSOR_BINARY_EQ ? truth.buffer() : y.buffer();
      run_op(kernels, binary_op, &attributes, {&input_a, &input_b}, {&output});
      for (int64_t i = 0; i < n * n; ++i) {
        const float x = special[static_cast<size_t>(i / n)], z = special[static_cast<size_t>(i % n)];
        CAPTURE(x);
        CAPTURE(z);
        const float actual = function >= FUSOR_BINARY_EQ ? truth[i] : y[i];
        if (function == FUSOR_BINARY_FLOOR_DIV) {
          // Quotients of f32 beyond 2^24 are rounded anyhow.
          const double expected = exact(function, x, z);
          CHECK((is_rounded(actual, expected) || (std::isnan(actual) && std::isinf(x))));
          continue;
        }
        CHECK(is_rounded(actual, exact(function, x, z)));
      }
    }
  });
}

TEST_CASE("powers are rounded right but for a hundredth of a unit in the last place") {
  on_every_set([](const KernelSet& kernels) {
    const int64_t count = 200'001;
    Floats a({count}), b({count}), y({count});
    std::mt19937 generator(5);
    for (int64_t i = 0; i < count; ++i) {
      // Bases of all magnitudes, exponents that keep the result in range, or nearly.
      const float base = std::bit_cast<float>(static_cast<uint32_t>(generator() & 0x7fffffff));
      a[i] = std::isfinite(base) && base > 0 ? base : 1.5f;
      const double range = 140 / std::max(std::abs(std::log2(static_cast<double>(a[i]))), 1e-3);
      b[i] = static_cast<float>(std::uniform_real_distribution<double>(-range, range)(generator));
    }
    const fusor_buffer input_a = a.buffer(), input_b = b.buffer();
    fusor_buffer output = y.buffer();
    const fusor_binary_attributes attributes{sizeof attributes, FUSOR_BINARY_POW};
    run_op(kernels, binary_op, &attributes, {&input_a, &input_b}, {&output});
    double worst = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double expected = std::pow(static_cast<double>(a[i]), static_cast<double>(b[i]));
      if (!(expected < 3.4e38)) continue;
      const double unit = std::ldexp(1.0, std::max(expected == 0 ? -126 : std::ilogb(expected), -126) - 23);
      worst = std::max(worst, std::abs(y[i] - expected) / unit);
    }
    CHECK(worst <= 0.51);
  });
}

TEST_CASE(
    "blocked operands stay blocked where they can: equal shapes and single numbers; else the result is the "
    "same") {
  on_every_set([](const KernelSet& kernels) {
    const std::vector<int64_t> shape = {2, 19, 3, 5};
    const Floats a = small_integers(shape, 1);
    const std::vector<std::vector<int64_t>> others = {shape,      {},  {1},          {1, 1, 1, 1},
                                                      {19, 1, 1}, {5}, {2, 19, 1, 1}};
    for (const std::vector<int64_t>& other : others) {
      const Floats b = small_integers(other, 2);
      for (const int32_t function : kAll) {
        const fusor_binary_attributes attributes{sizeof attributes, function};
        const fusor_buffer input_a = a.buffer(), input_b = b.buffer();
        const bool is_truth = function >= FUSOR_BINARY_EQ;
        for (const bool swapped : {false, true}) {
          Floats strided(shape), blocked(shape);
          Array<uint8_t> strided_truth(shape), blocked_truth(shape);
          fusor_buffer first = is_truth ? strided_truth.buffer() : strided.buffer();
          fusor_buffer second = is_truth ? blocked_truth.buffer() : blocked.buffer();
          const auto inputs = swapped ? std::vector{&input_b, &input_a} : std::vector{&input_a, &input_b};
          run_op(kernels, binary_op, &attributes, inputs, {&first});
          run_op(kernels, binary_op, &attributes, inputs, {&second}, true);
          CHECK(std::memcmp(strided.data.data(), blocked.data.data(), strided.data.size() * sizeof(float)) ==
                0);
          CHECK(strided_truth.data == blocked_truth.data);
        }
      }
    }
  });
}

TEST_CASE("a blocked result has zeros around it and in the lanes past the last channel") {
  on_every_set([](const KernelSet& kernels) {
    Pool& pool = Pool::instance();
    const Pool::Turn turn;
    const Floats x({1, 3, 2, 2}, std::vector<float>(12, 0.f));
    const Floats one({}, {1.f});
    const fusor_buffer number = one.buffer();
    fusor_buffer image = x.buffer();
    describe_blocked(image, kernels.lanes, Halo{1, 1, 1, 1});
    std::vector<float> memory(static_cast<size_t>(image.byte_size) / sizeof(float), 0.f),
        result(memory.size(), 5.f);
    image.data = memory.data();
    fusor_buffer output = x.buffer();
    output.data = nullptr;
    const fusor_buffer* inputs[] = {&image, &number};
    fusor_buffer* outputs[] = {&output};
    const fusor_binary_attributes attributes{sizeof attributes, FUSOR_BINARY_ADD};
    const fusor_op_call call{sizeof call, FUSOR_OP_BINARY, &attributes, inputs, 2, outputs, 1};
    REQUIRE(prepare_op_entry(binary_op, kernels, call) == FUSOR_OK);
    REQUIRE(output.layout == FUSOR_LAYOUT_BLOCKED);
    REQUIRE(output.byte_size == image.byte_size);
    output.data = result.data();
    Scratch scratch;
    OpContext context{kernels, pool, 1, scratch};
    REQUIRE(binary_op.run(context, call) == FUSOR_OK);
    double sum = 0;
    for (const float value : result) sum += value;
    CHECK(sum == 12);
    for (const float value : memory) CHECK(value == 0);
  });
}

TEST_CASE("what the CPU cannot compute is refused with the way out") {
  on_every_set([](const KernelSet& kernels) {
    Array<int32_t> a({2}, {1, 2});
    fusor_buffer input = a.buffer(), output = a.buffer();
    const fusor_buffer* inputs[] = {&input, &input};
    fusor_buffer* outputs[] = {&output};
    fusor_binary_attributes attributes{sizeof attributes, FUSOR_BINARY_DIV};
    const fusor_op_call call{sizeof call, FUSOR_OP_BINARY, &attributes, inputs, 2, outputs, 1};
    CHECK(prepare_op_entry(binary_op, kernels, call) == FUSOR_ERROR_DTYPE);
    attributes.function = FUSOR_BINARY_ADD;
    CHECK(prepare_op_entry(binary_op, kernels, call) == FUSOR_OK);
    input.dtype = FUSOR_F16;
    CHECK(prepare_op_entry(binary_op, kernels, call) == FUSOR_ERROR_DTYPE);
  });
}
