// tune: 'measure': the algorithm of a convolution by timing the candidates on this machine.
#pragma once

#include <string>

#include "cpu/conv2d/convolution.h"

namespace fusor::cpu {

// The measurements of one plan. Winners are known for the rest of the process, and in a file for the next.
class Tuning {
 public:
  // As tuning_cache_file() takes it.
  explicit Tuning(const char* cache_directory) : directory_(cache_directory ? cache_directory : "") {}
  ~Tuning() { save(); }
  Tuning(const Tuning&) = delete;
  Tuning& operator=(const Tuning&) = delete;

  // The fastest candidate's name for make_convolution's `force`, or null where there is no choice; `reason`
  // then stays as it is, else it becomes "measured" or, with the file's word for it, "measured, cached".
  // Inside a Pool::Turn.
  const char* choose(const KernelSet& kernels, Pool& pool, int threads, const ConvolutionShape& shape,
                     const float* weight, const float* bias, const fusor_activation& activation,
                     const ConvolutionOptions& options, const char*& reason);

  // Writes what was measured since to the file. An unwritable one is no error.
  void save();

 private:
  const std::string& file();

  const std::string directory_;
  std::string file_;
  bool has_file_ = false, is_changed_ = false;
};

}  // namespace fusor::cpu
