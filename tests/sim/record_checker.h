// RecordChecker: what the access log says of the sessions, read when all is over: one true record
// for each, whatever the time of day did meanwhile.
#ifndef SLUICE_TESTS_SIM_RECORD_CHECKER_H_
#define SLUICE_TESTS_SIM_RECORD_CHECKER_H_

#include <deque>
#include <memory>
#include <string_view>

#include "core/base/clock.h"
#include "core/log/logger.h"
#include "proxy/observe/access_log/access_log.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"

namespace sluice::sim {

class RecordChecker {
 public:
  // `logger` hears of lines that were dropped: there must not be any.
  RecordChecker(Trace& trace, core::Logger& logger);
  RecordChecker(const RecordChecker&) = delete;
  RecordChecker& operator=(const RecordChecker&) = delete;
  ~RecordChecker();

  proxy::AccessLog& log() { return *log_; }

  void CheckEnd(std::deque<Session>& sessions);

 private:
  void CheckRecord(std::deque<Session>& sessions, std::string_view line);
  void CheckError(const Session& session, const std::string& error);

  Trace& trace_;
  const int file_;                    // in memory
  const core::MonotonicClock clock_;  // of the thread that writes, which is not simulated
  std::unique_ptr<proxy::AccessLog> log_;
};

}  // namespace sluice::sim

#endif  // SLUICE_TESTS_SIM_RECORD_CHECKER_H_
