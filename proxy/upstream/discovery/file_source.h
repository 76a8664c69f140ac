// FileSource: endpoints from a list in a file (conf/endpoint_list.h), which is watched.
//
//   READING ── a list ──► told, also if it has no endpoints
//     ▲  │ broken, too large, not there, no permission ──► an error
//     │  │ blank: it is being written; the text is that of the last time ──► nothing is told
//     │  ▼
//   WAITING ── the file is another one
//
// What is told is told once: the digest of the text that was read decides what is a change.
// Threads: inside a task. Checked by: tests/e2e/test_discover_file.py.
#ifndef SLUICE_PROXY_UPSTREAM_DISCOVERY_FILE_SOURCE_H_
#define SLUICE_PROXY_UPSTREAM_DISCOVERY_FILE_SOURCE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "core/base/time.h"
#include "proxy/upstream/discovery/source.h"

namespace sluice::proxy {

class FileSource final : public EndpointSource {
 public:
  FileSource(std::string path, SourceSettings settings)
      : path_(std::move(path)), settings_(std::move(settings)) {}

  core::Task<absl::StatusOr<Snapshot>> Next() override;

 private:
  // Where files cannot be watched, it looks as often.
  static constexpr core::Duration kLookEvery = 5s;

  const std::string path_;
  const SourceSettings settings_;
  bool has_read_ = false;
  bool can_be_watched_ = true;
  uint64_t digest_ = 0;  // of what was read last; 0: it could not be read
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_DISCOVERY_FILE_SOURCE_H_
