#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "platform/environment.h"
#include "platform/files.h"

namespace fusor::platform {

std::string read_file(const std::string& file, int64_t most) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return {};
  std::string text;
  // By lseek, since fstat is a symbol of glibc 2.33. Pipes have no end to seek, and a folder's cannot be
  // read.
  const off_t size = lseek(descriptor, 0, SEEK_END);
  if (size > 0 && size <= most && lseek(descriptor, 0, SEEK_SET) == 0) {
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

bool write_new_file(const std::string& file, std::string_view text) {
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t put = write(descriptor, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    good = put > 0;
    if (good) text.remove_prefix(static_cast<size_t>(put));
  }
  good = good && fsync(descriptor) == 0;
  return (close(descriptor) == 0) && good;
}

bool replace_file(const std::string& file, const std::string& target) {
  return std::rename(file.c_str(), target.c_str()) == 0;
}

void remove_file(const std::string& file) {
  unlink(file.c_str());
}

void make_directories(const std::string& file) {
  for (size_t slash = file.find('/', 1); slash != std::string::npos; slash = file.find('/', slash + 1))
    mkdir(file.substr(0, slash).c_str(), 0700);
}

std::string cache_directory() {
  // The specification has relative paths ignored.
  const auto cache = environment_variable("XDG_CACHE_HOME");
  if (cache && cache->starts_with('/')) return *cache;
  const auto home = environment_variable("HOME");
  if (!home || !home->starts_with('/')) return "";
#if defined(__APPLE__)
  return *home + "/Library/Caches";
#else
  return *home + "/.cache";
#endif
}

int64_t process_number() {
  return getpid();
}

}  // namespace fusor::platform
