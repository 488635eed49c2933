// Convolutions prepared for eager use: the first call with a weight tensor chooses an algorithm and packs the
// weight, the next calls with the same geometry reuse both. Entries belong to the weight's storage and go
// with it (forget).
#pragma once

#include <cstdint>

#include "cpu/conv2d/convolution.h"
#include "cpu/op.h"

namespace fusor::cpu {

// What a prepared convolution was made from. A changed weight or bias has another version, so stale ones
// never match.
struct PreparedKey {
  uint64_t weight_identity = 0, weight_version = 0;
  uint64_t bias_identity = 0, bias_version = 0;
  int64_t weight_offset = 0, bias_offset = 0;  // bytes: views of one storage are different weights
  ConvolutionShape shape{};
  fusor_activation activation{};
  bool operator==(const PreparedKey& other) const;
};

// A counted reference to a prepared convolution: it stays valid while held, also when it is forgotten
// meanwhile.
class Prepared {
 public:
  Prepared() = default;
  Prepared(Prepared&& other) noexcept;
  Prepared& operator=(Prepared&& other) noexcept;
  ~Prepared();

  explicit operator bool() const { return entry_ != nullptr; }
  const Convolution& operator*() const;
  const Convolution* operator->() const { return &**this; }

  struct Entry;
  explicit Prepared(Entry* entry) : entry_(entry) {}  // takes over one reference

 private:
  Entry* entry_ = nullptr;
};

// The prepared convolution of `key`, or an empty reference.
Prepared find_prepared(const PreparedKey& key);
// Keeps `convolution` under `key` if its tensors have identities; the reference is valid either way. Each
// weight keeps at most kPreparedPerWeight of them, the oldest goes first. Empty when out of memory.
constexpr int kPreparedPerWeight = 4;
Prepared keep_prepared(const PreparedKey& key, std::unique_ptr<Convolution> convolution);

// The storage with this identity is gone. Any thread.
void forget_prepared(uint64_t identity);
// Bytes of packed weights held, for tests.
int64_t prepared_bytes();

}  // namespace fusor::cpu
