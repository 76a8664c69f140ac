#include "conf/schema/access_scalars.h"

#include "absl/status/statusor.h"
#include "conf/schema/forms.h"
#include "conf/schema/scalars.h"

namespace sluice::conf {

Scalar NetworkOf(core::Network& field) {
  Scalar scalar = {std::string(core::Network::kForms),
                   [&field](std::string_view text) {
                     const absl::StatusOr<core::Network> network = core::Network::Parse(text);
                     if (network.ok()) field = *network;
                     return network.status();
                   },
                   [&field] { return field.ToString(); }, GuessNetwork};
  scalar.clear = [&field] { field = {}; };
  scalar.form = StringForm(kNetworkPattern);
  return scalar;
}

Scalar RequiredPath(std::string& field) {
  Scalar scalar = PathOrEmpty(field, "");
  scalar.allowed = "the path of a file";
  scalar.parse = [parse = scalar.parse](std::string_view text) {
    return text.empty() ? InvalidArgument("the path is empty") : parse(text);
  };
  scalar.clear = [&field] { field.clear(); };
  return scalar;
}

}  // namespace sluice::conf
