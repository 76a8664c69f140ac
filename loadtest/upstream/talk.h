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

  // Takes what was received; false when it is not what this kind of upstream understands, and
  // the connection is to be reset.
  virtual bool Take(std::string_view data) = 0;

  // The client's end of stream. Whatever Next() still gives is sent, then the connection closed.
  virtual void TakeEnd() {}

  // What is to be sent next, empty for nothing, and how much of it has been.
  virtual std::string_view Next() = 0;
  virtual void Sent(size_t bytes) = 0;

  // False while what was received waits to be sent.
  virtual bool wants_more() const { return true; }
};

// By name: "framed" (wire.h), "echo", "sink" (takes all, says nothing), "source" (sends the pattern
// without end), "http" (answers each request without a body with the same 256 bytes). Null when
// there is no such kind.
// `endless_part`: see FramedTalk; other kinds ignore it.
std::unique_ptr<Talk> MakeTalk(const std::string& kind, uint64_t endless_part);

}  // namespace sluice::loadtest

#endif  // SLUICE_LOADTEST_UPSTREAM_TALK_H_
