// The file of measured winners: whatever is wrong with it, it is as if it were not there.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/plan/tuning_cache.h"

#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <sys/stat.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cpu/plan/tune.h"
#include "system.h"
#include "tuned_convolution.h"

using namespace fusor::cpu;
using fusor::testing::Child;
using fusor::testing::Directory;
using fusor::testing::tuned;
namespace fs = std::filesystem;

namespace {

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}
void put_text(const std::string& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace

TEST_CASE("what is written is read, in directories that are made for it") {
  const Directory directory;
  const std::string file = directory.path + "/a/b/tuning";
  CHECK(read_tuning_cache(file).empty());
  REQUIRE(write_tuning_cache(file, {tuned(64, "winograd f4"), tuned(65, "direct")}));
  const auto winners = read_tuning_cache(file);
  REQUIRE(winners.size() == 2);
  CHECK(winners[0].is_for(tuned(64, "")));
  CHECK(winners[0].algorithm == "winograd f4");
  CHECK(winners[1].is_for(tuned(65, "")));
  CHECK_FALSE(winners[1].is_for(tuned(64, "")));
  CHECK(winners[1].algorithm == "direct");
  // Nothing else lies about.
  CHECK(std::distance(fs::directory_iterator(directory.path + "/a/b"), fs::directory_iterator()) == 1);
}

TEST_CASE("new winners join the old ones and replace those of the same shape") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  REQUIRE(write_tuning_cache(file, {tuned(64, "winograd f4"), tuned(65, "direct")}));
  REQUIRE(write_tuning_cache(file, {tuned(64, "winograd f2"), tuned(66, "direct")}));
  const auto winners = read_tuning_cache(file);
  REQUIRE(winners.size() == 3);
  CHECK(winners[0].algorithm == "winograd f2");
  TunedConvolution other = tuned(64, "");
  other.chip = "another chip";
  CHECK_FALSE(winners[0].is_for(other));
  other = tuned(64, "");
  other.instruction_set = "avx512";
  CHECK_FALSE(winners[0].is_for(other));
}

TEST_CASE("a file cut off anywhere or with any byte changed counts as none, and is written anew") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  REQUIRE(write_tuning_cache(file, {tuned(64, "winograd f4"), tuned(65, "direct")}));
  const std::string good = text_of(file);
  for (size_t length = 0; length < good.size(); ++length) {
    put_text(file, good.substr(0, length));
    CHECK(read_tuning_cache(file).empty());
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x11);
    put_text(file, damaged);
    CHECK(read_tuning_cache(file).empty());
  }
  put_text(file, good + "x");
  CHECK(read_tuning_cache(file).empty());
  REQUIRE(write_tuning_cache(file, {tuned(70, "direct")}));
  CHECK(read_tuning_cache(file).size() == 1);
}

TEST_CASE("other versions, huge files, directories and pipes count as none") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  REQUIRE(write_tuning_cache(file, {tuned(64, "direct")}));
  std::string text = text_of(file);
  REQUIRE(text.rfind("fusor-tuning 1 ", 0) == 0);
  text[13] = '2';
  put_text(file, text);
  CHECK(read_tuning_cache(file).empty());
  put_text(file, std::string(5 << 20, 'x'));
  CHECK(read_tuning_cache(file).empty());
  CHECK(read_tuning_cache(directory.path).empty());
#if defined(_WIN32)
  CHECK(read_tuning_cache("CON").empty());
#else
  const std::string pipe = directory.path + "/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_tuning_cache(pipe).empty());
#endif
}

