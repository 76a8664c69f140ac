// The token that a file has.
#ifndef SLUICE_PROXY_ADMIN_TOKEN_FILE_H_
#define SLUICE_PROXY_ADMIN_TOKEN_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace sluice::proxy {

// The first line of the file, without what is blank around it. An error: there is none, or it
// cannot be read; it says by what the file was given: "admin.token_file". Does not wait: anything
// but a file is an error.
absl::StatusOr<std::string> ReadToken(const std::string& given_by, const std::string& path);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_TOKEN_FILE_H_
