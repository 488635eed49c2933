// Every convolution algorithm on every instruction set of this machine, against a reference in f64.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "convolution_testing.h"

using namespace fusor::testing;
using namespace fusor::cpu;

TEST_CASE("the shapes of ResNets, small in width, are exact") {
  Pool::instance().set_threads(3);
  for_each_set([](const KernelSet& kernels) {
    uint32_t seed = 0;
    for (const Geometry& g : {
             Geometry{1, 64, 14, 14, 64, 3, 3, {1, 1}, {1, 1, 1, 1}},
             Geometry{2, 32, 7, 7, 48, 3, 3, {1, 1}, {1, 1, 1, 1}},
             Geometry{1, 64, 14, 14, 128, 3, 3, {2, 2}, {1, 1, 1, 1}},
             Geometry{1, 64, 14, 14, 96, 1, 1},
             Geometry{1, 64, 14, 14, 32, 1, 1, {2, 2}},
             Geometry{2, 3, 32, 30, 64, 7, 7, {2, 2}, {3, 3, 3, 3}},
             Geometry{1, 3, 32, 32, 16, 3, 3, {1, 1}, {1, 1, 1, 1}},
             Geometry{1, 16, 32, 32, 16, 3, 3, {1, 1}, {1, 1, 1, 1}},
             Geometry{1, 128, 14, 14, 128, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 32},
             Geometry{1, 64, 9, 9, 64, 3, 3, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2},
             Geometry{1, 64, 12, 12, 64, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 64},
             Geometry{1, 640, 5, 5, 40, 1, 1},
             // Several blocks of pixels for a thread, which fetches the next one's, of the next image too.
             Geometry{2, 521, 22, 18, 40, 1, 1},
             Geometry{2, 264, 45, 29, 24, 1, 1, {2, 2}},
             Geometry{1, 256, 30, 15, 64, 1, 1, {1, 1}, {0, 0, 0, 0}, {1, 1}, 2},
             Geometry{1, 257, 5, 6, 40, 3, 3, {1, 1}, {1, 1, 1, 1}},
         })
      check_shape(kernels, shape_of(g), ++seed);
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("ragged shapes of every kind are exact on integers and accurate with everything fused") {
  Pool::instance().set_threads(3);
  for_each_set([](const KernelSet& kernels) {
    std::mt19937 random(7);
    const auto pick = [&](std::initializer_list<int> values) {
      return values.begin()[random() % values.size()];
    };
    const int count = std::string(kernels.name) == "avx512-emulated" ? 60 : 250;
    for (int i = 0; i < count; ++i) {
      Geometry g;
      g.n = pick({1, 1, 2, 3});
      g.c = pick({1, 3, 5, 8, 16, 17, 64});
      g.k = pick({1, 3, 5, 8, 16, 17, 64});
      g.h = pick({1, 2, 3, 5, 7, 13});
      g.w = pick({1, 2, 3, 5, 7, 13});
      const int kernel = pick({11, 33, 33, 33, 55, 77, 13, 31, 22});
      g.r = kernel / 10, g.s = kernel % 10;
      g.stride = {pick({1, 1, 2, 3}), pick({1, 1, 2, 3})};
      if (kernel == 33 && random() % 2) g.stride = {1, 1};
      g.padding = {pick({0, 1, 1, 3}), pick({0, 1, 2}), pick({0, 1, 1, 2}), pick({0, 1, 4})};
      g.dilation = {pick({1, 1, 1, 2}), pick({1, 1, 1, 3})};
      check_shape(kernels, shape_of(g), static_cast<uint32_t>(i));
    }
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("stems of seven rows, ragged in every way, by sums and by Winograd") {
  Pool::instance().set_threads(3);
  for_each_set([](const KernelSet& kernels) {
    uint32_t seed = 0;
    for (const Geometry& g : {
             Geometry{2, 3, 37, 41, 40, 7, 7, {2, 2}, {3, 3, 3, 3}},
             Geometry{1, 1, 29, 61, 17, 7, 5, {2, 2}, {0, 5, 2, 1}},
             Geometry{3, 4, 13, 33, 33, 7, 3, {2, 2}, {2, 1, 0, 4}, {1, 3}},  // columns apart
             Geometry{1, 2, 8, 57, 5, 7, 1, {2, 2}, {6, 6, 0, 0}},            // rows that see padding alone
             Geometry{1, 3, 7, 27, 64, 7, 1, {2, 2}},                         // one row
             Geometry{1, 3, 21, 64, 1, 7, 7, {2, 2}, {3, 3, 3, 3}},           // one channel out
         })
      for (int activation = 0; activation < 6; ++activation) check_shape(kernels, shape_of(g), ++seed);
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("Winograd stays within its error of f64 at the channel counts of ResNets") {
  Pool::instance().set_threads(2);
  for_each_set([](const KernelSet& kernels) {
    // Few outputs are enough: the error comes from the transforms and the sum over channels.
    for (const Geometry& g : {Geometry{1, 64, 56, 56, 16, 3, 3, {1, 1}, {1, 1, 1, 1}},
                              Geometry{1, 512, 7, 7, 16, 3, 3, {1, 1}, {1, 1, 1, 1}},
                              // Weights of a point that do not fit in L1, in chunks of which one is ragged.
                              Geometry{1, 525, 7, 7, 40, 3, 3, {1, 1}, {1, 1, 1, 1}},
                              Geometry{1, 64, 56, 56, 16, 3, 3, {2, 2}, {1, 1, 1, 1}},
                              Geometry{1, 512, 14, 14, 16, 3, 3, {2, 2}, {1, 1, 1, 1}},
                              Geometry{1, 3, 64, 64, 16, 7, 7, {2, 2}, {3, 3, 3, 3}}}) {
      const ConvolutionShape s = shape_of(g);
      const std::string text = text_of(s);
      INFO(text);
      const Problem problem = make_problem(s, Values::Normal, true, false, 9);
      const auto expected = reference(problem);
      int checked = 0;
      for (const char* name : candidates(kernels, s)) {
        if (!is_winograd(name)) continue;
        ++checked;
        INFO("algorithm ", std::string(name));
        // Measured: 1.1e-6 at most (F(4x4), 512 channels).
        CHECK(relative_error(run(kernels, problem, name), expected) < 3e-6);
      }
      CHECK(checked == (s.r == 7 ? 1 : s.stride[0] == 1 ? 3 : 2));
    }
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("groups of every size are exact and do not mix") {
  Pool::instance().set_threads(3);
  for_each_set([](const KernelSet& kernels) {
    std::mt19937 random(11);
    const auto pick = [&](std::initializer_list<int> values) {
      return values.begin()[random() % values.size()];
    };
    const int count = std::string(kernels.name) == "avx512-emulated" ? 40 : 150;
    for (int i = 0; i < count; ++i) {
      Geometry g;
      g.n = pick({1, 1, 2});
      g.groups = pick({2, 3, 4, 5, 8, 16, 17, 33});
      const int channels = pick({1, 1, 2, 3, 4, 5, 8, 16, 24});
      g.c = g.groups * channels;
      g.k = g.groups * (random() % 2 ? channels : pick({1, 2, 3, 4, 8, 16}));
      g.h = pick({1, 3, 7, 11});
      g.w = pick({1, 2, 5, 12});
      g.r = pick({1, 3, 5}), g.s = pick({1, 3, 3});
      g.stride = {pick({1, 2}), pick({1, 2, 3})};
      g.padding = {pick({0, 1}), pick({0, 1, 2}), pick({0, 1, 2}), pick({0, 1})};
      g.dilation = {pick({1, 1, 2}), pick({1, 1, 2})};
      check_shape(kernels, shape_of(g), static_cast<uint32_t>(i));
    }
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("bits do not depend on the number of threads or the place in the batch") {
  Pool::instance().set_threads(6);
  for_each_set([](const KernelSet& kernels) {
    for (const Geometry& g :
         {Geometry{1, 24, 15, 13, 40, 3, 3, {1, 1}, {1, 1, 1, 1}},
          Geometry{1, 64, 7, 7, 64, 3, 3, {1, 1}, {1, 1, 1, 1}}, Geometry{1, 40, 9, 11, 72, 1, 1},
          Geometry{1, 24, 29, 31, 40, 3, 3, {2, 2}, {1, 1, 1, 1}},
          Geometry{1, 3, 21, 23, 24, 5, 5, {2, 2}, {2, 2, 2, 2}},
          Geometry{1, 48, 9, 9, 48, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 12},
          Geometry{1, 48, 9, 9, 48, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 48}}) {
      const ConvolutionShape one = shape_of(g);
      const std::string text = text_of(one);
      INFO(text);
      Problem problem = make_problem(one, Values::Normal, true, true, 5);
      problem.activation = {FUSOR_ACTIVATION_RELU, 0, 0};
      Problem batch = problem;
      batch.shape.n = 5;
      batch.x.clear(), batch.residual.clear();
      for (int i = 0; i < 5; ++i) {
        batch.x.insert(batch.x.end(), problem.x.begin(), problem.x.end());
        batch.residual.insert(batch.residual.end(), problem.residual.begin(), problem.residual.end());
      }
      for (const char* name : candidates(kernels, one)) {
        INFO("algorithm ", std::string(name));
        RunOptions options;
        options.threads = 1;
        const Floats expected = run(kernels, problem, name, options);
        for (int threads : {2, 3, 6}) {
          options.threads = threads;
          CHECK(run(kernels, problem, name, options) == expected);
        }
        for (int threads : {1, 3}) {
          options.threads = threads;
          const Floats all = run(kernels, batch, name, options);
          for (int i = 0; i < 5; ++i)
            CHECK(std::equal(expected.begin(), expected.end(),
                             all.begin() + i * static_cast<int64_t>(expected.size())));
        }
      }
    }
  });
  Pool::instance().set_threads(0);
}

TEST_CASE(
    "NaN reaches the outputs that depend on it, through every activation, and direct sums spread it no "
    "further") {
  for_each_set([](const KernelSet& kernels) {
    for (const Geometry& g :
         {Geometry{2, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}}, Geometry{2, 20, 9, 9, 20, 1, 1},
          Geometry{2, 20, 9, 9, 20, 3, 3, {2, 2}, {1, 1, 1, 1}},
          Geometry{2, 3, 9, 9, 20, 3, 3, {2, 2}, {1, 1, 1, 1}},
          Geometry{2, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 5},
          Geometry{2, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 20}}) {
      const ConvolutionShape s = shape_of(g);
      const std::string text = text_of(s);
      INFO(text);
      for (int kind = FUSOR_ACTIVATION_NONE; kind <= FUSOR_ACTIVATION_CLAMP; ++kind) {
        Problem problem = make_problem(s, Values::Normal, true, false, 3);
        problem.activation = {kind, -1.f, 1.f};
        const float nan = std::numeric_limits<float>::quiet_NaN();
        problem.x[static_cast<size_t>(((1 * s.c + 2) * s.h + 4) * s.w + 4)] = nan;
        problem.weight[0] = nan;  // output channel 0, its first tap
        // As the reference knows it: x < 0 ? 0 : x keeps NaN.
        const auto expected = reference(problem);
        for (const char* name : candidates(kernels, s)) {
          INFO("algorithm ", std::string(name), ", activation ", kind);
          const Floats result = run(kernels, problem, name);
          bool kept = true, spread = false;
          const int64_t plane = s.p * s.q;
          for (size_t i = 0; i < result.size(); ++i) {
            if (std::isnan(expected[i])) kept &= std::isnan(result[i]);
            // A NaN weight meets the zeros of the padding too, and a Winograd tile shares its pixels.
            else if (std::isnan(result[i]) && static_cast<int64_t>(i) / plane % s.k != 0)
              spread = true;
          }
          CHECK(kept);
          if (!is_winograd(name)) CHECK(!spread);
        }
      }
    }
  });
}

TEST_CASE("an algorithm that cannot do a shape is refused, and every shape has one that can") {
  for_each_set([](const KernelSet& kernels) {
    const ConvolutionShape s = shape_of({1, 8, 9, 9, 8, 5, 5, {1, 1}, {2, 2, 2, 2}});
    const Problem problem = make_problem(s, Values::Integers, false, false, 1);
    const Pool::Turn turn;
    ConvolutionOptions options;
    for (const char* name :
         {"pointwise", "winograd f4", "winograd f2", "winograd f4 strided", "no such algorithm"}) {
      options.force = name;
      CHECK(!make_convolution(kernels, Pool::instance(), s, problem.weight.data(), nullptr, kNone, options));
    }
    CHECK(make_convolution(kernels, Pool::instance(), s, problem.weight.data(), nullptr, kNone, {}));
  });
}

TEST_CASE("the choice follows its options: no Winograd, and none that looks at the batch") {
  for_each_set([](const KernelSet& kernels) {
    const auto first = [&](const ConvolutionShape& s, const ConvolutionOptions& options) {
      const char* name = nullptr;
      CHECK(convolution_candidates(kernels, s, options, &name, 1) >= 1);
      return std::string(name);
    };
    for (const Geometry& g : {Geometry{1, 64, 56, 56, 64, 3, 3, {1, 1}, {1, 1, 1, 1}},
                              Geometry{1, 512, 7, 7, 512, 3, 3, {1, 1}, {1, 1, 1, 1}},
                              Geometry{1, 64, 56, 56, 128, 3, 3, {2, 2}, {1, 1, 1, 1}},
                              Geometry{1, 3, 224, 224, 64, 7, 7, {2, 2}, {3, 3, 3, 3}}}) {
      const ConvolutionShape one = shape_of(g);
      ConvolutionOptions options;
      options.winograd = false;
      CHECK(first(one, options) == (g.c == 3 ? "stem" : "direct"));
      options.winograd = true;
      options.deterministic = true;
      for (int64_t n : {2, 8, 64}) {
        ConvolutionShape batch = one;
        batch.n = n;
        CHECK(first(batch, options) == first(one, options));
      }
    }
    CHECK(is_winograd(first(shape_of({1, 64, 56, 56, 64, 3, 3, {1, 1}, {1, 1, 1, 1}}), {})));
    CHECK(is_winograd(first(shape_of({1, 64, 56, 56, 128, 3, 3, {2, 2}, {1, 1, 1, 1}}), {})));
    CHECK(first(shape_of({1, 3, 224, 224, 64, 7, 7, {2, 2}, {3, 3, 3, 3}}), {}) == "winograd stem");
    CHECK(first(shape_of({1, 3, 224, 224, 64, 7, 7, {4, 4}, {3, 3, 3, 3}}), {}) == "stem");
    CHECK(first(shape_of({1, 64, 56, 56, 256, 1, 1}), {}) == "pointwise");
    CHECK(first(shape_of({1, 32, 9, 9, 32, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 32}), {}) == "depthwise");
    CHECK(first(shape_of({1, 6, 9, 9, 6, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3}), {}) == "grouped");
  });
}

TEST_CASE("an empty batch is no work") {
  for_each_set([](const KernelSet& kernels) {
    for (const Geometry& g :
         {Geometry{1, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}}, Geometry{1, 3, 9, 9, 20, 3, 3},
          Geometry{1, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 20},
          Geometry{1, 20, 9, 9, 20, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 5}}) {
      ConvolutionShape s = shape_of(g);
      s.n = 0;
      const Problem problem = make_problem(s, Values::Integers, true, false, 1);
      for (const char* name : candidates(kernels, s)) CHECK(run(kernels, problem, name).empty());
    }
  });
}
