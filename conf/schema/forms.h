// The Forms of the scalars: how values look to a tool that knows only patterns.
#ifndef SLUICE_CONF_SCHEMA_FORMS_H_
#define SLUICE_CONF_SCHEMA_FORMS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/schema/shape.h"

namespace sluice::conf {

inline Form FlagForm() { return {.kind = Form::Kind::kFlag}; }

inline Form CountForm(uint64_t min, uint64_t max) {
  return {.kind = Form::Kind::kCount, .min = min, .max = max};
}

inline Form CountOrAutoForm(uint64_t min, uint64_t max) {
  return {.kind = Form::Kind::kCount, .min = min, .max = max, .words = {"auto"}};
}

inline Form WordsForm(std::vector<std::string> words) {
  return {.words = std::move(words), .has_only_words = true};
}

inline Form PatternForm(std::string_view pattern) { return {.pattern = std::string(pattern)}; }

// The same for texts that cannot be taken for numbers, nor for true or false.
inline Form StringForm(std::string_view pattern) {
  return {.pattern = std::string(pattern), .is_always_string = true};
}

// The units are those of conf/text/units.cc.
inline constexpr std::string_view kTimePattern = "^([0-9]+(us|ms|s|m|h|d))+$";
inline constexpr std::string_view kSizePattern = "^[0-9]+(B|KiB|MiB|GiB|kB|MB|GB)$";
inline constexpr std::string_view kByteRatePattern = "^[0-9]+(B|KiB|MiB|GiB|kB|MB|GB)/s$";
inline constexpr std::string_view kRatePattern = "^[0-9]+/s$";
inline constexpr std::string_view kPercentPattern = "^[0-9]+%$";

inline constexpr std::string_view kNamePattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
inline constexpr std::string_view kNameOrEmptyPattern = "^([A-Za-z0-9][A-Za-z0-9_.-]*)?$";
inline constexpr std::string_view kHostNameOrEmptyPattern = "^[A-Za-z0-9_.-]*$";
inline constexpr std::string_view kFileModeOrEmptyPattern = "^([0-7]{3}|0[0-7]{3})?$";
inline constexpr std::string_view kTokenPattern = "^[!-~]*$";

inline constexpr std::string_view kAddressPattern =
    R"(^([0-9.]+:[0-9]+|\[[^\]]+\]:[0-9]+|unix:.+)$)";
inline constexpr std::string_view kAddressOrEmptyPattern =
    R"(^([0-9.]+:[0-9]+|\[[^\]]+\]:[0-9]+|unix:.+)?$)";
inline constexpr std::string_view kAddressOrNamePattern =
    R"(^([A-Za-z0-9_.-]+:[0-9]+|\[[^\]]+\]:[0-9]+|unix:.+)$)";
inline constexpr std::string_view kHostPattern = R"(^([0-9]+\.[0-9.]+|[0-9A-Fa-f]*:.*)$)";
inline constexpr std::string_view kHostOrEmptyPattern = R"(^([0-9]+\.[0-9.]+|[0-9A-Fa-f]*:.*)?$)";
inline constexpr std::string_view kSourceHostPattern =
    R"(^(client|[0-9]+\.[0-9.]+|[0-9A-Fa-f]*:.*)?$)";
inline constexpr std::string_view kNameServerPattern =
    R"(^([0-9]+\.[0-9.]+(:[0-9]+)?|\[.*|[0-9A-Fa-f]*:.*)$)";
inline constexpr std::string_view kNetworkPattern = "^[0-9A-Fa-f:.]+(/[0-9]+)?$";

inline constexpr std::string_view kTrustedPeerPattern = "^(unix|[0-9A-Fa-f:.]+(/[0-9]+)?)$";

inline constexpr std::string_view kHexPattern = "^[0-9A-Fa-f ]+$";
inline constexpr std::string_view kHttpCodesPattern = "^[1-5](xx|[0-9][0-9])$";
inline constexpr std::string_view kHttpPathPattern = "^/[!-~]*$";

}  // namespace sluice::conf

#endif  // SLUICE_CONF_SCHEMA_FORMS_H_
