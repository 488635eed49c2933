// Ops that move elements or make them: pad, concat, gather, index_select, fill, arange, random.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "op_testing.h"
#include "random/philox.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

constexpr Lie kLies[] = {Lie::row_major, Lie::last_second, Lie::reversed, Lie::gaps};

void check_pad(const Array& x, const Sizes& before, const Sizes& after, int32_t mode, double value, Lie lie) {
  INFO("dtype ", x.dtype, ", mode ", mode, ", lie ", static_cast<int>(lie));
  fusor_pad_attributes a{};
  a.struct_size = sizeof a;
  a.rank = static_cast<int32_t>(x.sizes.size());
  a.mode = mode;
  a.value = value;
  Array expected{x.dtype, x.sizes, {}};
  for (size_t d = 0; d < x.sizes.size(); ++d) {
    a.before[d] = before[d], a.after[d] = after[d];
    expected.sizes[d] += before[d] + after[d];
  }
  for_each(expected.sizes, [&](const Sizes& index, size_t) {
    Sizes source = index;
    bool inside = true;
    for (size_t d = 0; d < index.size(); ++d) {
      int64_t i = index[d] - before[d];
      const int64_t size = x.sizes[d];
      if (mode == FUSOR_PAD_REPLICATE) i = std::clamp<int64_t>(i, 0, size - 1);
      if (mode == FUSOR_PAD_REFLECT) i = i < 0 ? -i : i < size ? i : 2 * (size - 1) - i;
      inside = inside && i >= 0 && i < size;
      source[d] = i;
    }
    expected.values.push_back(inside ? x.at(source) : rounded(x.dtype, value));
  });
  check_array(OpCall(FUSOR_OP_PAD, a).input(x, lie).output(x.dtype, expected.sizes).run()[0], expected, 0, 0);
}

}  // namespace

TEST_CASE("pad: constants, crops, reflection and replication, in every type") {
  in_schedules(kTypes, [](int32_t dtype) {
    for (const Lie lie : kLies) {
      const Array x = integers(dtype, {2, 16, 4, 5}, 1, 0, 99);
      check_pad(x, {0, 0, 1, 2}, {0, 0, 3, 0}, FUSOR_PAD_CONSTANT, 7, lie);
      check_pad(x, {1, -2, 0, -1}, {0, 1, -1, 2}, FUSOR_PAD_CONSTANT, 0, lie);
      check_pad(x, {0, 0, 3, 2}, {1, 0, 1, 4}, FUSOR_PAD_REFLECT, 0, lie);
      check_pad(x, {0, 3, 3, 7}, {1, 0, 0, 1}, FUSOR_PAD_REPLICATE, 0, lie);
    }
  });
  check_pad(integers(FUSOR_F32, {1}, 1), {1}, {0}, FUSOR_PAD_CONSTANT, NAN, Lie::row_major);
  check_pad({FUSOR_F32, {0}, {}}, {2}, {3}, FUSOR_PAD_CONSTANT, 4, Lie::row_major);
}

TEST_CASE("concat along every dimension, empty parts and channels-last included") {
  constexpr int32_t types[] = {FUSOR_F32, FUSOR_BF16, FUSOR_U8};
  in_schedules(types, [](int32_t dtype) {
    for (const Lie lie : kLies) {
      for (int32_t dim = 0; dim < 4; ++dim) {
        const fusor_dim_attributes a{sizeof a, dim};
        OpCall call(FUSOR_OP_CONCAT, a);
        Array expected{dtype, {2, 8, 3, 4}, {}};
        expected.sizes[static_cast<size_t>(dim)] = 0;
        std::vector<Array> parts;
        for (const int64_t length : {2, 8, 0, 3}) {
          Sizes sizes{2, 8, 3, 4};
          sizes[static_cast<size_t>(dim)] = length;
          expected.sizes[static_cast<size_t>(dim)] += length;
          parts.push_back(integers(dtype, sizes, 5 + static_cast<uint64_t>(length), 0, 99));
          call.input(parts.back(), lie);
        }
        for_each(expected.sizes, [&](const Sizes& index, size_t) {
          Sizes own = index;
          auto& along = own[static_cast<size_t>(dim)];
          size_t part = 0;
          while (along >= parts[part].sizes[static_cast<size_t>(dim)])
            along -= parts[part++].sizes[static_cast<size_t>(dim)];
          expected.values.push_back(parts[part].at(own));
        });
        check_array(call.output(dtype, expected.sizes).run()[0], expected, 0, 0);
      }
    }
  });
}

