#include "proxy/server/addresses.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/net/listen_again.h"
#include "proxy/listener/listen_error.h"
#include "proxy/listener/unix_owner.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

constexpr size_t kFailuresTold = 1000;
constexpr size_t kBusyTold = 20;

absl::StatusOr<core::ListenOptions> OptionsOf(const conf::Listener& listener) {
  core::ListenOptions options = ToCore(listener.socket);
  if (std::ranges::any_of(listener.bind, &core::Address::has_path)) {
    const absl::Status resolved =
        ResolveUnixOwner(listener.socket.unix_owner, listener.socket.unix_group, options);
    if (!resolved.ok()) return resolved;
  }
  return options;
}

}  // namespace

ListenersOptions ListenersOptionsOf(const conf::Config& config) {
  ListenersOptions options;
  for (const conf::Listener& listener : config.listeners) options.push_back(OptionsOf(listener));
  return options;
}

absl::Status ToStatus(const std::vector<BindFailure>& failures) {
  std::string lines;
  const size_t told = std::min(failures.size(), kFailuresTold);
  for (size_t i = 0; i < told; ++i) {
    absl::StrAppend(&lines, i == 0 ? "" : "\n", failures[i].message);
  }
  if (told < failures.size()) {
    absl::StrAppend(&lines, "\nand ", failures.size() - told, " more addresses");
  }
  return absl::UnavailableError(lines);
}

std::string DescribeBusy(const std::vector<BindFailure>& failures) {
  std::string line = failures.size() == 1
                         ? "1 address is in use and is tried again for half a second:"
                         : absl::StrCat(failures.size(),
                                        " addresses are in use and are tried again for half a "
                                        "second:");
  const size_t told = std::min(failures.size(), kBusyTold);
  for (size_t i = 0; i < told; ++i) {
    absl::StrAppend(&line, i == 0 ? " " : ", ", failures[i].address.ToString(), " (listener ",
                    failures[i].listener, ")");
  }
  if (told < failures.size()) absl::StrAppend(&line, " and ", failures.size() - told, " more");
  const std::string how = HowToFindOwner(failures[0].address);
  if (!how.empty()) absl::StrAppend(&line, "; ", how);
  return line;
}

Addresses::Addresses(const conf::Config& config, ListenersOptions options,
                     core::RuntimeHandle runtime, const AcceptContext& context,
                     const Addresses& before)
    : listeners_(config.listeners.size()), options_(std::move(options)) {
  SLUICE_CHECK(options_.size() == listeners_);
  std::unordered_map<std::string_view, std::vector<const Entry*>> known;
  for (const Entry& entry : before.entries_) known[entry.text].push_back(&entry);
  for (size_t i = 0; i < listeners_; ++i) {
    const conf::Listener& listener = config.listeners[i];
    const absl::StatusOr<core::ListenOptions>& own = options_[i];
    if (!own.ok()) {
      unresolved_.push_back(
          {.error = EINVAL,
           .listener = listener.name,
           .address = {},
           .message = absl::StrCat("listener ", listener.name, ": ", own.status().message())});
      continue;
    }
    for (const core::Address& address : listener.bind) {
      Entry entry{.listener = i, .name = listener.name, .text = address.ToString()};
      const auto same = known.find(entry.text);
      if (same != known.end() && !same->second.empty()) {  // of several with port 0, each once
        entry.accepts = same->second.front()->accepts;
        entry.acceptor = same->second.front()->acceptor;
        same->second.erase(same->second.begin());
        if (entry.acceptor->socket().options() != *own) TellKeptOptions(entry);
      } else {
        entry.acceptor = std::make_shared<Acceptor>(address, *own, runtime, context);
      }
      entries_.push_back(std::move(entry));
    }
  }
}

std::vector<BindFailure> Addresses::TryBind() {
  std::vector<BindFailure> failures = unresolved_;
  for (Entry& entry : entries_) {
    ListeningSocket& socket = entry.acceptor->socket();
    if (socket.listening()) continue;
    const int error = socket.TryBind();
    if (error == 0) continue;
    failures.push_back(
        {.error = error,
         .listener = entry.name,
         .address = socket.address(),
         .message = ListenError(entry.name, socket.address(), socket.options(), error)});
  }
  return failures;
}

