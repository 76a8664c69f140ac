// AdminActs: what the admin endpoint does to endpoints and sessions, and the list of sessions.
//
//   POST    /api/v1/endpoints/UPSTREAM/NAME/{ready,drain,maintenance,reset}
//               ?wait=drained&timeout=5m    of drain, maintenance: answers when it has no session
//                                           any more, else 504
//   PUT     /api/v1/endpoints/UPSTREAM/NAME/weight?weight=0…256
//   POST    /api/v1/upstreams/UPSTREAM/endpoints?address=…[&name=…&weight=…&priority=…
//               &max_connections=…]
//   DELETE  /api/v1/endpoints/UPSTREAM/NAME     ?wait=drained, too
//   GET     /api/v1/sessions                    ?listener=&upstream=&endpoint=&client=&stage=
//               &min_age=&min_idle=&min_bytes=  which; &order=&reversed=true&offset=&limit= how
//               &paths=true                     also round trips, retransmits, bytes on their way
//   DELETE  /api/v1/sessions/ID
//   DELETE  /api/v1/sessions?client=…           those that the filter lets pass; it needs one
//   POST    /api/v1/shed?percent=10&over=5m     ends a share of all sessions, evenly
//   DELETE  /api/v1/shed                        stops that
//
// The answer to an act on an endpoint is the endpoint as it is then. An act that changes nothing is
// none of the errors. A parameter that is not known, or says nothing of this act, is 400 before
// anything is done: the act without it may be more than was meant.
//
// What looks at all sessions, or ends some, is answered by a thread of its own, in the order of the
// requests: with 10,000 of them it may take half a second. What would have to wait, and may not
// because too many do, is 503 before anything is done.
//
// Threads: the HTTP server's. Checked by: tests/e2e/test_admin_acts.py.
#ifndef SLUICE_PROXY_ADMIN_ACTS_H_
#define SLUICE_PROXY_ADMIN_ACTS_H_

#include <functional>
#include <memory>
#include <string_view>

#include "core/base/time.h"
#include "proxy/admin/http/exchange.h"
#include "proxy/admin/http/target.h"
#include "proxy/admin/slow_work.h"
#include "proxy/admin/subject.h"
#include "proxy/server/session_actions.h"

namespace sluice::proxy {

class AdminActs {
 public:
  explicit AdminActs(const AdminSubject& subject) : subject_(subject) {}

  // Returns false if the path is none of its own; then nothing has been answered.
  bool Handle(std::string_view method, const HttpTarget& target, const HttpRequest& request,
              const HttpAnswer& answer);

 private:
  struct Call {
    std::string_view method;
    const HttpTarget& target;
    std::string_view who;
    bool may_wait;
    const std::shared_ptr<core::CancellationSource>& gone;
    const HttpAnswer& answer;
  };

  void OnEndpoint(const Call& call);
  void AddEndpoint(const Call& call);
  void OnSessions(const Call& call);
  void KillOne(const Call& call);
  void OnShed(const Call& call);
  void AnswerWhenDrained(const Call& call, EndpointId id, core::Duration timeout) const;
  // Returns false when it has answered: there are others than these.
  static bool TakesOnly(const Call& call, std::string_view names);

  // `work` has the actions on sessions and returns the answer.
  void AnswerSlowly(const Call& call, std::function<HttpResponse(SessionActions&)> work);

  const AdminSubject& subject_;
  SlowWork slow_work_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_ACTS_H_
