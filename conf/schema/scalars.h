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
#include "conf/schema/forms.h"
#include "conf/schema/shape.h"
#include "conf/text/guess.h"
#include "conf/text/text.h"
#include "core/net/address.h"

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
Scalar PercentOrZero(uint32_t& field, std::string_view zero_means, uint32_t min, uint32_t max);

Scalar Time(Duration& field, Duration min, Duration max);
Scalar TimeOrZero(Duration& field, std::string_view zero_means, Duration min, Duration max);

Scalar BindAddress(core::Address& field);          // any port
Scalar EndpointAddress(core::Address& field);      // ports from 1
Scalar AddressOrEmpty(core::Address& field);       // "" is an empty Address
Scalar AdminAddressOrEmpty(core::Address& field);  // a UNIX socket or on loopback
// An IP address without a port; "" is an empty Address.
Scalar HostOrEmpty(core::Address& field, std::string_view empty_means = "the kernel's choice");

Scalar NameOrEmpty(std::string& field, std::string_view empty_means);
Scalar FileModeOrEmpty(int32_t& field);  // octal permissions; "" is -1
// `kind`: "a user" or "a group"; its name or number. Whether the system knows it is not asked.
Scalar OwnerOrEmpty(std::string& field, std::string_view kind);
Scalar LogPath(std::string& field);  // off, stdout, stderr or a path
Scalar PathOrEmpty(std::string& field, std::string_view empty_means);
Scalar TokenOrEmpty(std::string& field);  // a secret

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
    Guesses guesses = GuessWord(text);
    guesses.emplace_back(text);
    for (const std::string& guess : guesses) {
      if (std::ranges::find(planned, guess) == planned.end()) continue;
      const std::string ours = guess == text ? "" : Cat(", which is called ", guess, " here,");
      return InvalidArgument(Cat(Quoted(text), ours, " is not supported yet"));
    }
    return InvalidArgument(Cat(Quoted(text), " is not one of the words that are allowed here"));
  };
  const auto format = [&field, choices]() -> std::string {
    for (const auto& [name, value] : choices) {
      if (value == field) return name;
    }
    return "";
  };
  const auto guess = [names](std::string_view text) {
    Guesses guesses = GuessWord(text);
    if (const auto nearest = Nearest(text, names)) guesses.push_back(*nearest);
    return guesses;
  };
  return {JoinNames(names), parse, format, guess, {}, false, WordsForm(names)};
}

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_SCALARS_H_
