// Constants of a graph: the copies that a plan keeps, and letting go of the caller's.
#pragma once

#include <cstdint>

#include "fusor/backend.h"

namespace fusor::cpu {

// Memory of constants that steps read as they are (packed weights live in their steps).
class ConstantData {
 public:
  explicit ConstantData(int64_t bytes);
  ~ConstantData();
  ConstantData(ConstantData&& other) noexcept;
  ConstantData(const ConstantData&) = delete;
  ConstantData& operator=(const ConstantData&) = delete;
  void* data() const { return data_; }  // null when out of memory
  int64_t bytes() const { return bytes_; }

 private:
  void* data_;
  int64_t bytes_;
};

// Of a constant of the graph that is not read again. What that frees goes back to the system now and then:
// kept for other tensors it would only lie beside the packed weights.
void release_constant(const fusor_graph& graph, int32_t value);

}  // namespace fusor::cpu