TEST_CASE("gather and index_select of every type, i32 and i64 indices, any strides") {
  in_schedules(kTypes, [](int32_t dtype) {
    for (const int32_t index_dtype : {FUSOR_I32, FUSOR_I64}) {
      const Lie lie = index_dtype == FUSOR_I32 ? Lie::row_major : Lie::reversed;
      const Array x = integers(dtype, {3, 4, 16}, 1, 0, 99);
      for (int32_t dim = 0; dim < 3; ++dim) {
        const fusor_dim_attributes a{sizeof a, dim};
        Sizes sizes{2, 3, 4};
        sizes[static_cast<size_t>(dim)] = 6;
        const int most = static_cast<int>(x.sizes[static_cast<size_t>(dim)]) - 1;
        const Array index = integers(index_dtype, sizes, 2, 0, most);
        Array gathered{dtype, sizes, {}};
        for_each(sizes, [&](const Sizes& at, size_t i) {
          Sizes source = at;
          source[static_cast<size_t>(dim)] = static_cast<int64_t>(index.values[i]);
          gathered.values.push_back(x.at(source));
        });
        check_array(OpCall(FUSOR_OP_GATHER, a).input(x, lie).input(index, lie).output(dtype, sizes).run()[0],
                    gathered, 0, 0);

        const Array picks = integers(index_dtype, {2, 3}, 3, 0, most);
        Array selected{dtype, x.sizes, {}};
        selected.sizes.erase(selected.sizes.begin() + dim);
        selected.sizes.insert(selected.sizes.begin() + dim, {2, 3});
        for_each(selected.sizes, [&](const Sizes& at, size_t) {
          Sizes source = at;
          source.erase(source.begin() + dim);
          source[static_cast<size_t>(dim)] = static_cast<int64_t>(
              picks.at({at[static_cast<size_t>(dim)], at[static_cast<size_t>(dim) + 1]}));
          selected.values.push_back(x.at(source));
        });
        check_array(OpCall(FUSOR_OP_INDEX_SELECT, a)
                        .input(x, lie)
                        .input(picks, lie)
                        .output(dtype, selected.sizes)
                        .run()[0],
                    selected, 0, 0);
      }
    }
  });
}

TEST_CASE("an index out of range reads nothing and is reported once") {
  const Array x = integers(FUSOR_F32, {2, 5}, 1), bad{FUSOR_I64, {2, 2}, {0, 5, 1, 0}},
              good{FUSOR_I64, {2, 2}, {0, 4, 1, 0}};
  const fusor_dim_attributes a{sizeof a, 1};
  for (const auto& [op, name] :
       {std::pair{FUSOR_OP_GATHER, "gather"}, {FUSOR_OP_INDEX_SELECT, "indexSelect"}}) {
    const Sizes sizes = op == FUSOR_OP_GATHER ? Sizes{2, 2} : Sizes{2, 2, 2};
    OpCall call(op, a), well(op, a);
    const Array result = call.input(x).input(bad).output(FUSOR_F32, sizes).run()[0];
    CHECK(result.values[0] == x.values[0]);
    CHECK(call.indices().code() == FUSOR_ERROR_ARGUMENT);
    CHECK(call.indices().message() ==
          std::string(name) + ": index 5 is out of range for dimension 1 of size 5");
    // The place is used again and has forgotten it.
    well.input(x).input(good).output(FUSOR_F32, sizes).run();
    CHECK(well.indices().ok());
  }
}