TEST_CASE("a place that cannot be written is no error") {
  CHECK_FALSE(write_tuning_cache("", {tuned(64, "direct")}));
  const Directory directory;
  // Below a file there is no room for one.
  put_text(directory.path + "/file", "text");
  CHECK_FALSE(write_tuning_cache(directory.path + "/file/tuning", {tuned(64, "direct")}));
  fs::remove(directory.path + "/file");
  // A directory where the file should be: the rename fails, and the temporary file goes away.
  REQUIRE(fs::create_directory(directory.path + "/tuning"));
  CHECK_FALSE(write_tuning_cache(directory.path + "/tuning", {tuned(64, "direct")}));
  CHECK(std::distance(fs::directory_iterator(directory.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a file that grew too long drops old lines") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  std::vector<TunedConvolution> many;
  for (int64_t i = 0; i < 8192; ++i) many.push_back(tuned(i, "direct"));
  REQUIRE(write_tuning_cache(file, many));
  CHECK(read_tuning_cache(file).size() == 8192);
  REQUIRE(write_tuning_cache(file, {tuned(9000, "direct")}));
  const auto winners = read_tuning_cache(file);
  REQUIRE(winners.size() == 8192);
  CHECK(winners[0].is_for(tuned(9000, "")));
}

TEST_CASE("hidden: one of several writers" * doctest::skip()) {
  const char* const place = std::getenv("FUSOR_TEST_WRITER");  // "0 /a/file"
  REQUIRE(place);
  bool good = true;
  for (int time = 0; time < 40; ++time)
    good = write_tuning_cache(place + 2, {tuned(100 * (place[0] - '0') + time, "direct")}) && good;
  CHECK(good);
}

TEST_CASE("processes that write at once leave a whole file, at any moment") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  REQUIRE(write_tuning_cache(file, {tuned(1, "direct")}));
  {
    std::deque<Child> writers;
    for (const char* const number : {"0 ", "1 ", "2 "})
      writers.emplace_back("hidden: one of several writers", "FUSOR_TEST_WRITER", number + file);
    const auto writing = [&] {
      return !std::all_of(writers.begin(), writers.end(), [](Child& writer) { return writer.has_ended(); });
    };
    while (writing()) CHECK_FALSE(read_tuning_cache(file).empty());
    for (Child& writer : writers) CHECK(writer.wait() == 0);
  }
  CHECK_FALSE(read_tuning_cache(file).empty());
  CHECK(std::distance(fs::directory_iterator(directory.path), fs::directory_iterator()) == 1);
}

TEST_CASE("where the file is") {
  using fusor::testing::set_variable;
#if defined(_WIN32)
  const char *const cache = "LOCALAPPDATA", *const home = "USERPROFILE";
#else
  const char *const cache = "XDG_CACHE_HOME", *const home = "HOME";
#endif
  const auto with = [&](const char* own, const char* caches, const char* mine, const std::string& directory) {
    set_variable("FUSOR_CACHE_DIR", own);
    set_variable(cache, caches);
    set_variable(home, mine);
    return tuning_cache_file(directory);
  };
  CHECK(with("/own", "/xdg", "/home/me", "/given") == "/given/tuning");
  CHECK(with("/own", "/xdg", "/home/me", "") == "/own/tuning");
  CHECK(with("", "/xdg", "/home/me", "") == "");
  CHECK(with(nullptr, nullptr, nullptr, "") == "");
#if defined(_WIN32)
  CHECK(with(nullptr, "C:\\Users\\me\\AppData\\Local", nullptr, "") ==
        "C:\\Users\\me\\AppData\\Local/fusor/tuning");
#elif !defined(__APPLE__)
  CHECK(with(nullptr, "/xdg", "/home/me", "") == "/xdg/fusor/tuning");
  CHECK(with(nullptr, "relative", "/home/me", "") == "/home/me/.cache/fusor/tuning");
#endif
}

TEST_CASE("a choice is measured once, written, and made from the file where that names a candidate") {
  const Directory first, second;
  const KernelSet& kernels = *active_kernels();
  ConvolutionShape shape{1, 32, 14, 14, 32, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1, 14, 14};
  const std::vector<float> weight(32 * 32 * 9, 0.1f);
  Pool& pool = Pool::instance();
  const Pool::Turn turn;
  const auto choose = [&](const Directory& directory, std::string& reason) {
    const char* text = "model";
    Tuning tuning(directory.path.c_str());
    const char* algorithm = tuning.choose(kernels, pool, 1, shape, weight.data(), nullptr, {}, {}, text);
    reason = text;
    return std::string(algorithm ? algorithm : "");
  };
  std::string reason;
  const std::string winner = choose(first, reason);
  CHECK(reason == "measured");
  CHECK(choose(first, reason) == winner);
  CHECK(reason == "measured");
  const auto lines = read_tuning_cache(first.path + "/tuning");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].algorithm == winner);
  CHECK(lines[0].chip == chip_name());

  // Another than the measured one, to see that the file decides.
  const char* names[16];
  const int count = convolution_candidates(kernels, shape, {}, names, 16);
  REQUIRE(count >= 2);
  TunedConvolution other = lines[0];
  other.algorithm = names[0] == winner ? names[1] : names[0];
  REQUIRE(write_tuning_cache(second.path + "/tuning", {other}));
  CHECK(choose(second, reason) == other.algorithm);
  CHECK(reason == "measured, cached");

  const Directory third;
  other.algorithm = "magic";
  REQUIRE(write_tuning_cache(third.path + "/tuning", {other}));
  choose(third, reason);
  CHECK(reason == "measured");
  CHECK(read_tuning_cache(third.path + "/tuning")[0].algorithm != "magic");

  choose(third, reason);
  const ConvolutionShape grouped{1, 6, 9, 9, 6, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2, 9, 9};
  const char* text = "model";
  Tuning tuning(third.path.c_str());
  CHECK(tuning.choose(kernels, pool, 1, grouped, weight.data(), nullptr, {}, {}, text) == nullptr);
  CHECK(std::string(text) == "model");
}
