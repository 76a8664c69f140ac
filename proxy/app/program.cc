#include "proxy/app/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_split.h"

namespace sluice::proxy {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

bool IsThisProgram(const std::string& path) {
  struct stat self;
  struct stat other;
  return stat(kSelf, &self) == 0 && stat(path.c_str(), &other) == 0 &&
         self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? "" : absolute.string();
}

std::string FindInPath(const std::string& name) {
  const char* const folders = std::getenv("PATH");
  if (folders == nullptr) return "";
  for (const std::string& folder : std::vector<std::string>(absl::StrSplit(folders, ':'))) {
    std::string path = Absolute((folder.empty() ? "." : folder) + "/" + name);
    if (IsThisProgram(path)) return path;
  }
  return "";
}

}  // namespace

std::string ProgramPath(const std::string& name) {
  const bool is_path = name.find('/') != name.npos;
  std::string path = is_path ? Absolute(name) : FindInPath(name);
  if (!path.empty() && IsThisProgram(path)) return path;
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(kSelf, error);
  return error ? "" : target.string();
}

}  // namespace sluice::proxy
