// AdviseOnForeignFile: other programs' files, told by words that none of ours has.

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>

#include "conf/reader/advice.h"
#include "conf/reader/unknown_key.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr size_t kLinesLookedAt = 2000;

std::string_view Trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// Calls `visit` with each line that is not empty and no comment, and again without blanks around.
template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  for (size_t count = 0; !text.empty() && count < kLinesLookedAt; ++count) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view trimmed = Trimmed(line);
    if (!trimmed.empty() && !trimmed.starts_with('#')) visit(line, trimmed);
  }
}

bool IsOneOf(std::string_view word, std::string_view words) {
  return !word.empty() && words.find(Cat(" ", word, " ")) != words.npos;
}

// What the lines of a text have in common with each kind of file.
struct Marks {
  size_t lines = 0;
  std::set<std::string> haproxy;  // different words
  std::set<std::string> envoy;
  std::set<std::string> traefik;
  std::set<std::string> kubernetes;
  std::set<std::string> compose;
  size_t nginx = 0;  // lines
  size_t caddy = 0;
  size_t sections = 0;     // [section]
  size_t assignments = 0;  // key = value
  bool has_ours = false;
};

void Look(std::string_view whole, std::string_view line, Marks& marks) {
  ++marks.lines;
  const std::string first(line.substr(0, line.find_first_of(" \t")));
  std::string key(line.substr(0, line.find(':')));
  std::erase_if(key,
                [](char c) { return c == '"' || c == '{' || c == '[' || c == '-' || c == ' '; });
  if (whole.starts_with("listeners:") || whole.starts_with("upstreams:")) marks.has_ours = true;
  if (IsOneOf(first,
              " global defaults frontend backend listen server bind mode default_backend "
              "use_backend balance timeout maxconn option stats acl nbthread daemon ")) {
    marks.haproxy.insert(first);
  }
  if (line.ends_with(';')) ++marks.nginx;
  if (line.ends_with('{') && IsOneOf(first, " events http stream server upstream location map ")) {
    marks.nginx += 2;
  }
  if (line.ends_with('{') && line.find(':') != line.npos && line.find('"') == line.npos)
    ++marks.caddy;
  if (IsOneOf(first, " reverse_proxy file_server php_fastcgi respond handle encode ")) {
    marks.caddy += 2;
  }
  if (line.starts_with('[') && line.ends_with(']') && line.find_first_of(",:") == line.npos)
    ++marks.sections;
  if (line.find(" = ") != line.npos) ++marks.assignments;
  if (IsOneOf(key,
              " static_resources dynamic_resources filter_chains envoy_extensions "
              "typed_config lb_endpoints load_assignment socket_address ")) {
    marks.envoy.insert(key);
  }
  if (IsOneOf(key,
              " entryPoints certificatesResolvers routers loadBalancer serversTransport "
              "providers ")) {
    marks.traefik.insert(key);
  }
  if (IsOneOf(key, " apiVersion kind metadata spec ")) marks.kubernetes.insert(key);
  if (IsOneOf(key, " services image volumes depends_on restart container_name "))
    marks.compose.insert(key);
}

std::string_view NameOf(const Marks& marks, std::string_view text) {
  if (marks.has_ours) return "";
  if (text.starts_with("<")) return "an XML or HTML file";
  if (text.starts_with("#!")) return "a script";
  if (text.starts_with("-----BEGIN")) return "a certificate or a key";
  if (marks.envoy.size() >= 2) return "a configuration of Envoy";
  if (marks.traefik.size() >= 2) return "a configuration of Traefik";
  if (marks.kubernetes.size() >= 3) return "a Kubernetes manifest";
  if (marks.compose.size() >= 3) return "a file of Docker Compose";
  if (marks.nginx >= 3 && marks.nginx * 3 >= marks.lines) return "an nginx.conf";
  if (marks.caddy >= 2) return "a Caddyfile";
  if (marks.sections >= 1 && marks.assignments >= 1) return "a TOML or INI file";
  if (marks.haproxy.size() >= 3) return "a haproxy.cfg";
  return "";
}

}  // namespace

bool AdviseOnForeignFile(std::string_view text, Errors& errors) {
  Marks marks;
  ForEachLine(text,
              [&](std::string_view whole, std::string_view line) { Look(whole, line, marks); });
  const std::string_view name = NameOf(marks, text);
  if (name.empty()) return false;
  errors.Add(kWholeFile, Cat("this looks like ", name,
                             ", and Sluice has a format of its own: YAML with \"listeners:\" and "
                             "\"upstreams:\", see conf/example.yaml and conf/reference.yaml"));
  return true;
}

}  // namespace sluice::conf
