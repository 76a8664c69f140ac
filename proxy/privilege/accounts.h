// Users and groups of the system, by name or number.
//
// May wait for the system's database (a file, a name service). An error is a sentence: a name that
// the system does not know, or a failure of its database. Threads: any.
#ifndef SLUICE_PROXY_PRIVILEGE_ACCOUNTS_H_
#define SLUICE_PROXY_PRIVILEGE_ACCOUNTS_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::proxy {

struct User {
  uid_t id;
  std::string name = {};            // "": the system has none for this number
  std::optional<gid_t> group = {};  // its own; none: likewise
};

absl::StatusOr<User> FindUser(const std::string& name_or_number);
absl::StatusOr<gid_t> FindGroup(const std::string& name_or_number);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_PRIVILEGE_ACCOUNTS_H_
