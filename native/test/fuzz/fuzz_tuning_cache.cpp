// The file of measured winners: as it comes, and, since a checksum keeps such inputs from the lines, also
// signed. What is read, is written and read again the same.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cpu/plan/tuning_cache.h"

using namespace fusor::cpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  parse_tuning_cache(text);
  const std::vector<TunedConvolution> winners = parse_tuning_cache(signed_tuning_cache(text));
  const std::vector<TunedConvolution> again = parse_tuning_cache(tuning_cache_text(winners));
  bool same = again.size() == winners.size();
  for (size_t i = 0; same && i < winners.size(); ++i) {
    same = again[i].is_for(winners[i]) && again[i].algorithm == winners[i].algorithm;
  }
  if (!same) {
    std::fprintf(stderr, "what was read differs from what was written\n");
    std::abort();
  }
  return 0;
}
