#include "proxy/admin/http/target.h"

namespace sluice::proxy {
namespace {

// -1: it is no hexadecimal digit.
int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Returns false if a % stands for nothing.
bool Decode(std::string_view text, bool is_query, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && is_query) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (text.size() - i < 3) return false;
      const int high = DigitOf(text[i + 1]);
      const int low = DigitOf(text[i + 2]);
      if (high < 0 || low < 0) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return true;
}

// The part before the next `separator`, which goes with it.
std::string_view Next(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

}  // namespace

std::optional<HttpTarget> ParseHttpTarget(std::string_view text, size_t most) {
  if (!text.starts_with('/') || text.size() > most) return std::nullopt;
  HttpTarget target;
  std::string_view queries = text;
  std::string_view path = Next(queries, '?').substr(1);
  std::string part;
  while (!path.empty()) {
    if (!Decode(Next(path, '/'), /*is_query=*/false, part)) return std::nullopt;
    target.segments.push_back(part);
  }
  while (!queries.empty()) {
    std::string_view value = Next(queries, '&');
    if (value.empty()) continue;
    if (!Decode(Next(value, '='), /*is_query=*/true, part)) return std::nullopt;
    std::string name = part;
    if (!Decode(value, /*is_query=*/true, part)) return std::nullopt;
    target.queries.emplace_back(std::move(name), part);
  }
  return target;
}

std::string_view HttpTarget::Query(std::string_view name) const {
  for (const auto& [each, value] : queries) {
    if (each == name) return value;
  }
  return "";
}

std::string HttpTarget::Path() const {
  std::string path;
  for (const std::string& segment : segments) path += "/" + segment;
  return path.empty() ? "/" : path;
}

std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

}  // namespace sluice::proxy
