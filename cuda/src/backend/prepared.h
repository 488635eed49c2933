// Weights of eager ops in the order that kernels read, kept until their bytes change or their storage goes.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "backend/op_table.h"
#include "runtime/device.h"

namespace fusor::cuda {

class PreparedWeights {
 public:
  explicit PreparedWeights(Device& device) : device_(device) {}

  /** `weight` in this form, made now or found. It has an identity and is not in the form yet. */
  Status get(const fusor_buffer& weight, InputForm form, fusor_buffer* result);
  void forget(uint64_t identity);

 private:
  struct Entry {
    uint64_t version;
    InputForm form;
    fusor_buffer copy;
  };

  Device& device_;
  std::mutex mutex_;
  std::unordered_map<uint64_t, std::vector<Entry>> entries_;
};

}  // namespace fusor::cuda
