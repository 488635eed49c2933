#include "cpu/plan/tuning_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <locale>
#include <sstream>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace fusor::cpu {
namespace {

constexpr int kFormat = 1;
// All convolutions of all ResNets at some batches are some hundred lines of 150 bytes.
constexpr size_t kMostLines = 8192;
constexpr off_t kMostBytes = 4 << 20;
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

std::string read_all(const std::string& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return {};
  std::string text;
  // By lseek, since fstat is a symbol of glibc 2.33. Pipes have no end to seek, and a folder's cannot be
  // read.
  const off_t size = lseek(descriptor, 0, SEEK_END);
  if (size > 0 && size <= kMostBytes && lseek(descriptor, 0, SEEK_SET) == 0) {
    text.resize(static_cast<size_t>(size));
    size_t have = 0;
    while (have < text.size()) {
      const ssize_t got = read(descriptor, text.data() + have, text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    text.resize(have);
  }
  close(descriptor);
  return text;
}

bool write_all(const std::string& file, std::string_view text) {
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t put = write(descriptor, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    good = put > 0;
    if (good) text.remove_prefix(static_cast<size_t>(put));
  }
  // Before the rename, so that a machine that goes down leaves the old file or the new one, never an empty
  // one.
  good = good && fsync(descriptor) == 0;
  return (close(descriptor) == 0) && good;
}

// The directories above `file`, as far as they are missing.
void make_directories(const std::string& file) {
  for (size_t slash = file.find('/', 1); slash != std::string::npos; slash = file.find('/', slash + 1))
    mkdir(file.substr(0, slash).c_str(), 0700);  // what cannot be made shows when the file is opened
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

#if defined(__x86_64__)
std::string find_chip_name() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return "x86-64";
  char vendor[13] = {};
  std::memcpy(vendor, &b, 4), std::memcpy(vendor + 4, &d, 4), std::memcpy(vendor + 8, &c, 4);
  __get_cpuid(1, &a, &b, &c, &d);
  // Family, model and stepping as they stand in the register. The brand string is "AMD EPYC" or the like on
  // virtual machines.
  char name[64];
  std::snprintf(name, sizeof name, "%s %08x ", vendor, a);
  char brand[49] = {};
  for (unsigned leaf = 0; leaf < 3; ++leaf) {
    if (!__get_cpuid(0x80000002 + leaf, &a, &b, &c, &d)) break;
    const unsigned words[4] = {a, b, c, d};
    std::memcpy(brand + 16 * leaf, words, 16);
  }
  return std::string(name) + brand;
}
#elif defined(__APPLE__)
std::string find_chip_name() {
  char name[128] = {};
  size_t size = sizeof name - 1;
  return sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0 ? name : "arm64";
}
#else
// The first processor's implementer and part, which is the model.
std::string find_chip_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string name = "arm64", line;
  while (std::getline(file, line) && !line.empty())
    for (const char* key : {"CPU implementer", "CPU variant", "CPU part"})
      if (line.rfind(key, 0) == 0 && line.find(':') != std::string::npos)
        name += line.substr(line.find(':') + 1);
  return name;
}
#endif

}  // namespace

const std::string& chip_name() {
  static const std::string* const name = [] {
    std::string found = find_chip_name();
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
  if (const char* chosen = std::getenv("FUSOR_CACHE_DIR")) return *chosen ? std::string(chosen) + kName : "";
  // The specification has relative paths ignored.
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::string(cache) + "/fusor" + kName;
  const char* const home = std::getenv("HOME");
  if (!home || *home != '/') return "";
#if defined(__APPLE__)
  return std::string(home) + "/Library/Caches/fusor" + kName;
#else
  return std::string(home) + "/.cache/fusor" + kName;
#endif
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
  return file.empty() ? std::vector<TunedConvolution>() : parse_tuning_cache(read_all(file));
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
  make_directories(file);
  // A name of this process's and thread's own: whoever renames last wins.
  static std::atomic<unsigned> count{0};
  const std::string temporary = file + '.' + std::to_string(getpid()) + '.' + std::to_string(count++);
  if (write_all(temporary, tuning_cache_text(lines)) && std::rename(temporary.c_str(), file.c_str()) == 0)
    return true;
  unlink(temporary.c_str());
  return false;
}

}  // namespace fusor::cpu
