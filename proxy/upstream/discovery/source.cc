#include "proxy/upstream/discovery/source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proxy/upstream/discovery/dns_source.h"
#include "proxy/upstream/discovery/file_source.h"

namespace sluice::proxy {

std::string SourceSpec::Key() const {
  switch (kind) {
    case Kind::kFile:
      return absl::StrCat("file ", name);
    case Kind::kHost:
      return absl::StrCat("name ", name, ":", port);
    case Kind::kService:
      return absl::StrCat("srv ", name);
  }
  return name;
}

SourceSpec SpecOf(const conf::Endpoint& host) {
  return {.kind = SourceSpec::Kind::kHost, .name = host.host, .port = host.host_port};
}

std::vector<SourceSpec> SourcesOf(const conf::Upstream& upstream) {
  std::vector<SourceSpec> specs;
  const auto add = [&specs](SourceSpec spec) {
    if (std::ranges::find(specs, spec) == specs.end()) specs.push_back(std::move(spec));
  };
  for (const conf::Endpoint& endpoint : upstream.endpoints) {
    if (endpoint.is_host()) add(SpecOf(endpoint));
  }
  const conf::Discover& discover = upstream.discover;
  if (!discover.file.empty()) add({.kind = SourceSpec::Kind::kFile, .name = discover.file});
  if (!discover.dns.name.empty()) {
    add({.kind = SourceSpec::Kind::kHost, .name = discover.dns.name, .port = discover.dns.port});
  }
  if (!discover.dns.srv.empty()) {
    add({.kind = SourceSpec::Kind::kService, .name = discover.dns.srv});
  }
  return specs;
}

std::unique_ptr<EndpointSource> MakeSource(const SourceSpec& spec, const SourceSettings& settings) {
  if (spec.kind == SourceSpec::Kind::kFile) {
    return std::make_unique<FileSource>(spec.name, settings);
  }
  return std::make_unique<DnsSource>(spec, settings);
}

}  // namespace sluice::proxy
