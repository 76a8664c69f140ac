// Environment variables in values: `${NAME}` and `${NAME:-default}`.
//
// The default also stands in for an empty variable, as in a shell. It may hold variables of its own
// (`${A:-${B:-c}}`, at most kMaxEnvDepth levels), which are looked up only if it is used; it ends
// at the first `}` that closes none of them. `$${` is a literal `${`. What a variable contains is
// not expanded again.

#ifndef SLUICE_CONF_TEXT_ENV_H_
#define SLUICE_CONF_TEXT_ENV_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::conf {

inline constexpr size_t kMaxEnvDepth = 8;

// The value of a variable; nullopt if it is not set.
using Env = std::function<std::optional<std::string>(const std::string& name)>;

// The environment of this process, as it is at each call.
Env ProcessEnv();

// Error: InvalidArgument with a complete message, which never has what a variable contains; of a
// secret it has nothing but names of variables.
absl::StatusOr<std::string> ExpandEnv(std::string_view text, const Env& env,
                                      bool is_secret = false);

// The text that ExpandEnv turns into `text`.
std::string EscapeEnv(std::string_view text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_TEXT_ENV_H_
