// Discovered: what the sources of one upstream have found (discovery/source.h), for each source the
// last that is good.
//
//   source ── Set ──► its snapshot ─┐
//   configuration: [ address, name, file ] ── Expand ──► [ address, addresses of the name, list ]
//
// It belongs to the upstream under all of its configurations: a reload that leaves a source
// leaves what it has found. An endpoint that a name stands for has what the configuration says of
// the name: its weight, max_connections and priority, and it is called after it.
//
// Threads: any. Checked by: tests/proxy/upstream/discovered_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_DISCOVERED_H_
#define SLUICE_PROXY_UPSTREAM_DISCOVERED_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "proxy/upstream/discovery/source.h"

namespace sluice::proxy {

// What an upstream's configuration says of where its endpoints are.
struct EndpointsAsWritten {
  std::vector<conf::Endpoint> endpoints;
  conf::Discover discover;

  bool has_sources() const;
  friend bool operator==(const EndpointsAsWritten&, const EndpointsAsWritten&) = default;
};

class Discovered final : public core::RefCounted {
 public:
  // In the order of the configuration, what is discovered by `discover` last.
  std::vector<conf::Endpoint> Expand(const EndpointsAsWritten& written) const;

  // `source`: its key. Returns false if that is what it had.
  bool Set(std::string_view source, Snapshot snapshot);
  // Changes whenever Expand may give something else.
  uint64_t version() const;

  // Whether each source has found something, so that what is not there has gone.
  bool KnowsAll(const EndpointsAsWritten& written) const;
  // What other sources have found is not needed any more.
  void KeepOnly(const EndpointsAsWritten& written);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, Snapshot, std::less<>> found_ ABSL_GUARDED_BY(mutex_);
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_DISCOVERED_H_
