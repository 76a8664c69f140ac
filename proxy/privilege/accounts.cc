#include "proxy/privilege/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// Asks getpwnam_r or one of its kind, with a buffer that grows as far as an entry needs it (a group
// may have thousands of members).
template <typename Entry, typename Key, typename Ask>
int Find(Ask ask, Key key, Entry& entry, std::vector<char>& buffer, Entry*& found) {
  constexpr size_t kFirst = 4096;
  constexpr size_t kMost = size_t{64} << 20;
  for (size_t size = kFirst;; size *= 4) {
    buffer.resize(size);
    found = nullptr;
    const int error = ask(key, &entry, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error != ERANGE || size >= kMost) return error;
  }
}

// getpwnam_r(3) lists what databases answer for a name that they do not have.
bool MeansUnknown(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

absl::Status NotFound(const char* kind, const std::string& name, int error) {
  if (MeansUnknown(error)) {
    return absl::NotFoundError(absl::StrCat("the system knows no ", kind, " named ", name));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot look up the ", kind, " ", name));
}

bool IsNumber(const std::string& name, uint32_t& number) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         absl::SimpleAtoi(name, &number);
}

}  // namespace

absl::StatusOr<User> FindUser(const std::string& name_or_number) {
  std::vector<char> buffer;
  passwd entry;
  passwd* found = nullptr;
  if (uid_t number = 0; IsNumber(name_or_number, number)) {
    (void)Find(getpwuid_r, number, entry, buffer, found);
    if (found == nullptr) return User{.id = number};
  } else {
    const int error = Find(getpwnam_r, name_or_number.c_str(), entry, buffer, found);
    if (found == nullptr) return NotFound("user", name_or_number, error);
  }
  return User{.id = found->pw_uid, .name = found->pw_name, .group = found->pw_gid};
}

absl::StatusOr<gid_t> FindGroup(const std::string& name_or_number) {
  if (gid_t number = 0; IsNumber(name_or_number, number)) return number;
  std::vector<char> buffer;
  group entry;
  group* found = nullptr;
  const int error = Find(getgrnam_r, name_or_number.c_str(), entry, buffer, found);
  if (found == nullptr) return NotFound("group", name_or_number, error);
  return found->gr_gid;
}

}  // namespace sluice::proxy