Handover Addresses::HandOver() const {
  Handover result;
  for (const Entry& entry : entries_) {
    const ListeningSocket& socket = entry.acceptor->socket();
    result.sockets.push_back({.address = entry.text,
                              .options = socket.options(),
                              .file = socket.file().path,
                              .file_id = socket.file().id});
    result.descriptors.push_back(socket.fd());
  }
  return result;
}

void Addresses::LeaveTo(const std::vector<bool>& serves) {
  SLUICE_CHECK(serves.size() == entries_.size());
  for (size_t i = 0; i < serves.size(); ++i) {
    if (!serves[i]) continue;
    entries_[i].left = true;
    entries_[i].acceptor->socket().LeaveFile();
  }
}

void Addresses::Resume() {
  for (Entry& entry : entries_) {
    entry.accepts = false;
    entry.acceptor->Resume();
  }
}

size_t Addresses::Adopt(std::vector<InheritedSocket>& sockets) {
  std::unordered_map<std::string_view, std::vector<InheritedSocket*>> known;
  for (InheritedSocket& each : sockets) known[each.socket.address].push_back(&each);
  size_t adopted = 0;
  for (Entry& entry : entries_) {
    const auto same = known.find(entry.text);
    ListeningSocket& socket = entry.acceptor->socket();
    if (same == known.end() || same->second.empty() || socket.listening()) continue;
    InheritedSocket& inherited = *same->second.front();  // of several with port 0, each once
    same->second.erase(same->second.begin());
    if (!std::exchange(inherited.has_options, true)) {
      const core::ListenOptions& options = socket.options();
      if (core::ListenAgain(inherited.fd, socket.address(), options) != 0) continue;
      inherited.socket.options = options;
    }
    if (socket.options() != inherited.socket.options) TellKeptOptions(entry);
    socket.Adopt(std::exchange(inherited.fd, -1), std::move(inherited.socket.options),
                 {.path = inherited.socket.file, .id = inherited.socket.file_id, .live = {}});
    ++adopted;
  }
  return adopted;
}

void Addresses::OwnFiles() {
  for (const Entry& entry : entries_) entry.acceptor->socket().OwnFile();
}

void Addresses::TellKeptOptions(const Entry& entry) {
  kept_options_.push_back(absl::StrCat("listeners.socket (", entry.name, ", ", entry.text, ")"));
}

Addresses Addresses::Without(const Addresses& other) const {
  std::unordered_set<const Acceptor*> kept;
  for (const Entry& entry : other.entries_) kept.insert(entry.acceptor.get());
  Addresses result;
  result.listeners_ = listeners_;
  for (const Entry& entry : entries_) {
    if (!kept.contains(entry.acceptor.get())) result.entries_.push_back(entry);
  }
  return result;
}

std::vector<std::vector<core::Address>> Addresses::Bound() const {
  std::vector<std::vector<core::Address>> bound(listeners_);
  for (const Entry& entry : entries_) {
    bound[entry.listener].push_back(entry.acceptor->socket().LocalAddress());
  }
  return bound;
}

void Addresses::Log(core::Logger& logger) const {
  for (const Entry& entry : entries_) {
    logger.Log(core::LogLevel::kInfo, "listener %s: listening on %s", entry.name,
               entry.acceptor->socket().LocalAddress().ToString());
  }
}

void Addresses::Serve(const Topology& topology) {
  for (Entry& entry : entries_) {
    entry.acceptor->SetListener(topology.listeners()[entry.listener]);
    if (!std::exchange(entry.accepts, true)) entry.acceptor->Start();
  }
}

void Addresses::Stop() {
  for (const Entry& entry : entries_) entry.acceptor->Stop();
}

core::Task<void> Addresses::Join() {
  for (const Entry& entry : entries_) co_await entry.acceptor->Join();
}

core::Task<void> Addresses::AcceptRest(core::CancellationToken hurry) {
  for (const Entry& entry : entries_) {
    if (entry.accepts && !entry.left) co_await entry.acceptor->AcceptRest(hurry);
    entry.acceptor->Close();
  }
}

void Addresses::Close() {
  for (const Entry& entry : entries_) entry.acceptor->Close();
}

}  // namespace sluice::proxy
