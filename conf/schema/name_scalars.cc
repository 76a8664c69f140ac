#include "conf/schema/name_scalars.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "conf/schema/forms.h"
#include "conf/schema/scalars.h"
#include "conf/text/text.h"
#include "core/net/host_name.h"
#include "core/text/decimal.h"

namespace sluice::conf {
namespace {

constexpr uint16_t kDnsPort = 53;

struct HostAndPort {
  std::string_view host;
  uint32_t port;
};

std::optional<HostAndPort> SplitName(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos || !core::IsHostName(text.substr(0, colon))) return std::nullopt;
  const std::string_view port = text.substr(colon + 1);
  const std::optional<uint64_t> number = core::ParseDecimal(port);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return HostAndPort{text.substr(0, colon), static_cast<uint32_t>(*number)};
}

// What an address that is none lacks, for one that may be a name, too.
absl::Status WhyNoEndpoint(std::string_view text, const absl::Status& why) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos && core::IsHostName(text)) {
    return InvalidArgument(Cat(Quoted(text), " has no port"));
  }
  if (colon != text.npos && core::IsHostName(text.substr(0, colon))) {
    return InvalidArgument(Cat(Quoted(text), " has no valid port behind its name"));
  }
  const std::string_view host = text.substr(0, std::min(colon, text.size()));
  if (std::ranges::any_of(host, absl::ascii_isalpha) && host.find_first_of(":/@[* ") == host.npos) {
    return InvalidArgument(Cat(Quoted(text), " does not begin with the name of a host"));
  }
  return why;
}

}  // namespace

Scalar EndpointAddressOrName(Endpoint& endpoint) {
  Scalar scalar = EndpointAddress(endpoint.address);
  scalar.allowed =
      "1.2.3.4:80, [::1]:80, unix:/path, unix:@name or a host's name:80 (port 1 to 65535)";
  scalar.parse = [&endpoint, parse = scalar.parse](std::string_view text) {
    const absl::Status is_address = parse(text);
    if (is_address.ok()) {
      endpoint.host.clear();
      endpoint.host_port = 0;
      return is_address;
    }
    const std::optional<HostAndPort> name = SplitName(text);
    if (!name) return WhyNoEndpoint(text, is_address);
    endpoint.address = {};
    endpoint.host = name->host;
    endpoint.host_port = name->port;
    return absl::OkStatus();
  };
  scalar.format = [&endpoint, format = scalar.format] {
    return endpoint.is_host() ? endpoint.Place() : format();
  };
  scalar.clear = [&endpoint] {
    endpoint.address = {};
    endpoint.host.clear();
    endpoint.host_port = 0;
  };
  scalar.form = StringForm(kAddressOrNamePattern);
  return scalar;
}

Scalar HostNameOrEmpty(std::string& field) {
  return {"a host's name such as app.internal, or \"\" (none)",
          [&field](std::string_view text) {
            if (!text.empty() && !core::IsHostName(text)) {
              return InvalidArgument(Cat(Quoted(text), " is not the name of a host"));
            }
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; },
          {},
          {},
          false,
          PatternForm(kHostNameOrEmptyPattern)};
}

Scalar NameServer(core::Address& field) {
  return {std::string(kNameServerForms),
          [&field](std::string_view text) {
            absl::StatusOr<core::Address> address = core::Address::ParseHost(text);
            if (address.ok()) {
              field = address->WithPort(kDnsPort);
              return absl::OkStatus();
            }
            const absl::StatusOr<core::Address> with_port = core::Address::Parse(text);
            if (!with_port.ok() || !with_port->is_ip() || with_port->port() == 0) {
              return InvalidArgument(Cat(Quoted(text), " is not the address of a name server"));
            }
            field = *with_port;
            return absl::OkStatus();
          },
          [&field] {
            if (field.is_empty()) return std::string();
            return field.port() == kDnsPort ? field.HostToString() : field.ToString();
          },
          /*guess=*/{},
          [&field] { field = {}; },
          false,
          StringForm(kNameServerPattern)};
}

}  // namespace sluice::conf
