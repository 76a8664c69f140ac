// The Scalars of the schema: one function for each kind of value, given its field and its range.
//
// Ranges are inclusive. A function whose name says "OrZero" also takes 0, with the meaning given.

#ifndef SLUICE_CONF_SCHEMA_SCALARS_H_
#define SLUICE_CONF_SCHEMA_SCALARS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "conf/schema/shape.h"
#include "conf/text/address.h"
#include "conf/text/text.h"

namespace sluice::conf {

Scalar Flag(bool& field);
Scalar Name(std::string& field);

Scalar Count(uint32_t& field, uint32_t min, uint32_t max);
Scalar CountOrAuto(uint32_t& field, uint32_t min, uint32_t max);  // "auto" is 0

Scalar Size(uint64_t& field, uint64_t min, uint64_t max);
Scalar SizeOrZero(uint64_t& field, std::string_view zero_means, uint64_t min, uint64_t max);

// "100/s" and "10MiB/s".
Scalar RateOrZero(uint32_t& field, std::string_view zero_means, uint32_t min, uint32_t max);
Scalar ByteRateOrZero(uint64_t& field, std::string_view zero_means, uint64_t min, uint64_t max);

Scalar Percent(uint32_t& field, uint32_t min, uint32_t max);  // "10%"

Scalar Time(Duration& field, Duration min, Duration max);
Scalar TimeOrZero(Duration& field, std::string_view zero_means, Duration min, Duration max);

Scalar BindAddress(Address& field);      // any port
Scalar EndpointAddress(Address& field);  // ports from 1
Scalar HostOrEmpty(Address& field);      // an IP address without a port; "" is an empty Address

Scalar NameOrEmpty(std::string& field, std::string_view empty_means);
Scalar FileModeOrEmpty(int32_t& field);  // octal permissions; "" is -1
// `kind`: "a user" or "a group"; its name or number. Whether the system knows it is not asked.
Scalar OwnerOrEmpty(std::string& field, std::string_view kind);
Scalar LogPath(std::string& field);  // off, stdout, stderr or a path

template <typename Enum>
using Choices = std::vector<std::pair<std::string, Enum>>;

// `planned` are names that this version knows of but does not have.
template <typename Enum>
Scalar OneOf(Enum& field, const Choices<Enum>& choices,
             const std::vector<std::string>& planned = {}) {
  std::vector<std::string> names;
  for (const auto& [name, value] : choices) names.push_back(name);
  const auto parse = [&field, choices, names, planned](std::string_view text) {
    for (const auto& [name, value] : choices) {
      if (name != text) continue;
      field = value;
      return absl::OkStatus();
    }
    const bool is_planned = std::ranges::find(planned, text) != planned.end();
    return InvalidArgument(Cat(
        Found(text), is_planned ? ", which is not in this version yet" : DidYouMean(text, names)));
  };
  const auto format = [&field, choices]() -> std::string {
    for (const auto& [name, value] : choices) {
      if (value == field) return name;
    }
    return "";
  };
  return {JoinNames(names), parse, format};
}

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_SCALARS_H_
