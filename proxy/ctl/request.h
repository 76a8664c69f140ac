// CtlRequest: what the words of a command line ask of the API. Pure.
//
//     drain app/10.0.0.1:3000 wait=drained   POST /api/v1/endpoints/app/10.0.0.1%3A3000/drain
//                                                 ?wait=drained
//
// A word with an = in it, behind those that the command needs, is a parameter of the request; names
// and paths may have one, too.
// Checked by: tests/proxy/ctl/ctl_test.cc.
#ifndef SLUICE_PROXY_CTL_REQUEST_H_
#define SLUICE_PROXY_CTL_REQUEST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/time.h"
#include "proxy/ctl/json.h"

namespace sluice::proxy {

struct CtlRequest {
  std::string_view command;
  std::string_view method;
  std::string target;
  std::string (*text)(const JsonValue&);  // of its answer; null: the answer is text already
  bool tells_by_code = false;             // 503 is an answer
  core::Duration patience;                // for the answer
};

// `words`: at least one. INVALID_ARGUMENT: what is wrong.
absl::StatusOr<CtlRequest> CtlRequestOf(std::vector<std::string> words);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CTL_REQUEST_H_
