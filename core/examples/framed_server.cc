// Framed server: answers each message (framed_protocol.h) with its text in capital letters.
//
//     bazel run //core/examples:framed_server -- 127.0.0.1:8080
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/examples/accept_loop.h"
#include "core/examples/arguments.h"
#include "core/examples/framed_protocol.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

// Why a client is sent away is written to stderr with its address: its author will ask.
core::Task<void> Serve(core::TcpStream client) {
  core::BufReader reader(client);
  core::FrameReader frames(reader, framed::kLongestFrame);
  core::FrameWriter answers(client, framed::kLongestFrame);
  while (true) {
    core::IoResult<std::optional<std::span<const std::byte>>> frame = co_await frames.Next();
    if (!frame.ok()) {
      std::fprintf(stderr, "%s\n", client.Error("read from", frame.error()).message().c_str());
      co_return;
    }
    if (!frame->has_value()) co_return;  // the end, between two frames
    std::optional<framed::Message> message = framed::Decode(**frame);
    if (!message.has_value()) {
      std::fprintf(stderr, "%s: a frame without a number\n", client.peer().ToString().c_str());
      co_return;
    }
    absl::AsciiStrToUpper(&message->text);
    if (!(co_await answers.Send(framed::Encode(*message))).ok()) co_return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "framed_server [ADDRESS]");
  const AcceptOptions options{.address = arguments.AddressAt(0, "127.0.0.1:8080"),
                              .patience = core::Duration(0)};
  return core::RunMain(AcceptLoop(options, &Serve, [] {}), arguments.Runtime(/*most_words=*/1));
}
