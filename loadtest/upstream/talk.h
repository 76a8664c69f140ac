// Talk: what an upstream does with one connection, without its socket. One thread.
#ifndef SLUICE_LOADTEST_UPSTREAM_TALK_H_
#define SLUICE_LOADTEST_UPSTREAM_TALK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::loadtest {

class Talk {
 public:
  virtual ~Talk() = default;

  // Takes what was received. Returns false for bytes that this kind of upstream does not
  // understand: the caller resets the connection.
  virtual bool Take(std::string_view data) = 0;

  // The client has ended its stream. The caller sends what Next() still returns, then closes.
  virtual void TakeEnd() {}

  // The bytes to send next, or nothing; and how many of them have been sent.
  virtual std::string_view Next() = 0;
  virtual void Sent(size_t bytes) = 0;

  // Returns false while received bytes wait to be sent.
  virtual bool wants_more() const { return true; }
};

// By name: "framed" (wire.h), "echo", "sink" (reads, sends nothing), "source" (sends the pattern
// without end), "http" (answers each request without a body with the same 256 bytes). Null when
// there is no such kind.
// `endless_part`: see FramedTalk; other kinds ignore it.
std::unique_ptr<Talk> MakeTalk(const std::string& kind, uint64_t endless_part);

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_TALK_H_
