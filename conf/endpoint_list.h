// ReadEndpointList: the endpoints of an upstream from a list in JSON, which other programs write.
//
//     [ { "address": "10.0.0.1:3000", "name": "a", "weight": 2, "priority": 0,
//         "max_connections": 100, "state": "drain" },
//       { "address": "10.0.0.2:3000" } ]
//
// The keys, their ranges and the messages are those of an endpoint in a configuration; `state` is
// ready, drain or maintenance. `[]` is a list without endpoints. A text of blanks alone is none: it
// is being written.
//
// Checked by: tests/conf/endpoint_list_test.cc, tests/fuzz/endpoint_list_fuzz.cc.
#ifndef SLUICE_CONF_ENDPOINT_LIST_H_
#define SLUICE_CONF_ENDPOINT_LIST_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/reader/diagnostics.h"
#include "conf/sources.h"

namespace sluice::conf {

struct EndpointList {
  std::vector<Endpoint> endpoints;  // to be used only if ok()
  std::vector<Error> errors;        // by position
  bool is_blank = false;            // then there are neither

  bool ok() const { return errors.empty() && !is_blank; }
};

// More are an error.
inline constexpr size_t kMostListed = 10'000;
inline constexpr size_t kMostListBytes = kMaxFileBytes;

// `filename`: as errors name it.
EndpointList ReadEndpointList(std::string_view text, std::string_view filename);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_ENDPOINT_LIST_H_
