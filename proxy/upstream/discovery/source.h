// EndpointSource: where endpoints of an upstream come from while the process runs.
//
//     std::unique_ptr<EndpointSource> source = MakeSource(spec, settings);
//     while (true) {
//       absl::StatusOr<Snapshot> next = co_await source->Next();
//       if (absl::IsCancelled(next.status())) break;
//       if (next.ok()) ...             // these are its endpoints from now on
//       else ...                       // it is not known what there is: those before stay
//     }
//
// A source says what there is, and decides nothing: what a snapshot changes is decided where all
// changes are (server/endpoint_actions.h).
//
//   what a configuration says            the source          its endpoints are called
//   discover.file: PATH                  FileSource          as the list says
//   endpoints: ["NAME:PORT"]             DnsSource           NAME@ADDRESS
//   discover.dns: { name, port }         DnsSource           NAME@ADDRESS
//   discover.dns: { srv }                DnsSource           NAME OF THE HOST@ADDRESS
//   endpoints: ["ADDRESS"]               none: they are in the configuration
#ifndef SLUICE_PROXY_UPSTREAM_DISCOVERY_SOURCE_H_
#define SLUICE_PROXY_UPSTREAM_DISCOVERY_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/sync/semaphore.h"
#include "core/task/task.h"

namespace sluice::proxy {

using Snapshot = std::vector<conf::Endpoint>;

// More endpoints of one source are not taken: that is an error of it. (Of a service each address of
// each server counts, also where two are the same.)
inline constexpr size_t kMostOfSource = 10'000;

class EndpointSource {
 public:
  virtual ~EndpointSource() = default;

  // The first time: what there is now. Then: when there may be something else, or it is not known.
  // CANCELLED: the scope is. An error's message is one line for each reason.
  virtual core::Task<absl::StatusOr<Snapshot>> Next() = 0;
};

// What is to be asked, as far as the answer depends on it. Two upstreams with the same question
// have a source each.
struct SourceSpec {
  enum class Kind : uint8_t { kFile, kHost, kService };

  Kind kind = Kind::kFile;
  std::string name;   // of the file, or of what is resolved
  uint32_t port = 0;  // of kHost

  // One text for one question: "file /etc/app.json", "name app.internal:3000", "srv _app._tcp.x".
  std::string Key() const;

  friend bool operator==(const SourceSpec&, const SourceSpec&) = default;
};

// In the order of the configuration, each once.
std::vector<SourceSpec> SourcesOf(const conf::Upstream& upstream);
SourceSpec SpecOf(const conf::Endpoint& host);

// What sources are made of besides. Where work is done that takes long, and how a change of a file
// is waited for: a task of its own does neither.
struct SourceSettings {
  conf::Dns dns;
  std::function<core::Task<absl::Status>(std::function<void()> work)> elsewhere;
  // Returns when the file is another one than when it was called with `digest` of its text, at
  // once if it is by then. An error: that cannot be known.
  std::function<core::Task<absl::Status>(std::string path, uint64_t digest)> wait_for_change;
  // Those that ask name servers ask in turn, so that there is a bound for their sockets.
  core::Semaphore* turns = nullptr;
  uint64_t seed = 0;  // so that the sources of several processes do not ask at the same moment
};

std::unique_ptr<EndpointSource> MakeSource(const SourceSpec& spec, const SourceSettings& settings);
// Programs use MakeSource; a simulation has others.
using SourceMaker =
    std::function<std::unique_ptr<EndpointSource>(const SourceSpec&, const SourceSettings&)>;

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_DISCOVERY_SOURCE_H_
