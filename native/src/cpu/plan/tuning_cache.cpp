#include "cpu/plan/tuning_cache.h"

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <locale>
#include <sstream>
#include <string_view>

#include "platform/environment.h"
#include "platform/files.h"
#include "platform/processor.h"

namespace fusor::cpu {
namespace {

constexpr int kFormat = 1;
// All convolutions of all ResNets at some batches are some hundred lines of 150 bytes.
constexpr size_t kMostLines = 8192;
constexpr int64_t kMostBytes = 4 << 20;
constexpr int kNumbers = 19;  // of a line: the shape's and whether Winograd competed

// FNV-1a: against accidents, not against attackers, who could only choose a slower algorithm.
uint64_t checksum(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string header(std::string_view body) {
  char text[96];
  std::snprintf(text, sizeof text, "fusor-tuning %d %s %016" PRIx64 "\n", kFormat, FUSOR_VERSION,
                checksum(body));
  return text;
}

// The numbers of a shape in the order of a line.
void numbers_of(const TunedConvolution& tuned, int64_t (&numbers)[kNumbers]) {
  const ConvolutionShape& s = tuned.shape;
  const int64_t values[kNumbers] = {s.n,          s.c,          s.h,          s.w,           s.k,
                                    s.r,          s.s,          s.stride[0],  s.stride[1],   s.padding[0],
                                    s.padding[1], s.padding[2], s.padding[3], s.dilation[0], s.dilation[1],
                                    s.groups,     s.p,          s.q,          tuned.winograd};
  std::copy_n(values, kNumbers, numbers);
}

std::string line_of(const TunedConvolution& tuned) {
  int64_t numbers[kNumbers];
  numbers_of(tuned, numbers);
  std::string line = tuned.chip + '\t' + tuned.instruction_set + '\t';
  for (int i = 0; i < kNumbers; ++i) line += (i ? " " : "") + std::to_string(numbers[i]);
  return line + '\t' + tuned.algorithm + '\n';
}

bool parse_line(const std::string& line, TunedConvolution& tuned) {
  const size_t first = line.find('\t');
  const size_t second = first == std::string::npos ? first : line.find('\t', first + 1);
  const size_t third = second == std::string::npos ? second : line.find('\t', second + 1);
  if (third == std::string::npos) return false;
  tuned.chip = line.substr(0, first);
  tuned.instruction_set = line.substr(first + 1, second - first - 1);
  tuned.algorithm = line.substr(third + 1);
  const std::string middle = line.substr(second + 1, third - second - 1);
  std::istringstream text(middle);  // not of a temporary: that is a function of GCC 11's library
  text.imbue(std::locale::classic());
  int64_t numbers[kNumbers];
  for (int64_t& number : numbers)
    if (!(text >> number)) return false;
  ConvolutionShape& s = tuned.shape;
  s.n = numbers[0], s.c = numbers[1], s.h = numbers[2], s.w = numbers[3];
  s.k = numbers[4], s.r = numbers[5], s.s = numbers[6];
  for (int i = 0; i < 2; ++i) s.stride[i] = static_cast<int32_t>(numbers[7 + i]);
  for (int i = 0; i < 4; ++i) s.padding[i] = static_cast<int32_t>(numbers[9 + i]);
  for (int i = 0; i < 2; ++i) s.dilation[i] = static_cast<int32_t>(numbers[13 + i]);
  s.groups = static_cast<int32_t>(numbers[15]);
  s.p = numbers[16], s.q = numbers[17];
  tuned.winograd = numbers[18] != 0;
  return true;
}

}  // namespace

const std::string& chip_name() {
  static const std::string* const name = [] {
    std::string found = platform::processor_model();
    for (char& c : found)
      if (c < ' ' || c > '~') c = ' ';
    while (!found.empty() && found.back() == ' ') found.pop_back();
    return new std::string(found);  // plans may be built while the process exits
  }();
  return *name;
}

std::string tuning_cache_file(const std::string& directory) {
  constexpr char kName[] = "/tuning";
  if (!directory.empty()) return directory + kName;
  if (const auto chosen = platform::environment_variable("FUSOR_CACHE_DIR"))
    return chosen->empty() ? "" : *chosen + kName;
  const std::string cache = platform::cache_directory();
  return cache.empty() ? "" : cache + "/fusor" + kName;
}

std::string signed_tuning_cache(const std::string& lines) {
  return header(lines) + lines;
}

std::string tuning_cache_text(const std::vector<TunedConvolution>& winners) {
  std::string lines;
  for (const TunedConvolution& tuned : winners) lines += line_of(tuned);
  return signed_tuning_cache(lines);
}

std::vector<TunedConvolution> parse_tuning_cache(const std::string& text) {
  const size_t end = text.find('\n');
  if (end == std::string::npos) return {};
  const std::string body = text.substr(end + 1);
  if (text.compare(0, end + 1, header(body)) != 0) return {};
  std::vector<TunedConvolution> winners;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    TunedConvolution tuned;
    if (winners.size() == kMostLines || !parse_line(line, tuned)) return {};
    winners.push_back(std::move(tuned));
  }
  return winners;
}

std::vector<TunedConvolution> read_tuning_cache(const std::string& file) {
  return file.empty() ? std::vector<TunedConvolution>()
                      : parse_tuning_cache(platform::read_file(file, kMostBytes));
}

bool write_tuning_cache(const std::string& file, const std::vector<TunedConvolution>& winners) {
  if (file.empty()) return false;
  std::vector<TunedConvolution> lines = winners;
  for (TunedConvolution& old : read_tuning_cache(file)) {
    if (lines.size() == kMostLines) break;
    const bool is_new = std::none_of(winners.begin(), winners.end(),
                                     [&](const TunedConvolution& tuned) { return tuned.is_for(old); });
    if (is_new) lines.push_back(std::move(old));
  }
  platform::make_directories(file);
  // A name of this process's and thread's own: whoever renames last wins. It is on the disk before the
  // rename, so that a machine that goes down leaves the old file or the new one, never an empty one.
  static std::atomic<unsigned> count{0};
  const std::string temporary =
      file + '.' + std::to_string(platform::process_number()) + '.' + std::to_string(count++);
  if (platform::write_new_file(temporary, tuning_cache_text(lines)) &&
      platform::replace_file(temporary, file))
    return true;
  platform::remove_file(temporary);
  return false;
}

}  // namespace fusor::cpu
