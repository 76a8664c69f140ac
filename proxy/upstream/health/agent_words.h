// What an agent says of its endpoint: one line of words, in the form that agents of HAProxy have.
//
//   75%   weight:10   maxconn:30   up   down   fail   stopped   ready   drain   maint   #why
//
// Words stand apart by blanks, tabs or commas, in any order and in either case; of two that say the
// same the last counts. A "#" at the beginning of a word begins a reason, which goes to the end of
// the line. The line ends with CR, LF or the end of the connection. A word that is none of these
// is named and says nothing.
// Pure. Checked by: tests/proxy/upstream/health/agent_words_test.cc, tests/fuzz (agent_words).
#ifndef SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_WORDS_H_
#define SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::proxy {

struct AgentReport {
  static constexpr uint32_t kMostWeight = 256;
  static constexpr uint32_t kMostPercent = 25600;  // more is that
  static constexpr uint32_t kMostConnections = 10'000'000;

  // At most one of these two; percent is of the weight that the endpoint has otherwise.
  std::optional<uint32_t> percent = std::nullopt;
  std::optional<uint32_t> weight = std::nullopt;
  std::optional<uint32_t> max_connections = std::nullopt;  // 0: no limit
  std::string_view operation = {};                         // "", "up", "down", "fail", "stopped"
  std::string_view wish = {};                              // "", "ready", "drain", "maint"
  std::string_view why = {};                               // of the line
  std::string_view unknown = {};  // the first word of the line that is none

  bool is_up() const { return operation == "up"; }
  bool is_down() const { return !operation.empty() && operation != "up"; }

  friend bool operator==(const AgentReport&, const AgentReport&) = default;
};

// `line` has no end of line in it; it outlives what is returned.
AgentReport ReadAgentWords(std::string_view line);

// The line, from pieces of any size.
class AgentLine {
 public:
  enum class State : uint8_t { kMore, kDone, kTooLong };
  static constexpr size_t kLongest = 1024;  // bytes

  // After kDone and kTooLong nothing changes any more.
  State Take(std::string_view bytes);
  // The connection has ended: so has the line, unless there is none.
  State End();

  State state() const { return state_; }
  const std::string& text() const { return text_; }

 private:
  State state_ = State::kMore;
  std::string text_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_HEALTH_AGENT_WORDS_H_
