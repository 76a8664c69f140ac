#include "conf/schema/access_scalars.h"

#include "absl/status/statusor.h"
#include "conf/schema/forms.h"
#include "conf/schema/scalars.h"
#include "conf/text/text.h"

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

Scalar TrustedPeerOf(TrustedPeer& field) {
  constexpr std::string_view kUnix = "unix";
  Scalar scalar = NetworkOf(field.network);
  scalar.allowed = Cat(kUnix, " or ", core::Network::kForms);
  scalar.parse = [&field, kUnix, parse = scalar.parse](std::string_view text) {
    field = {};
    field.is_unix = text == kUnix;
    return field.is_unix ? absl::OkStatus() : parse(text);
  };
  scalar.format = [&field, kUnix] {
    return field.is_unix ? std::string(kUnix) : field.network.ToString();
  };
  scalar.guess = [kUnix](std::string_view text) {
    Guesses guesses = GuessNetwork(text);
    if (text.starts_with("unix") || text.starts_with('/')) guesses.emplace_back(kUnix);
    return guesses;
  };
  scalar.clear = [&field] { field = {}; };
  scalar.form = StringForm(kTrustedPeerPattern);
  scalar.form.words = {std::string(kUnix)};
  return scalar;
}

Scalar SourceHostOrEmpty(core::Address& field, bool& is_client) {
  constexpr std::string_view kClient = "client";
  Scalar scalar = HostOrEmpty(field);
  scalar.allowed = Cat(kClient, ", ", scalar.allowed);
  scalar.parse = [&field, &is_client, kClient, parse = scalar.parse](std::string_view text) {
    is_client = text == kClient;
    if (!is_client) return parse(text);
    field = {};
    return absl::OkStatus();
  };
  scalar.format = [&is_client, kClient, format = scalar.format] {
    return is_client ? std::string(kClient) : format();
  };
  scalar.guess = [kClient, guess = scalar.guess](std::string_view text) {
    Guesses guesses = guess(text);
    if (text == "clientip" || text == "transparent" || text == "$remote_addr") {
      guesses.emplace_back(kClient);
    }
    return guesses;
  };
  scalar.form = StringForm(kSourceHostPattern);
  scalar.form.words = {std::string(kClient)};
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
