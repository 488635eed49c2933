// What `tune: 'measure'` found out, kept in a file so that the next process need not measure again.
//
// The file is text: a line with a magic word, the format's and Fusor's version and a checksum of what
// follows, then a line per winner. Whatever is not exactly that (another version, damage, a cut-off end, a
// line too many) counts as no file, and the next winner writes a new one; a directory that cannot be written
// keeps the winners in this process only. Nothing here is ever an error. A new file takes the old one's place
// by a rename, with the old one's lines merged in: readers see one or the other, and of two writers at once
// one may lose its lines, which costs measuring them again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cpu/conv2d/convolution.h"

namespace fusor::cpu {

// One shape's winner. What a convolution computes never depends on it.
struct TunedConvolution {
  std::string chip;             // chip_name()
  std::string instruction_set;  // KernelSet::name
  ConvolutionShape shape;
  bool winograd;  // whether Winograd was allowed to compete
  std::string algorithm;

  bool is_for(const TunedConvolution& other) const {
    return shape == other.shape && winograd == other.winograd && instruction_set == other.instruction_set &&
           chip == other.chip;
  }
};

// The processor's model, of printable characters without tabs.
const std::string& chip_name();

// Where the file is: in `directory` if that is not empty, else FUSOR_CACHE_DIR, else `fusor` in the cache
// directory of the user (XDG_CACHE_HOME or ~/.cache; ~/Library/Caches on macOS, LOCALAPPDATA on Windows).
// Empty, so that nothing is read or written: FUSOR_CACHE_DIR is set and empty, or there is no home.
std::string tuning_cache_file(const std::string& directory);

// Nothing where the file is not as it should be. The algorithms are names as they stand in the file.
std::vector<TunedConvolution> read_tuning_cache(const std::string& file);

// The same of a file's text, and the text of a file that has these winners.
std::vector<TunedConvolution> parse_tuning_cache(const std::string& text);
std::string tuning_cache_text(const std::vector<TunedConvolution>& winners);
// `lines` under the first line that a file of them has.
std::string signed_tuning_cache(const std::string& lines);

// Puts `winners` into the file, over what it has for the same shapes. False if it could not be written.
bool write_tuning_cache(const std::string& file, const std::vector<TunedConvolution>& winners);

}  // namespace fusor::cpu
