#include "platform/environment.h"
#include "platform/files.h"
#include "platform/win32.h"

namespace fusor::platform {
namespace {

// A file that is open here, and may be read, renamed and deleted by others meanwhile.
class Handle {
 public:
  Handle(const std::string& file, DWORD access, DWORD disposition)
      : handle_(CreateFileW(utf16(file).c_str(), access,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, disposition,
                            FILE_ATTRIBUTE_NORMAL, nullptr)) {}
  ~Handle() { close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  bool is_open() const { return handle_ != INVALID_HANDLE_VALUE; }
  HANDLE get() const { return handle_; }
  bool close() {
    const HANDLE handle = handle_;
    handle_ = INVALID_HANDLE_VALUE;
    return handle != INVALID_HANDLE_VALUE && CloseHandle(handle);
  }

 private:
  HANDLE handle_;
};

}  // namespace

std::string read_file(const std::string& file, int64_t most) {
  const Handle handle(file, GENERIC_READ, OPEN_EXISTING);
  LARGE_INTEGER size;
  // Consoles and pipes are no disks.
  if (!handle.is_open() || GetFileType(handle.get()) != FILE_TYPE_DISK || !GetFileSizeEx(handle.get(), &size))
    return {};
  if (size.QuadPart <= 0 || size.QuadPart > most) return {};
  std::string text(static_cast<size_t>(size.QuadPart), 0);
  size_t have = 0;
  DWORD got = 0;
  while (have < text.size() &&
         ReadFile(handle.get(), text.data() + have, static_cast<DWORD>(text.size() - have), &got, nullptr) &&
         got > 0) {
    have += got;
  }
  text.resize(have);
  return text;
}

bool write_new_file(const std::string& file, std::string_view text) {
  Handle handle(file, GENERIC_WRITE, CREATE_NEW);
  if (!handle.is_open()) return false;
  DWORD put = 0;
  for (; !text.empty(); text.remove_prefix(put)) {
    const DWORD piece = static_cast<DWORD>(text.size() < (1 << 30) ? text.size() : 1 << 30);
    if (!WriteFile(handle.get(), text.data(), piece, &put, nullptr) || put == 0) return false;
  }
  return FlushFileBuffers(handle.get()) && handle.close();
}

// While somebody has the target open, scanners of viruses included, Windows may refuse to put another file
// into its place; nobody reads it for long.
bool replace_file(const std::string& file, const std::string& target) {
  const std::wstring from = utf16(file), to = utf16(target);
  for (int attempt = 0;; ++attempt) {
    if (MoveFileExW(from.c_str(), to.c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
      return true;
    const DWORD error = GetLastError();
    const bool is_in_use = error == ERROR_ACCESS_DENIED || error == ERROR_SHARING_VIOLATION;
    const DWORD attributes = GetFileAttributesW(to.c_str());
    const bool is_file = attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
    if (!is_in_use || !is_file || attempt == 20) return false;
    Sleep(5);
  }
}

void remove_file(const std::string& file) {
  DeleteFileW(utf16(file).c_str());
}

void make_directories(const std::string& file) {
  const std::wstring wide = utf16(file);
  for (size_t slash = wide.find_first_of(L"/\\", 1); slash != std::wstring::npos;
       slash = wide.find_first_of(L"/\\", slash + 1))
    CreateDirectoryW(wide.substr(0, slash).c_str(), nullptr);
}

std::string cache_directory() {
  return environment_variable("LOCALAPPDATA").value_or("");
}

int64_t process_number() {
  return GetCurrentProcessId();
}

}  // namespace fusor::platform
