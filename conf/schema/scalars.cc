#include "conf/schema/scalars.h"

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "conf/text/characters.h"
#include "conf/text/guess.h"
#include "conf/text/name.h"
#include "conf/text/units.h"

namespace sluice::conf {
namespace {

absl::Status OutOfRange(std::string_view text) {
  return InvalidArgument(Cat(Quoted(text), " is outside the range"));
}

// Stores a parsed value if `accepts` it.
template <typename Parsed, typename Field, typename Accepts>
absl::Status Store(std::string_view text, const absl::StatusOr<Parsed>& parsed, Field& field,
                   Accepts accepts) {
  if (parsed.ok() && accepts(*parsed)) {
    field = static_cast<Field>(*parsed);
    return absl::OkStatus();
  }
  return parsed.ok() ? OutOfRange(text) : parsed.status();
}

absl::StatusOr<uint64_t> ParseCount(std::string_view text) {
  const std::optional<uint64_t> number = ParseDecimal(text);
  if (number.has_value()) return *number;
  const bool is_digits = !text.empty() && std::ranges::all_of(text, IsAsciiDigit);
  if (is_digits && text[0] != '0') return OutOfRange(text);
  return InvalidArgument(
      Cat(Quoted(text), is_digits ? " begins with a zero" : " is not a whole number"));
}

bool NamesDirectory(std::string_view path) {
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last.empty() || last == "." || last == "..";
}

absl::Status StoreAddress(std::string_view text, uint16_t port_min, core::Address& field) {
  const absl::StatusOr<core::Address> address = core::Address::Parse(text);
  if (!address.ok()) return address.status();
  if (HasInvisible(text)) return InvalidArgument(Cat(Quoted(text), " has an invisible character"));
  if (address->has_path() && NamesDirectory(address->unix_name())) {
    return InvalidArgument(Cat(Quoted(text), " is a directory"));
  }
  if (address->is_ip() && address->port() < port_min) {
    return InvalidArgument(Cat(Quoted(text), " has port 0, which nothing listens at"));
  }
  field = *address;
  return absl::OkStatus();
}

Scalar AddressFrom(core::Address& field, uint16_t port_min) {
  return {Cat(core::Address::kForms, port_min > 0 ? " (port 1 to 65535)" : ""),
          [&field, port_min](std::string_view text) { return StoreAddress(text, port_min, field); },
          [&field] { return field.is_empty() ? "" : field.ToString(); },
          [port_min](std::string_view text) {
            return GuessAddress(text, port_min > 0 ? "127.0.0.1" : "0.0.0.0");
          },
          [&field] { field = {}; },
          false,
          StringForm(kAddressPattern)};
}

constexpr uint64_t kIdMax = 0xffff'fffe;  // -1 stands for "as it is" in chown(2)

// As useradd(8) and directories name users and groups: they may have `$`, `@` and `\`, and begin
// with `_`.
bool IsOwnerName(std::string_view text) {
  constexpr size_t kOwnerNameMax = 255;
  const auto is_inner = [](char c) { return c > ' ' && c < 0x7f && c != ':' && c != ','; };
  return text.size() <= kOwnerNameMax && text[0] != '-' && std::ranges::all_of(text, is_inner);
}

}  // namespace

Scalar Flag(bool& field) {
  return {"true or false",
          [&field](std::string_view text) {
            if (text != "true" && text != "false")
              return InvalidArgument(Cat(Quoted(text), " is neither true nor false"));
            field = text == "true";
            return absl::OkStatus();
          },
          [&field] { return std::string(field ? "true" : "false"); },
          GuessFlag,
          {},
          false,
          FlagForm()};
}

Scalar Name(std::string& field) {
  return {Cat("a name (", kNameForm, ")"),
          [&field](std::string_view text) {
            if (!IsName(text)) return InvalidArgument(Cat(Quoted(text), " is not a name"));
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; },
          GuessName,
          [&field] { field.clear(); },
          false,
          PatternForm(kNamePattern)};
}

Scalar Count(uint32_t& field, uint32_t min, uint32_t max) {
  return {min == max ? Cat(min) : Cat(min, " to ", max),
          [&field, min, max](std::string_view text) {
            return Store(text, ParseCount(text), field,
                         [&](uint64_t number) { return number >= min && number <= max; });
          },
          [&field] { return Cat(field); },
          GuessCount,
          {},
          false,
          CountForm(min, max)};
}

Scalar CountOrAuto(uint32_t& field, uint32_t min, uint32_t max) {
  const Scalar count = Count(field, min, max);
  return {Cat("auto or ", count.allowed),
          [&field, count](std::string_view text) {
            if (text != "auto") return count.parse(text);
            field = 0;
            return absl::OkStatus();
          },
          [&field, count] { return field == 0 ? "auto" : count.format(); },
          GuessCount,
          {},
          false,
          CountOrAutoForm(min, max)};
}

Scalar Size(uint64_t& field, uint64_t min, uint64_t max) {
  return {Cat(FormatSize(min), " to ", FormatSize(max)),
          [&field, min, max](std::string_view text) {
            return Store(text, ParseSize(text), field,
                         [&](uint64_t bytes) { return bytes >= min && bytes <= max; });
          },
          [&field] { return FormatSize(field); },
          GuessSize,
          {},
          false,
          StringForm(kSizePattern)};
}

Scalar SizeOrZero(uint64_t& field, std::string_view zero_means, uint64_t min, uint64_t max) {
  Scalar size = Size(field, min, max);
  size.allowed = Cat("0B (", zero_means, ") or ", size.allowed);
  size.parse = [&field, min, max](std::string_view text) {
    return Store(text, ParseSize(text), field,
                 [&](uint64_t bytes) { return bytes == 0 || (bytes >= min && bytes <= max); });
  };
  return size;
}

Scalar RateOrZero(uint32_t& field, std::string_view zero_means, uint32_t min, uint32_t max) {
  return {Cat("0/s (", zero_means, ") or ", min, "/s to ", max, "/s"),
          [&field, min, max](std::string_view text) {
            return Store(text, ParseRate(text), field,
                         [&](uint64_t rate) { return rate == 0 || (rate >= min && rate <= max); });
          },
          [&field] { return FormatRate(field); },
          GuessRate,
          {},
          false,
          StringForm(kRatePattern)};
}

Scalar ByteRateOrZero(uint64_t& field, std::string_view zero_means, uint64_t min, uint64_t max) {
  return {Cat("0B/s (", zero_means, ") or ", FormatByteRate(min), " to ", FormatByteRate(max)),
          [&field, min, max](std::string_view text) {
            return Store(text, ParseByteRate(text), field,
                         [&](uint64_t rate) { return rate == 0 || (rate >= min && rate <= max); });
          },
          [&field] { return FormatByteRate(field); },
          GuessByteRate,
          {},
          false,
          StringForm(kByteRatePattern)};
}

Scalar Percent(uint32_t& field, uint32_t min, uint32_t max) {
  return {Cat(min, "% to ", max, "%"),
          [&field, min, max](std::string_view text) {
            return Store(text, ParsePercent(text), field,
                         [&](uint64_t percent) { return percent >= min && percent <= max; });
          },
          [&field] { return Cat(field, "%"); },
          GuessPercent,
          {},
          false,
          StringForm(kPercentPattern)};
}

Scalar PercentOrZero(uint32_t& field, std::string_view zero_means, uint32_t min, uint32_t max) {
  Scalar percent = Percent(field, min, max);
  percent.allowed = Cat("0% (", zero_means, ") or ", percent.allowed);
  percent.parse = [&field, min, max](std::string_view text) {
    return Store(text, ParsePercent(text), field,
                 [&](uint64_t value) { return value == 0 || (value >= min && value <= max); });
  };
  return percent;
}

Scalar Time(Duration& field, Duration min, Duration max) {
  return {Cat(FormatDuration(min), " to ", FormatDuration(max)),
          [&field, min, max](std::string_view text) {
            return Store(text, ParseDuration(text), field,
                         [&](Duration time) { return time >= min && time <= max; });
          },
          [&field] { return FormatDuration(field); },
          GuessDuration,
          {},
          false,
          StringForm(kTimePattern)};
}

Scalar TimeOrZero(Duration& field, std::string_view zero_means, Duration min, Duration max) {
  Scalar time = Time(field, min, max);
  time.allowed = Cat("0s (", zero_means, ") or ", time.allowed);
  time.parse = [&field, min, max](std::string_view text) {
    return Store(text, ParseDuration(text), field,
                 [&](Duration value) { return value == 0s || (value >= min && value <= max); });
  };
  return time;
}

Scalar BindAddress(core::Address& field) { return AddressFrom(field, 0); }
Scalar EndpointAddress(core::Address& field) { return AddressFrom(field, 1); }

Scalar AddressOrEmpty(core::Address& field) {
  const Scalar address = BindAddress(field);
  return {Cat(address.allowed, ", or \"\" (off)"),
          [&field, address](std::string_view text) {
            if (!text.empty()) return address.parse(text);
            field = {};
            return absl::OkStatus();
          },
          address.format,
          address.guess,
          address.clear,
          false,
          StringForm(kAddressOrEmptyPattern)};
}

Scalar AdminAddressOrEmpty(core::Address& field) {
  const auto is_private = [](const core::Address& address) {
    return address.is_empty() || address.is_unix() || address.is_loopback();
  };
  Scalar scalar = AddressOrEmpty(field);
  scalar.allowed =
      "unix:/path, unix:@name, 127.0.0.1:80 or [::1]:80 (UNIX sockets and loopback), or \"\" (off)";
  scalar.parse = [&field, is_private, address = AddressOrEmpty(field)](std::string_view text) {
    core::Address before = field;
    absl::Status parsed = address.parse(text);
    if (!parsed.ok() || is_private(field)) return parsed;
    field = before;
    return InvalidArgument(Cat(Quoted(text),
                               " is neither a UNIX socket nor on loopback: other hosts could "
                               "change the proxy (what only answers probes is probe_bind)"));
  };
  scalar.guess = [is_private](std::string_view text) {
    Guesses guesses = GuessAddress(text, "127.0.0.1");
    std::erase_if(guesses, [is_private](const std::string& guess) {
      const absl::StatusOr<core::Address> address = core::Address::Parse(guess);
      return !address.ok() || !is_private(*address);
    });
    const absl::StatusOr<core::Address> address = core::Address::Parse(text);
    if (address.ok() && address->is_ip()) guesses.push_back(Cat("127.0.0.1:", address->port()));
    return guesses;
  };
  return scalar;
}

Scalar HostOrEmpty(core::Address& field, std::string_view empty_means) {
  return {Cat("an IP address without a port, or \"\" (", empty_means, ")"),
          [&field](std::string_view text) {
            const absl::StatusOr<core::Address> host =
                text.empty() ? core::Address() : core::Address::ParseHost(text);
            if (host.ok()) field = *host;
            return host.status();
          },
          [&field] { return field.HostToString(); },
          GuessHost,
          {},
          false,
          StringForm(kHostOrEmptyPattern)};
}

Scalar NameOrEmpty(std::string& field, std::string_view empty_means) {
  const Scalar name = Name(field);
  return {Cat("a name, or \"\" (", empty_means, ")"),
          [&field, name](std::string_view text) {
            if (!text.empty()) return name.parse(text);
            field.clear();
            return absl::OkStatus();
          },
          name.format,
          {},
          {},
          false,
          PatternForm(kNameOrEmptyPattern)};
}

Scalar FileModeOrEmpty(int32_t& field) {
  return {"octal permissions such as 0660, or \"\" (as the umask says)",
          [&field](std::string_view text) {
            const bool is_octal = text.size() >= 3 && text.size() <= 4 &&
                                  text.find_first_not_of("01234567") == text.npos &&
                                  (text.size() == 3 || text[0] == '0');
            if (!is_octal && !text.empty()) {
              return InvalidArgument(Cat(Quoted(text), " is not a file mode"));
            }
            field = text.empty() ? -1 : 0;
            for (const char digit : text) field = field * 8 + (digit - '0');
            return absl::OkStatus();
          },
          [&field] {
            if (field < 0) return std::string();
            return Cat("0", field >> 6 & 7, field >> 3 & 7, field & 7);
          },
          GuessFileMode,
          {},
          false,
          PatternForm(kFileModeOrEmptyPattern)};
}

Scalar OwnerOrEmpty(std::string& field, std::string_view kind) {
  return {Cat(kind, "'s name or number (0 to ", kIdMax, "), or \"\" (the process's own)"),
          [&field, kind = std::string(kind)](std::string_view text) {
            const bool is_digits = !text.empty() && std::ranges::all_of(text, IsAsciiDigit);
            const std::optional<uint64_t> number = ParseDecimal(text);
            const bool is_id = number.has_value() && *number <= kIdMax;
            const bool is_valid = is_digits ? is_id : text.empty() || IsOwnerName(text);
            if (!is_valid) return InvalidArgument(Cat(Quoted(text), " does not name ", kind));
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; }};
}

Scalar PathOrEmpty(std::string& field, std::string_view empty_means) {
  return {Cat("the path of a file, or \"\" (", empty_means, ")"),
          [&field](std::string_view text) {
            if (HasControlCharacter(text) || HasInvisible(text)) {
              return InvalidArgument(Cat(Quoted(text), " has an invisible character"));
            }
            if (text.ends_with('/')) return InvalidArgument(Cat(Quoted(text), " is a directory"));
            field = text;
            return absl::OkStatus();
          },
          [&field] { return field; }};
}

// Its errors do not quote it.
Scalar TokenOrEmpty(std::string& field) {
  constexpr size_t kMost = 256;
  Scalar scalar = {
      Cat("printable ASCII characters without spaces, at most ", kMost, ", or \"\" (none)"),
      [&field](std::string_view text) {
        const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
        if (text.size() > kMost) return InvalidArgument("the token is too long");
        if (!std::ranges::all_of(text, is_visible)) {
          return InvalidArgument("the token has a space or a character that is not ASCII");
        }
        field = text;
        return absl::OkStatus();
      },
      [&field] { return field; }};
  scalar.is_secret = true;
  scalar.form = PatternForm(kTokenPattern);
  return scalar;
}

}  // namespace sluice::conf
