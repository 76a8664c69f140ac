// AdminApi: what the admin endpoint answers to which request.
//
//   GET   /healthz /readyz /metrics
//   GET   /                                 the page, and its files: page/page.h
//   GET   /api/v1/{info,config,config/diff,listeners,upstreams,endpoints,workers}
//   GET   /api/v1/events                    event_query.h
//   GET   /api/v1/tasks                     core/runtime/task_query.h; or 409
//   POST  /api/v1/reload                    200 when the file is in force, 409 with what is wrong
//   POST  /api/v1/upgrade                   200 when a successor serves, 409 with what is wrong
//   POST  /api/v1/shutdown                  as SIGTERM: once to drain, twice to end at once
//   and what acts.h names
//   POST  /api/v1/log-level?level=debug     until the next reload that changes log
//
// An answer is JSON unless its path says otherwise: /healthz and /readyz are a line of text,
// /metrics is Prometheus's, /api/v1/config is YAML. An error is {"error": a sentence}. Each act is
// an event, with the peer that asked for it; with a parameter that it does not take it is 400.
//
// Threads: Handle the HTTP server's. Checked by: tests/e2e/test_admin.py.
#ifndef SLUICE_PROXY_ADMIN_API_H_
#define SLUICE_PROXY_ADMIN_API_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "proxy/admin/access.h"
#include "proxy/admin/acts.h"
#include "proxy/admin/http/exchange.h"
#include "proxy/admin/http/target.h"
#include "proxy/admin/page/page.h"
#include "proxy/admin/subject.h"

namespace sluice::proxy {

class AdminApi {
 public:
  // `is_abstract`: the admin door is a UNIX socket without a file.
  AdminApi(const AdminSubject& subject, bool is_abstract)
      : subject_(subject), is_abstract_(is_abstract) {}

  // `door`: the one that it came through.
  void Handle(Door door, const HttpRequest& request, const HttpAnswer& answer);

 private:
  struct Route;
  struct Call {
    const HttpRequest& request;
    const HttpTarget& target;
    const HttpAnswer& answer;
  };
  static const Route kRoutes[];

  void Take(const Route& route, const Call& call);
  void Page(const PageFile& file, std::string_view method, const Call& call);
  void Health(const Call& call);
  void Ready(const Call& call);
  void Metrics(const Call& call);
  void Info(const Call& call);
  void Config(const Call& call);
  void ConfigDiff(const Call& call);
  void Listeners(const Call& call);
  void Upstreams(const Call& call);
  void Endpoints(const Call& call);
  void Workers(const Call& call);
  void Tasks(const Call& call);
  void Events(const Call& call);
  void Reload(const Call& call);
  void Upgrade(const Call& call);
  void Shutdown(const Call& call);
  void LogLevel(const Call& call);

  absl::StatusOr<std::string> Token() const;
  void TellAct(const HttpRequest& request, std::string_view what) const;
  void AskForChange(const Call& call, Change change, std::string_view name);

  const AdminSubject subject_;
  AdminActs acts_{subject_};
  const bool is_abstract_;
  const core::MonotonicClock clock_;
  // Reloads and upgrades that are to be answered.
  const std::shared_ptr<core::Atomic<uint32_t>> asked_ =
      std::make_shared<core::Atomic<uint32_t>>(0);
  // Whether a thread reads the file for a comparison: one at a time.
  const std::shared_ptr<core::Atomic<bool>> compares_ = std::make_shared<core::Atomic<bool>>(false);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_API_H_
