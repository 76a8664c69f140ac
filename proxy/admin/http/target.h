// HttpTarget: the target of a request, "/path/of%2Fsegments?name=value", taken apart.
//
// Segments are decoded after they have been split, so a name in one of them may have any byte, a
// slash too. Pure. Checked by: tests/proxy/admin/target_test.cc, tests/fuzz/http_target_fuzz.cc.
#ifndef SLUICE_PROXY_ADMIN_HTTP_TARGET_H_
#define SLUICE_PROXY_ADMIN_HTTP_TARGET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::proxy {

struct HttpTarget {
  std::vector<std::string> segments;                         // "/": none
  std::vector<std::pair<std::string, std::string>> queries;  // in order

  // The first value of this name, "": there is none.
  std::string_view Query(std::string_view name) const;
  // "/path" with its segments as they were decoded, for comparing.
  std::string Path() const;
};

// None: it does not begin with a slash, it is longer than `most`, or a % is not followed by two
// hexadecimal digits.
inline constexpr size_t kMostTarget = 8192;
std::optional<HttpTarget> ParseHttpTarget(std::string_view text, size_t most = kMostTarget);

// As a segment of a target has it.
std::string PercentEncoded(std::string_view text);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_TARGET_H_
