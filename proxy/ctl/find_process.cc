#include "proxy/ctl/find_process.h"

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "conf/load.h"
#include "conf/text/text.h"
#include "core/net/address.h"
#include "proxy/admin/token_file.h"
#include "proxy/ctl/client.h"

namespace sluice::proxy {
namespace {

absl::StatusOr<conf::Admin> ReadAdmin(const std::string& path) {
  const conf::LoadResult loaded = conf::LoadFile(path, conf::ProcessEnv());
  if (loaded.ok()) return loaded.config.admin;
  return absl::FailedPreconditionError(conf::FormatErrors(loaded.errors));
}

absl::StatusOr<std::string> AddressOf(const conf::Admin& admin, const std::string& path) {
  const core::Address& bind = admin.bind;
  const std::string where = absl::StrCat(conf::Printable(path), ": admin.bind");
  if (bind.is_empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        where, " is not set, so the process cannot be asked; SIGHUP reloads, SIGUSR2 upgrades"));
  }
  if (bind.is_unix()) return bind.ToString();
  if (bind.port() == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        where, " has port 0: the log of the process says which it has, and --admin takes it"));
  }
  const char* const loopback = bind.family() == AF_INET6 ? "[::1]:" : "127.0.0.1:";
  return absl::StrCat("http://",
                      bind.is_any() ? absl::StrCat(loopback, bind.port()) : bind.ToString());
}

absl::Status ReadFile(CtlSettings& options) {
  const absl::StatusOr<conf::Admin> admin = ReadAdmin(options.config);
  if (!admin.ok()) return admin.status();
  if (options.admin.empty()) {
    const absl::StatusOr<std::string> address = AddressOf(*admin, options.config);
    if (!address.ok()) return address.status();
    options.admin = *address;
  }
  if (!options.token.empty()) return absl::OkStatus();
  options.token = admin->token;
  if (admin->token_file.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> token = ReadToken("admin.token_file", admin->token_file);
  if (!token.ok()) return absl::FailedPreconditionError(token.status().message());
  options.token = *token;
  return absl::OkStatus();
}

}  // namespace

absl::Status FindProcess(const CtlEnv& env, CtlSettings& options) {
  if (!options.config.empty()) {
    const absl::Status read = ReadFile(options);
    if (!read.ok()) return read;
  }
  if (options.admin.empty()) options.admin = env("SLUICE_ADMIN");
  if (options.admin.empty()) options.admin = kDefaultAdmin;
  if (options.token.empty()) options.token = env("SLUICE_ADMIN_TOKEN");
  // It becomes a line of the request.
  if (std::ranges::all_of(options.token, absl::ascii_isgraph)) return absl::OkStatus();
  return absl::InvalidArgumentError("a token has no spaces and no control characters");
}

}  // namespace sluice::proxy
