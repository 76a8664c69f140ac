#include "proxy/listener/unix_owner.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

// Asks getpwnam_r or getgrnam_r, with a buffer that grows as far as an entry needs it (a group may
// have thousands of members).
template <typename Entry, typename Ask>
int Find(Ask ask, const std::string& name, Entry& entry, std::vector<char>& buffer, Entry*& found) {
  constexpr size_t kFirst = 4096;
  constexpr size_t kMost = size_t{64} << 20;
  for (size_t size = kFirst;; size *= 4) {
    buffer.resize(size);
    found = nullptr;
    const int error = ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == EINTR) continue;
    if (error != ERANGE || size >= kMost) return error;
  }
}

// getpwnam_r(3) lists what databases answer for a name that they do not have.
bool MeansUnknown(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

absl::Status Unresolved(const char* kind, const std::string& name, int error) {
  if (MeansUnknown(error)) {
    return absl::NotFoundError(absl::StrCat("the system knows no ", kind, " named ", name));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot look up the ", kind, " ", name));
}

bool IsNumber(const std::string& name, int64_t& number) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         absl::SimpleAtoi(name, &number);
}

}  // namespace

absl::Status ResolveUnixOwner(const std::string& owner, const std::string& group,
                              core::ListenOptions& options) {
  std::vector<char> buffer;
  if (!owner.empty() && !IsNumber(owner, options.unix_uid)) {
    passwd entry;
    passwd* found = nullptr;
    const int error = Find(getpwnam_r, owner, entry, buffer, found);
    if (found == nullptr) return Unresolved("user", owner, error);
    options.unix_uid = found->pw_uid;
  }
  if (!group.empty() && !IsNumber(group, options.unix_gid)) {
    ::group entry;
    ::group* found = nullptr;
    const int error = Find(getgrnam_r, group, entry, buffer, found);
    if (found == nullptr) return Unresolved("group", group, error);
    options.unix_gid = found->gr_gid;
  }
  return absl::OkStatus();
}

}  // namespace sluice::proxy
