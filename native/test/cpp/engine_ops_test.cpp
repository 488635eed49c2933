// Eager ops through the C API, on a backend that watches: results, views, layouts, failures, lifetimes.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"

using namespace testing;

namespace {

using Floats = std::vector<float>;

// A fake backend as new, an environment, and the books balanced at the end.
struct Fixture {
  Fixture() {
    fake::reset();
    environment = make_environment();
  }
  ~Fixture() {
    environment.reset();
    CHECK(fake::state().wrong_threads == 0);
    CHECK(fake::state().live_blocks == 0);
    CHECK(fake::state().live_bytes == 0);
    CHECK(fake::state().live_streams == 0);
    CHECK(memory().tensors == 0);
    CHECK(memory().bytes == 0);
  }
  fusor_environment* env() const { return environment.get(); }

  EnvironmentHandle environment;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "ops give values in the order they were called") {
  const TensorHandle a = make_tensor(env(), {2, 3}, {1, -2, 3, -4, 5, -6});
  const TensorHandle b = make_tensor(env(), {3}, {10, 20, 30});
  const OpResult sum = add(env(), a.get(), b.get());
  const OpResult negative = neg(env(), *sum);
  CHECK(read(env(), *negative) == Floats{-11, -18, -33, -6, -25, -24});
  CHECK(read(env(), *sum) == Floats{11, 18, 33, 6, 25, 24});
  CHECK(read(env(), a.get()) == Floats{1, -2, 3, -4, 5, -6});
}

TEST_CASE_FIXTURE(Fixture, "tensors may be released straight after they were used") {
  TensorHandle x = make_counting(env(), {100});
  fake::state().close_gate();
  OpResult y = neg(env(), x.get());
  x.reset();
  for (int i = 0; i < 50; ++i) y = neg(env(), *y);
  fake::state().open_gate();
  const Floats data = read(env(), *y);
  CHECK(data[0] == 0);
  CHECK(data[99] == -99);
}

TEST_CASE_FIXTURE(Fixture, "results nobody holds are computed and freed") {
  const TensorHandle x = make_counting(env(), {100});
  for (int i = 0; i < 10; ++i) neg(env(), x.get());
  CHECK(synchronize(env()).status == FUSOR_OK);
  CHECK(fake::state().ops == 10);
  CHECK(fake::state().live_blocks == 1);
  CHECK(memory().tensors == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "storage is allocated when the op runs, and counted once however many views there are") {
  const TensorHandle x = make_counting(env(), {4, 6});
  CHECK(synchronize(env()).status == FUSOR_OK);
  CHECK(memory().bytes == 96);
  fake::state().close_gate();
  const OpResult y = neg(env(), x.get());
  const OpResult z = neg(env(), *y);
  fake::state().await_somebody_at_gate();
  CHECK(memory().tensors == 3);
  CHECK(memory().bytes == 192);  // z's op has not run
  fake::state().open_gate();
  const OpResult view = permute(env(), *z, {1, 0});
  CHECK(synchronize(env()).status == FUSOR_OK);
  CHECK(memory().tensors == 3);
  CHECK(memory().bytes == 288);
  CHECK(fusor_tensor_storage_bytes(x.get()) == 96);
  CHECK(fusor_tensor_storage_bytes(*view) == 0);
  CHECK(fusor_tensor_storage_bytes(nullptr) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a view answers for the storage when it is the last one left") {
  OpResult x = fill(env(), {4, 6}, 2);
  const OpResult view = permute(env(), *x, {1, 0});
  x.outputs.clear();
  CHECK(fusor_tensor_storage_bytes(*view) == 96);
  CHECK(read(env(), *view) == Floats(24, 2));
}

TEST_CASE_FIXTURE(Fixture, "views queue no work and read in logical order") {
  const TensorHandle x = make_counting(env(), {2, 3});
  CHECK(synchronize(env()).status == FUSOR_OK);
  fake::state().close_gate();  // nothing of this needs the stream
  const OpResult transposed = permute(env(), x.get(), {1, 0});
  const OpResult part = slice(env(), *transposed, {1, 0}, {3, 2}, {1, 1});
  const OpResult wide = expand(env(), *reshape(env(), x.get(), {2, 3, 1}), {2, 3, 2});
  CHECK(info_of(*transposed).strides[0] == 1);
  CHECK(info_of(*transposed).strides[1] == 3);
  CHECK(fake::state().ops == 0);
  fake::state().open_gate();
  CHECK(read(env(), *transposed) == Floats{0, 3, 1, 4, 2, 5});
  CHECK(read(env(), *part) == Floats{1, 4, 2, 5});
  CHECK(read(env(), *wide) == Floats{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5});
  CHECK(read(env(), *add(env(), *transposed, *transposed)) == Floats{0, 6, 2, 8, 4, 10});
  CHECK(fake::state().ops == 1);
}

TEST_CASE_FIXTURE(Fixture, "reshape copies where strides cannot say it") {
  const TensorHandle x = make_counting(env(), {2, 3});
  const OpResult transposed = permute(env(), x.get(), {1, 0});
  const OpResult flat = reshape(env(), *transposed, {6});
  CHECK(read(env(), *flat) == Floats{0, 3, 1, 4, 2, 5});
  CHECK(fake::state().ops == 0);
  CHECK(memory().tensors == 2);
}

TEST_CASE_FIXTURE(Fixture, "empty tensors and scalars work") {
  const TensorHandle empty = make_tensor(env(), {0, 3}, {});
  const TensorHandle row = make_tensor(env(), {3}, {1, 2, 3});
  CHECK(read(env(), *add(env(), empty.get(), row.get())).empty());
  const TensorHandle scalar = make_tensor(env(), {}, {5});
  CHECK(read(env(), *add(env(), scalar.get(), scalar.get())) == Floats{10});
  CHECK(info_of(*add(env(), scalar.get(), scalar.get())).rank == 0);
}

TEST_CASE_FIXTURE(Fixture, "layouts of the backend pass between its ops and look logical from outside") {
  for (const auto layout : {fake::OutputLayout::kBlocked, fake::OutputLayout::kChannelsLast}) {
    fake::reset();
    fake::state().layout = layout;
    const TensorHandle x = make_counting(env(), {2, 3, 2, 2});
    Floats negative;
    for (int i = 0; i < 24; ++i) negative.push_back(static_cast<float>(-i));

    const OpResult y = neg(env(), x.get());
    const OpResult z = add(env(), *y, *y);
    CHECK(synchronize(env()).status == FUSOR_OK);
    CHECK(fake::state().conversions == 0);  // whole tensors go from op to op as they lie
    CHECK(info_of(*y).strides[0] == 12);    // and say row-major strides
    CHECK(info_of(*y).strides[1] == 4);
    CHECK(read(env(), *y) == negative);
    CHECK(fake::state().conversions == 1);
    CHECK(read(env(), *y) == negative);
    CHECK(fake::state().conversions == 2);  // reading leaves the storage as it is

    // A view of part of it needs strides: the storage is converted, once.
    const OpResult part = slice(env(), *y, {1, 0, 0, 0}, {2, 3, 1, 2}, {1, 2, 1, 1});
    fake::state().conversions = 0;
    CHECK(read(env(), *neg(env(), *part)) == Floats{12, 13, 20, 21});
    CHECK(read(env(), *neg(env(), *permute(env(), *y, {0, 2, 3, 1})))[1] == 4);
    CHECK(read(env(), *y) == negative);
    // One for y's storage; one for reading each result of neg.
    CHECK(fake::state().conversions == 3);
  }
}

TEST_CASE_FIXTURE(Fixture, "a failed op fails its outputs, they carry it on, and the stream goes on") {
  const TensorHandle x = make_counting(env(), {4});
  fake::state().failing_op = FUSOR_OP_BINARY;
  const OpResult bad = add(env(), x.get(), x.get(), "layer1.add");
  const OpResult worse = neg(env(), *permute(env(), *bad, {0}));
  const OpResult worst = reshape(env(), *add(env(), *worse, x.get()), {2, 2});
  const OpResult good = neg(env(), x.get());
  const ReadResult result = try_read(env(), *worst);
  CHECK(result.status == FUSOR_ERROR_INTERNAL);
  CHECK(result.message == "layer1.add: the fake op failed");
  CHECK(read(env(), *good)[3] == -3);
  CHECK(synchronize(env()).status == FUSOR_OK);  // tensors carry the failure
}

TEST_CASE_FIXTURE(Fixture, "messages name the op where there is no label") {
  const TensorHandle x = make_counting(env(), {4});
  fake::state().failing_op = FUSOR_OP_BINARY;
  CHECK(try_read(env(), *add(env(), x.get(), x.get())).message == "add: the fake op failed");
  const OpResult unsupported = run_op(env(), FUSOR_OP_MATMUL, nullptr,
                                      {*reshape(env(), x.get(), {2, 2}), *reshape(env(), x.get(), {2, 2})});
  const ReadResult result = try_read(env(), *unsupported);
  CHECK(result.status == FUSOR_ERROR_UNSUPPORTED);
  CHECK(result.message == "matmul: the fake backend has no such op");
}

TEST_CASE_FIXTURE(Fixture, "out of memory fails the op that met it and no other") {
  const TensorHandle x = make_counting(env(), {1000});
  CHECK(synchronize(env()).status == FUSOR_OK);
  fake::state().failing_allocations = 1;
  const OpResult bad = neg(env(), x.get(), "conv1");
  const OpResult good = neg(env(), x.get());
  const ReadResult result = try_read(env(), *bad);
  CHECK(result.status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(result.message == "conv1: out of memory on fake:0: 4000 bytes could not be allocated");
  CHECK(read(env(), *good)[999] == -999);
}

TEST_CASE_FIXTURE(Fixture, "out of memory inside conversions and copies is told, too") {
  fake::state().layout = fake::OutputLayout::kBlocked;
  const TensorHandle x = make_counting(env(), {1, 2, 2, 2});
  const OpResult y = neg(env(), x.get());
  CHECK(synchronize(env()).status == FUSOR_OK);
  fake::state().failing_allocations = 1;
  CHECK(try_read(env(), *neg(env(), *permute(env(), *y, {0, 1, 3, 2}))).status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(read(env(), *y)[7] == -7);  // y itself is unharmed
  fake::state().failing_allocations = 1;
  CHECK(try_read(env(), *reshape(env(), *permute(env(), x.get(), {3, 2, 1, 0}), {8})).message ==
        "reshape: out of memory on fake:0: 32 bytes could not be allocated");
}

TEST_CASE_FIXTURE(Fixture, "failures that no tensor carries come out of synchronize, once") {
  const TensorHandle x = make_counting(env(), {4});
  fake::state().failing_op = FUSOR_OP_UNARY;
  neg(env(), x.get(), "forgotten");  // its result is released at once
  CHECK(synchronize(env()).message == "forgotten: the fake op failed");
  CHECK(synchronize(env()).status == FUSOR_OK);
  fake::state().late_failure = true;
  CHECK(synchronize(env()).status == FUSOR_ERROR_DEVICE_LOST);
}

TEST_CASE_FIXTURE(Fixture, "assign writes into the destination's storage, whole or through a view") {
  const TensorHandle x = make_counting(env(), {2, 3});
  const OpResult kept = neg(env(), x.get());
  const TensorHandle ones = make_tensor(env(), {2, 3}, Floats(6, 1));
  CHECK(assign(env(), x.get(), ones.get()).status == FUSOR_OK);
  CHECK(read(env(), x.get()) == Floats(6, 1));
  CHECK(read(env(), *kept) == Floats{-0.0f, -1, -2, -3, -4, -5});  // made before
  const TensorHandle column = make_tensor(env(), {2, 1}, {7, 8});
  CHECK(assign(env(), *slice(env(), x.get(), {0, 1}, {2, 2}, {1, 1}), column.get()).status == FUSOR_OK);
  CHECK(read(env(), x.get()) == Floats{1, 7, 1, 1, 8, 1});
}

TEST_CASE_FIXTURE(Fixture, "assign reads an overlapping source before it writes") {
  const TensorHandle x = make_counting(env(), {6});
  assign(env(), *slice(env(), x.get(), {1}, {6}, {1}), *slice(env(), x.get(), {0}, {5}, {1}));
  CHECK(read(env(), x.get()) == Floats{0, 0, 1, 2, 3, 4});
  const TensorHandle square = make_counting(env(), {2, 2});
  assign(env(), square.get(), *permute(env(), square.get(), {1, 0}));
  CHECK(read(env(), square.get()) == Floats{0, 2, 1, 3});
}

TEST_CASE_FIXTURE(Fixture, "assign reaches through layouts of the backend") {
  fake::state().layout = fake::OutputLayout::kBlocked;
  const TensorHandle x = make_counting(env(), {1, 2, 1, 2});
  const OpResult destination = neg(env(), x.get());
  const OpResult source = neg(env(), *destination);
  assign(env(), *slice(env(), *destination, {0, 1, 0, 0}, {1, 2, 1, 2}, {1, 1, 1, 1}),
         *slice(env(), *source, {0, 0, 0, 0}, {1, 1, 1, 2}, {1, 1, 1, 1}));
  CHECK(read(env(), *destination) == Floats{-0.0f, -1, 0, 1});
  assign(env(), *destination, *source);
  CHECK(read(env(), *destination) == Floats{0, 1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "an assign that fails leaves the destination and is told by synchronize") {
  const TensorHandle x = make_counting(env(), {4});
  fake::state().failing_op = FUSOR_OP_UNARY;
  const OpResult bad = neg(env(), x.get(), "lost");
  assign(env(), x.get(), *bad);
  CHECK(read(env(), x.get()) == Floats{0, 1, 2, 3});
  CHECK(synchronize(env()).message == "lost: the fake op failed");
}

TEST_CASE_FIXTURE(Fixture, "assign refuses expanded destinations") {
  const TensorHandle x = make_counting(env(), {1, 3});
  const TensorHandle source = make_counting(env(), {2, 3});
  const OpResult wide = expand(env(), x.get(), {2, 3});
  const OpResult result = assign(env(), *wide, source.get());
  CHECK(result.status == FUSOR_ERROR_ARGUMENT);
  CHECK(result.message ==
        "assign: destination [2, 3] is expanded: several of its elements are one in memory");
}

TEST_CASE_FIXTURE(Fixture, "backends see identity and version of whole storages only") {
  const TensorHandle x = make_counting(env(), {2, 2});
  const TensorHandle other = make_tensor(env(), {2, 2}, Floats(4, 1));
  neg(env(), x.get());
  neg(env(), *permute(env(), x.get(), {1, 0}));
  neg(env(), *reshape(env(), x.get(), {4}));
  assign(env(), x.get(), other.get());
  neg(env(), x.get());
  CHECK(synchronize(env()).status == FUSOR_OK);
  const auto& identities = fake::state().seen_identities;
  const auto& versions = fake::state().seen_versions;
  REQUIRE(identities.size() == 4);
  CHECK(identities[0] != 0);
  CHECK(identities[1] == 0);
  CHECK(identities[2] == 0);
  CHECK(identities[3] == identities[0]);
  CHECK(versions[3] > versions[0]);
}

TEST_CASE_FIXTURE(Fixture, "backends are told when a storage is gone") {
  uint64_t identity = 0;
  {
    const TensorHandle x = make_counting(env(), {2, 2});
    neg(env(), x.get());
    CHECK(synchronize(env()).status == FUSOR_OK);
    identity = fake::state().seen_identities.at(0);
    const std::lock_guard lock(fake::state().mutex);
    CHECK(fake::state().forgotten.count(identity) == 0);
  }
  const std::lock_guard lock(fake::state().mutex);
  CHECK(fake::state().forgotten.count(identity) == 1);
}

TEST_CASE_FIXTURE(Fixture, "convert to the same dtype is a row-major copy") {
  const TensorHandle x = make_counting(env(), {2, 3});
  const fusor_convert_attributes attributes{sizeof attributes, FUSOR_F32};
  const OpResult copy = run_op(env(), FUSOR_OP_CONVERT, &attributes, {*permute(env(), x.get(), {1, 0})});
  CHECK(read(env(), *copy) == Floats{0, 3, 1, 4, 2, 5});
  CHECK(info_of(*copy).strides[0] == 2);
}

TEST_CASE_FIXTURE(Fixture, "what a backend knows it cannot do fails in the call") {
  fusor_fill_attributes zeros{sizeof zeros, 1, {3}, FUSOR_I64, 0};
  const OpResult integers = run_op(env(), FUSOR_OP_FILL, &zeros, {});
  const OpResult refused = neg(env(), *integers, "a label");
  CHECK(refused.status == FUSOR_ERROR_DTYPE);
  CHECK(refused.message == "neg: the fake backend computes in f32");
  // What the engine does itself, the backend is not asked about.
  const fusor_convert_attributes same{sizeof same, FUSOR_I64};
  CHECK(run_op(env(), FUSOR_OP_CONVERT, &same, {*integers}).status == FUSOR_OK);
  CHECK(synchronize(env()).status == FUSOR_OK);
}

TEST_CASE_FIXTURE(Fixture, "every dtype moves, whatever its size") {
  const int64_t sizes[] = {2, 3};
  for (const int32_t dtype : {FUSOR_F32, FUSOR_F16, FUSOR_BF16, FUSOR_I32, FUSOR_I64, FUSOR_U8}) {
    const int64_t size = fake::element_size(dtype);
    std::vector<char> bytes(static_cast<size_t>(6 * size)), found(bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i + 1);
    fusor_tensor* created = nullptr;
    REQUIRE(fusor_tensor_create(env(), fake_device(), dtype, 2, sizes, bytes.data(), 6 * size, &created) ==
            FUSOR_OK);
    const TensorHandle tensor(created);
    const OpResult back = permute(env(), *permute(env(), tensor.get(), {1, 0}), {1, 0});
    const OpResult flat = reshape(env(), *permute(env(), tensor.get(), {1, 0}), {6});
    Outcome outcome;
    REQUIRE(fusor_tensor_read(env(), *back, found.data(), 6 * size, Outcome::report, &outcome) == FUSOR_OK);
    CHECK(outcome.wait() == FUSOR_OK);
    CHECK(found == bytes);
    Outcome transposed;
    REQUIRE(fusor_tensor_read(env(), *flat, found.data(), 6 * size, Outcome::report, &transposed) ==
            FUSOR_OK);
    CHECK(transposed.wait() == FUSOR_OK);
    CHECK(found[static_cast<size_t>(size)] == bytes[static_cast<size_t>(3 * size)]);
  }
}

TEST_CASE_FIXTURE(Fixture, "tensors move between devices, in order with the work on both") {
  const TensorHandle x = make_counting(env(), {2, 3});
  const OpResult y = neg(env(), x.get());
  fusor_tensor* moved = nullptr;
  REQUIRE(fusor_tensor_to_device(env(), *permute(env(), *y, {1, 0}), fake_device() + 1, &moved) == FUSOR_OK);
  const TensorHandle there(moved);
  CHECK(info_of(there.get()).device == fake_device() + 1);
  CHECK(read(env(), *neg(env(), there.get())) == Floats{0, 3, 1, 4, 2, 5});
  fusor_tensor* same = nullptr;
  REQUIRE(fusor_tensor_to_device(env(), x.get(), fake_device(), &same) == FUSOR_OK);
  CHECK(same == x.get());
  fusor_tensor_release(same);

  fake::state().failing_op = FUSOR_OP_UNARY;
  const OpResult bad = neg(env(), x.get(), "lost");
  REQUIRE(fusor_tensor_to_device(env(), *bad, fake_device() + 1, &moved) == FUSOR_OK);
  const TensorHandle failed(moved);
  CHECK(try_read(env(), failed.get()).message == "lost: the fake op failed");

  const OpResult mixed = add(env(), *permute(env(), x.get(), {1, 0}), there.get());
  CHECK(mixed.status == FUSOR_ERROR_DEVICE);
  CHECK(mixed.message == "add: a is on fake:0 but b is on fake:1");
}

TEST_CASE_FIXTURE(Fixture, "bad calls throw at once and change nothing") {
  const TensorHandle x = make_counting(env(), {2, 3});
  const TensorHandle y = make_counting(env(), {4});
  CHECK(add(env(), x.get(), y.get()).message == "add: shapes [2, 3] and [4] do not broadcast");
  CHECK(add(env(), x.get(), nullptr).message == "add: b is missing");
  CHECK(run_op(env(), 99, nullptr, {x.get()}).status == FUSOR_ERROR_ARGUMENT);
  CHECK(run_op(env(), FUSOR_OP_MATMUL, nullptr, {x.get(), x.get()}, 2).status == FUSOR_ERROR_SHAPE);
  const fusor_unary_attributes attributes{sizeof attributes, FUSOR_UNARY_NEG, 0, 0};
  CHECK(run_op(env(), FUSOR_OP_UNARY, &attributes, {x.get()}, 2).message == "unary gives 1 outputs, not 2");
  CHECK(run_op(nullptr, FUSOR_OP_UNARY, &attributes, {x.get()}).message == "environment must not be null");
  CHECK(fill(env(), {2}, 0, 999).status == FUSOR_ERROR_DEVICE);

  float data[6];
  const int64_t sizes[] = {2, 3};
  fusor_tensor* tensor = nullptr;
  CHECK(fusor_tensor_create(env(), fake_device(), FUSOR_F32, 2, sizes, data, 20, &tensor) ==
        FUSOR_ERROR_SHAPE);
  CHECK(std::string(fusor_last_error()) == "tensor: shape [2, 3] of f32 takes 24 bytes, got 20");
  CHECK(fusor_tensor_create(env(), fake_device(), 7, 2, sizes, data, 24, &tensor) == FUSOR_ERROR_DTYPE);
  CHECK(fusor_tensor_create(env(), fake_device(), FUSOR_F32, 9, sizes, data, 24, &tensor) ==
        FUSOR_ERROR_SHAPE);
  CHECK(fusor_tensor_create(env(), fake_device(), FUSOR_F32, 2, nullptr, data, 24, &tensor) ==
        FUSOR_ERROR_ARGUMENT);
  CHECK(fusor_tensor_create(env(), fake_device(), FUSOR_F32, 2, sizes, nullptr, 24, &tensor) ==
        FUSOR_ERROR_ARGUMENT);
  CHECK(tensor == nullptr);
  CHECK(fusor_tensor_read(env(), x.get(), data, 20, Outcome::report, nullptr) == FUSOR_ERROR_ARGUMENT);
  CHECK(std::string(fusor_last_error()) ==
        "data: shape [2, 3] of f32 takes 24 bytes, but the destination has 20");
  fusor_tensor_info info{};
  CHECK(fusor_tensor_get_info(x.get(), &info) == FUSOR_ERROR_ARGUMENT);  // without a struct_size
  fusor_tensor_release(nullptr);
  CHECK(fusor_tensor_retain(nullptr) == nullptr);
}
