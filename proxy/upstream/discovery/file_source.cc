#include "proxy/upstream/discovery/file_source.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "conf/endpoint_list.h"
#include "conf/sources.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

struct Reading {
  uint64_t digest = 0;
  bool is_blank = false;
  bool can_be_watched = true;
  absl::StatusOr<Snapshot> list = Snapshot();
};

absl::Status WhyUnreadable(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file yet"));
  }
  if (error == ESPIPE) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": this is a pipe, a socket or a device; a list is in a file"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": the list cannot be read: ", strerrordesc_np(error)));
}

Reading Read(const std::string& path) {
  Reading reading;
  const conf::FileText file = conf::ReadRegularFile(path);
  if (file.error != 0) {
    reading.can_be_watched = file.error != ESPIPE;
    reading.list = WhyUnreadable(path, file.error);
    return reading;
  }
  reading.digest = conf::DigestOf(file.text);
  conf::EndpointList list = conf::ReadEndpointList(file.text, path);
  reading.is_blank = list.is_blank;
  if (list.errors.empty()) {
    reading.list = std::move(list.endpoints);
    return reading;
  }
  reading.list = absl::InvalidArgumentError(conf::FormatErrors(list.errors));
  return reading;
}

}  // namespace

core::Task<absl::StatusOr<Snapshot>> FileSource::Next() {
  for (;;) {
    if (has_read_) {
      absl::Status changed = absl::UnavailableError("");
      if (can_be_watched_) changed = co_await settings_.wait_for_change(path_, digest_);
      if (absl::IsCancelled(changed)) co_return changed;
      if (!changed.ok() && !co_await core::Sleep(kLookEvery)) co_return absl::CancelledError();
    }
    const auto reading = std::make_shared<Reading>();
    const absl::Status read =
        co_await settings_.elsewhere([reading, path = path_] { *reading = Read(path); });
    if (absl::IsCancelled(read)) co_return read;
    if (!read.ok()) {
      if (!co_await core::Sleep(kLookEvery)) co_return absl::CancelledError();
      co_return read;
    }
    can_be_watched_ = reading->can_be_watched;
    const bool is_first = !std::exchange(has_read_, true);
    const bool is_same = std::exchange(digest_, reading->digest) == reading->digest;
    if (reading->is_blank || (is_same && !is_first)) continue;
    co_return std::move(reading->list);
  }
}

}  // namespace sluice::proxy
