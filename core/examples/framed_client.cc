// Framed client: sends its arguments as numbered messages (framed_protocol.h) and prints the
// answers with their questions.
//
//     bazel run //core/examples:framed_client -- 127.0.0.1:8080 hello "how are you"
//
// It writes and reads at the same time: if it first wrote all, both sides would wait for each other
// as soon as the answers had filled the buffers between them.
#include <cerrno>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/framed_protocol.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

// Both bring an errno or 0.
core::Task<int> Ask(core::WriteHalf<core::TcpStream> out, const std::vector<std::string>& texts) {
  core::FrameWriter questions(out, framed::kLongestFrame);
  int error = 0;
  for (uint32_t number = 0; number < texts.size() && error == 0; ++number) {
    error = (co_await questions.Send(framed::Encode({number, texts[number]}))).error();
  }
  (void)co_await out.Shutdown();  // also after an error: the server's answers come to an end
  co_return error;
}

core::Task<int> Receive(core::ReadHalf<core::TcpStream> in, const std::vector<std::string>& texts) {
  core::BufReader reader(in);
  core::FrameReader answers(reader, framed::kLongestFrame);
  size_t count = 0;
  while (true) {
    core::IoResult<std::optional<std::span<const std::byte>>> frame = co_await answers.Next();
    if (!frame.ok()) co_return frame.error();
    if (!frame->has_value()) co_return count == texts.size() ? 0 : core::kEndedEarly;
    const std::optional<framed::Message> answer = framed::Decode(**frame);
    if (!answer.has_value() || answer->number >= texts.size()) co_return EPROTO;
    std::printf("%s: %s\n", texts[answer->number].c_str(), answer->text.c_str());
    ++count;
  }
}

core::Task<int> Main(core::Address address, std::vector<std::string> texts) {
  core::NetResult<core::TcpStream> stream = co_await core::TcpStream::Connect(address);
  if (!stream.ok()) {
    std::fprintf(stderr, "%s\n", stream.message().c_str());
    co_return 1;
  }
  auto [in, out] = stream->Split();
  auto [asked, received] = co_await core::Join(Ask(out, texts), Receive(in, texts));
  for (const auto& [operation, error] : {std::pair("write to", asked), {"read from", received}}) {
    if (error == 0) continue;
    std::fprintf(stderr, "%s\n", stream->Error(operation, error).message().c_str());
    co_return 1;
  }
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "framed_client ADDRESS TEXT...");
  const core::Address address = arguments.AddressAt(0);
  std::vector<std::string> texts = arguments.WordsFrom(1, 1);
  return core::RunMain(Main(address, std::move(texts)), arguments.Runtime(Arguments::kAnyWords));
}
