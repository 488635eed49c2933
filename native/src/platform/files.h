// Small files of the engine's own. Paths are UTF-8; '/' parts them on every system. Nothing here throws but
// for want of memory: what fails says so by what it gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fusor::platform {

// The whole of a regular file of up to `most` bytes; "" for anything else. Does not wait, for a pipe's other
// end or for anybody.
std::string read_file(const std::string& file, int64_t most);

// Writes a file that must not exist yet, for this user alone, and returns when it is on the disk.
bool write_new_file(const std::string& file, std::string_view text);

// Puts `file` in the place of `target`: whoever opens that finds the old one or the new one, always whole.
bool replace_file(const std::string& file, const std::string& target);

void remove_file(const std::string& file);

// The directories above `file`, as far as they are missing. What cannot be made shows when the file is
// opened.
void make_directories(const std::string& file);

// Where programs keep what they can do without, for this user; "" if there is no such place.
std::string cache_directory();

// The number of this process, for names that no other process chooses.
int64_t process_number();

}  // namespace fusor::platform