TEST_CASE("fill and arange in every type, lengths around a vector") {
  for (int32_t dtype = 0; dtype < FUSOR_DTYPE_COUNT; ++dtype) {
    for (const int64_t count : {0, 1, 7, 16, 1030}) {
      fusor_fill_attributes fill{};
      fill.struct_size = sizeof fill;
      fill.rank = 1;
      fill.shape[0] = count;
      fill.dtype = dtype;
      fill.value = 7.75;
      check_array(OpCall(FUSOR_OP_FILL, fill).output(dtype, {count}).run()[0],
                  generate(dtype, {count}, [](size_t) { return 7.75; }), 0, 0);
      if (count > 100) continue;
      const fusor_arange_attributes arange{sizeof arange, count, 1.5, 2.25, dtype};
      check_array(OpCall(FUSOR_OP_ARANGE, arange).output(dtype, {count}).run()[0],
                  generate(dtype, {count}, [](size_t i) { return 1.5 + static_cast<double>(i) * 2.25; }), 0,
                  0);
    }
  }
}

TEST_CASE("Philox4x32-10 gives the paper's numbers") {
  // The known answers of the authors' library, for counter and key 0.
  const PhiloxWords zero = philox(0, 0);
  CHECK(zero.word[0] == 0x6627e8d5u);
  CHECK(zero.word[1] == 0xe169c58du);
  CHECK(zero.word[2] == 0xbc57ac4cu);
  CHECK(zero.word[3] == 0x9b00dbd8u);
}

TEST_CASE("random numbers depend on seed and place alone, and follow their distribution") {
  const auto draw = [](int32_t kind, float low, float high, uint64_t offset, int64_t count) {
    fusor_random_attributes a{};
    a.struct_size = sizeof a;
    a.rank = 1;
    a.shape[0] = count;
    a.distribution = kind;
    a.low = low, a.high = high;
    a.seed = 42, a.offset = offset;
    return OpCall(FUSOR_OP_RANDOM, a).output(FUSOR_F32, {count}).run()[0];
  };
  for (const int32_t kind : {FUSOR_RANDOM_UNIFORM, FUSOR_RANDOM_NORMAL, FUSOR_RANDOM_BERNOULLI}) {
    const float low = kind == FUSOR_RANDOM_UNIFORM ? -1.f : 0.f,
                high = kind == FUSOR_RANDOM_BERNOULLI ? 0.25f : 1.f;
    const Array all = draw(kind, low, high, 0, 4000), part = draw(kind, low, high, 77, 130);
    for (size_t i = 0; i < 130; ++i) CHECK(part.values[i] == all.values[77 + i]);
    double mean = 0, squares = 0;
    for (const double v : all.values) mean += v / 4000, squares += v * v / 4000;
    // Four standard errors.
    CHECK(std::fabs(mean - (kind == FUSOR_RANDOM_BERNOULLI ? 0.25 : 0)) < 4 / std::sqrt(4000.0));
    const double expected = kind == FUSOR_RANDOM_UNIFORM ? 1.0 / 3 : kind == FUSOR_RANDOM_NORMAL ? 1 : 0.25;
    CHECK(std::fabs(squares - expected) < 4 * std::sqrt(2 / 4000.0));
  }
  // Element 16 w + j of a group is made from word w of counter j.
  const Array uniform = draw(FUSOR_RANDOM_UNIFORM, 0, 1, 0, 64);
  for (int j = 0; j < 16; ++j)
    for (int w = 0; w < 4; ++w)
      CHECK(uniform.values[static_cast<size_t>(16 * w + j)] ==
            unit(philox(static_cast<uint64_t>(j), 42).word[w]));
}
